"""A real handshake with a live server: the device library on a MicroPython of this computer.

Whether a board would accept a server is best asked of what runs on the board: MicroPython's unix
port, with its real Mbed TLS, and lib/ats_trust unchanged.

Rules kept here:
- The program is the same text each time; what it works on comes to it as a file of JSON.
- It sees the device library and what is built into MicroPython, nothing of the user's own.
- Nothing of an application is sent. A device's private key stays in the file that it is in.
- Its files lie in a folder that only this user can read, and which is gone afterwards.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import micropython_program
from .errors import ToolError
from .installation import library_files
from .micropython_program import Ended, MicroPython
from .printable import printable


@dataclass(frozen=True)
class Handshake:
    """What came of it.

    outcome: "accepted", the server was authenticated, also where it then turned us away for want
    of a client certificate (`note` says so); "refused", it was not, or the bundle is of no use for
    it; "unknown", no answer to that question: no MicroPython here, the network failed, out of
    time, this computer's clock or memory; `note` says what to do.
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
    try:
        micropython = micropython_program.find()
    except ToolError as error:
        return Handshake("unknown", note=str(error))
    job = {
        "host": host,
        "port": port,
        "address": address,
        "bundle": "roots.bin",
        "device": str(device.absolute()) if device else None,
        "timeout": timeout + 1,  # Of no use but to end it when we were killed ourselves.
    }
    try:
        ended = _run(micropython, job, bundle, timeout)
    except OSError as error:
        raise ToolError(f"temporary files can not be written: {error.strerror}") from None
    name = f"MicroPython {micropython.version}, {micropython.mbedtls}"
    return _told(name, ended, timeout)


_MARK = "ats_trust:"
# The folder of the script is the first on sys.path; the user's own libraries come after it.
_PROGRAM = f"""\
import sys
sys.path[:] = [sys.path[0], ".frozen"]
import json
import ats_trust
with open(sys.argv[1]) as file:
    job = json.load(file)
found = {{}}
try:
    options = {{"bundle": job["bundle"]}}
    if job["device"]:
        options["credentials"] = ats_trust.load_device(job["device"]).credentials
    ats_trust.connect(job["host"], job["port"], job["address"], job["timeout"], **options).close()
except ats_trust.TrustError as error:
    for name in ("code", "detail", "stage", "remedy"):
        found[name] = getattr(error, name)
    found["error"] = type(error).__name__
except OSError as error:
    found["error"] = "OSError"
    found["errno"] = error.args[0] if error.args else 0
print("{_MARK}" + json.dumps(found))
"""
_NOT_THE_SERVER = ("ConfigError", "ClockError", "HeapError")


def _run(micropython: MicroPython, job: dict[str, Any], bundle: bytes, timeout: float) -> Ended:
    with tempfile.TemporaryDirectory(prefix="ats_trust.") as name:
        folder = Path(name)
        library = folder / "ats_trust"
        library.mkdir()
        for module, content in library_files().items():
            (library / module).write_bytes(content)
        (folder / "roots.bin").write_bytes(bundle)
        (folder / "handshake.py").write_text(_PROGRAM, encoding="ascii")
        (folder / "job.json").write_text(json.dumps(job), encoding="ascii")
        line = [*micropython.argv, str(folder / "handshake.py"), "job.json"]
        return micropython_program.run(line, folder, timeout)


def _told(micropython: str, ended: Ended, timeout: float) -> Handshake:
    """Understand what the program said."""
    if ended.status is None:
        note = f"there was no end to the handshake within {timeout:g} seconds; try again"
        return Handshake("unknown", micropython, note=note)
    lines = [line for line in ended.output.splitlines() if line.startswith(_MARK)]
    if not lines:
        said = (ended.errors or ended.output).strip().splitlines() or ["it said nothing"]
        note = f"MicroPython ended with status {ended.status}: {printable(said[-1][:200])}"
        return Handshake("unknown", micropython, note=note)
    found = json.loads(lines[-1][len(_MARK) :])
    error = found.pop("error", "")
    if not error:
        return Handshake("accepted", micropython)
    if error == "OSError":
        return Handshake("unknown", micropython, error, note=_network(found["errno"]))
    if error == "ClientRefused":
        note = "the server was authenticated; it then turned this client away"
        return Handshake("accepted", micropython, error, **found, note=note)
    if error in _NOT_THE_SERVER:
        note = "this says nothing about the server"
        return Handshake("unknown", micropython, error, **found, note=note)
    return Handshake("refused", micropython, error, **found)


def _network(code: Any) -> str:
    """Say what an OSError of MicroPython's stands for: the unix port has this system's numbers."""
    if code == errno.ECONNREFUSED:
        return "nothing listens on that port; is it the right one?"
    if not isinstance(code, int) or code <= 0:  # Of getaddrinfo.
        return "the name can not be resolved: check its spelling, and the network"
    return f"the network failed ({os.strerror(code)}); try again"
