"""The certificates that a live server presents to a board, as they came over the wire.

They are had from any server, trusted or not, also from one that demands a client certificate:
in TLS 1.2 the Certificate message comes in clear, before anything is asked of the client.

Rules kept here:
- This never becomes a connection. The one thing that is sent is a ClientHello; what answers it is
  read up to the end of the Certificate message and goes nowhere but into `fetch`'s result, so the
  handshake can not go on, no key is ever agreed on and no byte of an application can follow. That
  nothing is verified here lets nobody in: the chain is evidence, for others to judge.
- The hello offers what boards offer: TLS 1.2, ECDHE with AES-GCM, for one type of leaf key.
- Time and size are bounded as a whole, whatever the server does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from .errors import ToolError

LeafKey = Literal["rsa", "ecdsa"]


class Reason(StrEnum):
    """Why there is no chain."""

    NO_SUCH_LEAF = "no_such_leaf"  # It speaks TLS 1.2, but has no certificate with such a key.
    TLS13_ONLY = "tls13_only"  # Boards speak TLS 1.2.
    ALERT = "alert"  # It refused the hello with another alert.
    NOT_TLS = "not_tls"
    MALFORMED = "malformed"  # It began in TLS, and what followed was none.
    OVERSIZED = "oversized"
    HUNG_UP = "hung_up"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"  # Nothing listens on that port.
    UNREACHABLE = "unreachable"
    UNKNOWN_NAME = "unknown_name"


class NoChain(ToolError):
    """The server's chain could not be had; `reason` is for programs, the message for people."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def fetch(
    host: str,
    port: int,
    address: str | None = None,
    leaf: LeafKey = "rsa",
    timeout: float = 10.0,
) -> list[bytes]:
    """Return the certificates that the server presents, DER, its own first, in its order.

    host: the name to ask for (SNI), as ats_trust.endpoint.parse returns it. address: where to
    connect if not to what DNS says of the name. leaf: the type of the server's own key. timeout:
    seconds for all of it. Raises NoChain.
    """
    raise NotImplementedError
