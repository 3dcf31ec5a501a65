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

import sys

from . import preflight
from .bundle import LEAF_RSA, Bundle
from .endpoint import parse
from .errors import BundleError, ConfigError, HeapError
from .judge import Judge
from .stream import TrustedStream, close

try:
    import tls
except ImportError:
    raise ConfigError("no_verification", "this firmware has no module tls")


class TrustedContext:
    """Makes TLS connections to one endpoint, and to no other server.

    host: str, the endpoint's name. port: int, None is the usual one for this kind of endpoint.
    Both can be read, not set: what was checked for one name must not be used for another.
    cert, key: the device's own, each a path or bytes, PEM or DER; or credentials: a callable that
    returns (certificate, key) in DER. bundle: path of the trust anchors, None is those in force.
    pins: list of SHA-256 of SubjectPublicKeyInfo (bytes, "sha256/BASE64" or hex), one of which
    the chain must contain.

    Raises ConfigError, BundleError or ClockError before anything is sent.
    """

    _attempt = None  # A slots.Attempt, of a context that is for one connection.

    def __init__(
        self, host, cert=None, key=None, bundle=None, pins=None, port=None, credentials=None
    ):
        self._host, kind, usual, self._roles = parse(host)
        self._port = port or usual
        # A tuple is for Bundle: see slots.renewed.
        self._bundle = Bundle(*bundle) if isinstance(bundle, tuple) else Bundle(bundle, self._host)
        self._follows = not bundle  # Each connection takes the bundle that is then in force.
        if not self._bundle.leaf_types(self._roles):
            raise BundleError("bundle_useless", "no root in it answers for " + kind)
        if cert or key:
            from .credentials import Files

            credentials = Files(cert, key)
        self._credentials = credentials
        if pins is not None:
            from .pins import parse as parse_pins

            pins = parse_pins(pins)
        self._pins = pins
        preflight.check_clock(self._bundle)

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
        stream = self._wrap(sock, server_side or options, server_hostname)
        if do_handshake_on_connect:
            stream.handshake()
        return stream

    def _wrap(self, sock, odd, server_hostname):
        attempt = None
        try:
            if odd:
                raise ConfigError(
                    "bad_call", "this context is a client's: no server_side or extras"
                )
            if server_hostname is not None and server_hostname.lower() != self._host:
                raise ConfigError(
                    "bad_endpoint",
                    "this context is for %s, not %s" % (self._host, server_hostname),
                )
            context = self
            # Imported by whatever finds, or installs, a signed update.
            if self._follows and "ats_trust.slots" in sys.modules:
                from .slots import renewed

                context = renewed(self)
            preflight.check_clock(context._bundle)
            if not hasattr(sock, "readinto"):
                sock = tls.SocketStream(sock)  # CPython: the host tools' stand-in has it.
            attempt = context._attempt
            if attempt:
                attempt.begin()
            return TrustedStream(context, sock)
        except BaseException as error:
            close(sock)
            if isinstance(error, (MemoryError, OSError)):
                # Nothing was sent or received yet: an OSError is the TLS's, for want of memory.
                error = HeapError("heap", "setting up the TLS: " + repr(error))
            if attempt:
                attempt.end(error)
            raise error

    # For TrustedStream, which is the other half of this:

    def _find(self, chain):
        """Return the anchors that can end this chain of name keys: see Bundle.find."""
        return self._bundle.find(chain, self._roles)

    def _judge(self, anchors):
        """Return a Judge for a chain that must end in one of these anchors, by SHA-256."""
        return Judge(self._host, preflight.check_clock(self._bundle), self._pins, anchors)

    def _native(self):
        """Return a new tls.SSLContext that can only verify."""
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
            raise preflight.unless_scarce(
                ConfigError("no_verification", "the TLS of this port lacks ECDHE with AES-GCM")
            )
        if self._credentials:
            try:
                inner.load_cert_chain(*self._credentials())
            except ValueError:
                raise preflight.unless_scarce(
                    ConfigError("bad_credentials", "this port can not read certificate or key")
                )
        return inner


context = TrustedContext


def connect(host, port=None, address=None, timeout=30, **options):
    """Connect to an endpoint and return its authenticated TrustedStream.

    host: str, the endpoint's name, or a TrustedContext. port: int, None is the usual one.
    address: str, where to connect if not to what DNS says of the name; the name is verified all
    the same. timeout: seconds that connecting and each single read or write of the socket may
    take, None for no limit.
    options: as for TrustedContext: cert, key, credentials, bundle, pins.
    Raises TrustError, or OSError when the network fails.
    """
    made, raw, address = prepare(host, port, address, options)
    try:
        raw.settimeout(timeout)
        raw.connect(address)
    except BaseException:
        raw.close()
        raise
    return made.wrap_socket(raw)


def prepare(host, port, address, options):
    """Return (TrustedContext, a new socket, the address to connect it to); see `connect`."""
    import socket

    made = host
    if not isinstance(host, TrustedContext):
        made = TrustedContext(host, port=port, **options)
    elif options:
        raise ConfigError("bad_call", "a context has its options already")
    where = socket.getaddrinfo(address or made.host, port or made.port, 0, socket.SOCK_STREAM)[0]
    return made, socket.socket(where[0], socket.SOCK_STREAM), where[-1]
