"""Import before ats_trust: notes which trust anchors are given to the TLS, and changes nothing."""

import sys

import jobs  # noqa: F401  It provides `tls` under CPython.
import tls

loaded = []


class SSLContext:
    """The port's SSLContext, with a note of each load_verify_locations."""

    def __init__(self, protocol):
        self._inner = tls.SSLContext(protocol)

    def load_verify_locations(self, certificate):
        loaded.append(certificate)
        self._inner.load_verify_locations(certificate)

    def set_ciphers(self, suites):
        self._inner.set_ciphers(suites)

    def load_cert_chain(self, certificate, key):
        self._inner.load_cert_chain(certificate, key)

    def wrap_socket(self, sock, **options):
        return self._inner.wrap_socket(sock, **options)

    @property
    def verify_mode(self):
        return self._inner.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._inner.verify_mode = mode

    @property
    def verify_callback(self):
        return self._inner.verify_callback

    @verify_callback.setter
    def verify_callback(self, callback):
        self._inner.verify_callback = callback


class _Watched:
    """What `import tls` gives from now on."""

    PROTOCOL_TLS_CLIENT = tls.PROTOCOL_TLS_CLIENT
    CERT_NONE = tls.CERT_NONE
    CERT_OPTIONAL = tls.CERT_OPTIONAL
    CERT_REQUIRED = tls.CERT_REQUIRED
    SocketStream = getattr(tls, "SocketStream", None)  # Of the stand-in on CPython.


def provide(context_class):
    """Make another class `tls.SSLContext`."""
    _Watched.SSLContext = context_class


provide(SSLContext)
sys.modules["tls"] = _Watched
