"""A real handshake with a live server: the device library on a MicroPython of this computer.

Whether a board would accept a server is best asked of what runs on the board: MicroPython's unix
port, with its real Mbed TLS, and lib/ats_trust unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Handshake:
    """What came of it.

    outcome: "accepted", the server was authenticated, also where it then turned us away for want
    of a client certificate (`note` says so); "refused", it was not; "unknown", no answer to that
    question: no MicroPython here, the network failed, out of time, this computer's clock or
    memory; `note` says what to do.
    micropython: "MicroPython 1.28.0, Mbed TLS 3.6.6"; empty if there is none.
    error, code, detail, stage, remedy: the library's error, as "PeerRejected", "expired", ...;
    empty where there was none. Text of the server's may be in `detail` and is not yet printable.
    """

    outcome: Literal["accepted", "refused", "unknown"]
    micropython: str = ""
    error: str = ""
    code: str = ""
    detail: str = ""
    stage: str = ""
    remedy: str = ""
    note: str = ""


def shake(
    host: str,
    port: int,
    address: str | None,
    bundle: bytes,
    timeout: float = 30.0,
    device: Path | None = None,
) -> Handshake:
    """Run a handshake on a MicroPython of this computer and return what came of it.

    bundle: the trust anchors, a bundle's content. address: where to connect if not to what DNS
    says of the name. timeout: seconds for all of it. device: a device file, as boards read it,
    whose certificate and key the server gets to see. Never raises for what the server does.
    """
    raise NotImplementedError
