"""MicroPython's C module `tls` for CPython, so that `ats_trust` runs on the host unchanged.

`install()` makes `import tls` work; then a handshake on the host does what it does on a board
with MicroPython 1.29 and Mbed TLS 3.6: the same verdicts, exceptions, numbers and texts, the same
calls of the verify_callback. The protocol is OpenSSL's; the verdict on the server's certificates
is Mbed TLS's, rebuilt in `verdict`, and then OpenSSL's as well (see `connection`).

What differs from a board:
- Only TLS clients (no server contexts, no DTLS, no pre-shared keys).
- The ClientHello is OpenSSL's: it may offer signature schemes and curves that a board does not.
- OpenSSL has a second vote. A chain that Mbed TLS accepts and OpenSSL does not is refused, as
  OSError(-31232), after the callback has seen it.
- Malformed messages and certificates are refused at the same place and with the same type of
  exception, but the number can be a neighbour of Mbed TLS's.
- A positive answer of the verify_callback is an OSError here also with a deferred handshake;
  a board takes it for a number of bytes written.
- `cipher()` before the end of the handshake raises OSError; a board crashes.
- The callback's memoryview is released when it returns; on a board, touching it later crashes.
- Memory: no buffer can be too small here, and running out of memory is not emulated.
"""

from __future__ import annotations

import ssl
import sys
import types

from ats_trust_tools.micropython_tls.connection import SSLSocket
from ats_trust_tools.micropython_tls.context import PROTOCOL_TLS_CLIENT, SSLContext
from ats_trust_tools.micropython_tls.stream import SocketStream, Stream
from ats_trust_tools.micropython_tls.verdict import CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED

__all__ = [
    "CERT_NONE",
    "CERT_OPTIONAL",
    "CERT_REQUIRED",
    "MBEDTLS_VERSION",
    "PROTOCOL_TLS_CLIENT",
    "SSLContext",
    "SSLSocket",
    "SocketStream",
    "Stream",
    "install",
]

# Named as on a board, and says that it is none.
MBEDTLS_VERSION = f"host's {ssl.OPENSSL_VERSION}, judging as Mbed TLS 3.6"


def install() -> None:
    """Make `import tls` work; a real module of that name stays."""
    if "tls" not in sys.modules and sys.implementation.name != "micropython":
        module = types.ModuleType("tls", __doc__)
        for name in set(__all__) - {"install"}:
            setattr(module, name, globals()[name])
        sys.modules["tls"] = module
