"""What a program gives its MQTT client in place of an `ssl` context. Only it imports `tls`.

The C module `tls` is the port's own TLS; the Python wrapper `ssl` around it switches verification
off (docs/decisions/0001). Rules kept here:
- Every handshake has a fresh tls.SSLContext with CERT_REQUIRED, read back, and the host name set.
- The trust anchor is chosen in the middle of the handshake: when the server's Certificate message
  has passed, the one anchor that this chain needs is loaded from flash (docs/decisions/0002).
- Only ECDHE with AES-GCM is offered, for the leaf key types that the endpoint's anchors state.
- The raw socket is closed here whenever the server is not authenticated, since the caller's client
  still holds it and would go on in plaintext.
"""

import hashlib
import sys

from . import clock, heap
from .bundle import LEAF_RSA, Bundle
from .endpoint import parse
from .errors import BundleError, ConfigError, HeapError
from .flight import Flight
from .judge import Judge
from .stream import TrustedStream, close

try:
    import tls
except ImportError:
    raise ConfigError("no_verification", "this firmware has no module tls")

_REFUSE = -0x3000  # Below -255: Mbed TLS passes it on, and it is no errno.


class TrustedContext:
    """Makes TLS connections to one endpoint, and to no other server.

    host: str, the endpoint's name. port: int, None is the usual one for this kind of endpoint.
    Both can be read, not set: what was checked for one name must not be used for another.
    cert, key: the device's own, each a path or bytes, PEM or DER; or credentials: a callable that
    returns (certificate, key) in DER. bundle: path of the trust anchors, None is the factory's.
    pins: list of SHA-256 of SubjectPublicKeyInfo (bytes, "sha256/BASE64" or hex), one of which
    the chain must contain.

    Raises ConfigError, BundleError or ClockError before anything is sent.
    """

    def __init__(
        self, host, cert=None, key=None, bundle=None, pins=None, port=None, credentials=None
    ):
        endpoint = parse(host)
        self._host = endpoint.host
        self._roles = endpoint.roles
        self._port = port or endpoint.port
        self._bundle = Bundle(bundle)
        if not self._bundle.leaf_types(self._roles):
            raise BundleError("bundle_useless", "no root in it answers for " + endpoint.kind)
        if cert or key:
            from .credentials import Files

            credentials = Files(cert, key)
        self._credentials = credentials
        if pins is not None:
            from .pins import parse as parse_pins

            pins = parse_pins(pins)
        self._pins = pins
        clock.check(self._bundle.built_at, self._bundle.not_after)

    @property
    def host(self):
        """The endpoint's name, lower case."""
        return self._host

    @property
    def port(self):
        """The TCP port to connect to."""
        return self._port

    def wrap_socket(
        self,
        sock,
        server_side=False,
        server_hostname=None,
        do_handshake_on_connect=True,
        **options,
    ):
        """Return a TrustedStream over `sock`, as ssl.SSLContext.wrap_socket does.

        sock: a connected stream socket, or any object with readinto and write. server_hostname:
        None or this endpoint's name. do_handshake_on_connect: False leaves the handshake to the
        first read or write. Raises TrustError when the server is not authenticated, OSError when
        the network fails; `sock` is then closed.
        """
        try:
            if server_side or options:
                raise ConfigError(
                    "bad_call", "this context is a client's: no server_side or extras"
                )
            if server_hostname is not None and server_hostname.lower() != self._host:
                raise ConfigError(
                    "bad_endpoint",
                    "this context is for %s, not %s" % (self._host, server_hostname),
                )
            stream = self._stream(sock)
        except (MemoryError, OSError) as error:
            # Nothing was sent or received yet: an OSError is the TLS's, for want of memory.
            close(sock)
            raise HeapError("heap", "setting up the TLS: " + repr(error))
        except BaseException:
            close(sock)
            raise
        if do_handshake_on_connect:
            stream.handshake()
        return stream

    def _stream(self, sock):
        now = clock.check(self._bundle.built_at, self._bundle.not_after)
        heap.preflight()
        inner = self._native()
        judge = Judge(self._host, now, self._pins)
        refusals = []

        def find(keys):
            return self._bundle.find(keys, self._roles)

        def load_anchors(keys):
            judge.ample = heap.ample()
            for certificate in find(keys):
                judge.anchors.append(hashlib.sha256(certificate).digest())
                try:
                    inner.load_verify_locations(certificate)
                except ValueError:
                    raise _unless_scarce(
                        BundleError("bundle_useless", "this port can not read one of its roots")
                    )

        def see(certificate, depth):
            try:
                judge.see(certificate, depth)
                return 0
            except Exception as error:  # Also a bug refuses: nothing may pass through Mbed TLS.
                refusals.append(error)
                return _REFUSE

        inner.verify_callback = see
        flight = Flight(sock, load_anchors)
        flight.links = judge.links
        secured = inner.wrap_socket(
            flight, server_hostname=self._host, do_handshake_on_connect=False
        )
        return TrustedStream(secured, flight, judge, refusals, find)

    def _native(self):
        """Return a tls.SSLContext that can only verify."""
        if not hasattr(tls.SSLContext, "load_verify_locations"):
            raise ConfigError("no_verification", "the TLS of this port never verifies")
        if sys.implementation.version < (1, 24):  # CPython's is larger.
            raise ConfigError("no_verification", "MicroPython before 1.24 misreads certificates")
        inner = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        inner.verify_mode = tls.CERT_REQUIRED
        if inner.verify_mode != tls.CERT_REQUIRED:
            raise ConfigError(
                "no_verification", "the TLS of this port does not keep CERT_REQUIRED"
            )
        suites = []
        for leaf in self._bundle.leaf_types(self._roles):
            name = "TLS-ECDHE-%s-WITH-AES-" % ("RSA" if leaf == LEAF_RSA else "ECDSA")
            suites += [name + "128-GCM-SHA256", name + "256-GCM-SHA384"]
        try:
            inner.set_ciphers(suites)
        except (ValueError, OSError):
            raise _unless_scarce(
                ConfigError("no_verification", "the TLS of this port lacks ECDHE with AES-GCM")
            )
        if self._credentials:
            try:
                inner.load_cert_chain(*self._credentials())
            except ValueError:
                raise _unless_scarce(
                    ConfigError("bad_credentials", "this port can not read certificate or key")
                )
        return inner


def _unless_scarce(error):
    """Return MemoryError while memory is scarce, else `error`: the TLS has one word for both."""
    return MemoryError() if heap.ample() is False else error


context = TrustedContext
