"""A board on a port: mpremote talks to it, as a process of its own; here is what came of it.

Rules: every call ends, with a board that is silent or never is; whatever goes wrong is a ToolError
of one sentence that names the port, and nothing of mpremote's own is shown; what a program says
counts only behind its mark, and only if it is of the kind that was asked for. No module is
imported from the folder that the command is called in.
"""

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import board_programs
from .errors import ToolError

# `python -P -m mpremote`; it ends when this process does, also by a kill: stdin then closes.
_MPREMOTE = """\
import os, runpy, sys, threading
def watch():
    os.read(0, 1)
    os._exit(1)
threading.Thread(target=watch, daemon=True).start()
runpy.run_module("mpremote", run_name="__main__", alter_sys=True)
"""
_SILENCE = 60  # Seconds; a board that hashes or compiles says nothing for a while.
_LONGEST = 64 << 10  # Bytes of a line, and of all that is printed in a call.
_MOST = 1 << 20


@dataclass(frozen=True)
class Facts:
    """What a board says of itself.

    release: of MicroPython, as "1.26.1". build, machine: sys.implementation's; build is None
    before 1.25. mpy: sys.implementation._mpy, None where compiled files can not be loaded.
    tls, verifies: whether there is a TLS module, and one that checks certificates; mbedtls: its
    version. heap: free bytes. block, blocks, free_blocks: of the file system, 0 without one.
    hidden_by: the file that is imported as ats_trust before the one in /lib, None if there is
    none; in_path: whether /lib is where imports look. staging: whether an earlier run left
    something. files: path -> (size, SHA-256 in hex) of
    what flash puts there.
    """

    release: str
    platform: str
    build: str | None
    machine: str | None
    mpy: int | None
    tls: bool
    verifies: bool
    mbedtls: str
    heap: int
    block: int
    blocks: int
    free_blocks: int
    hidden_by: str | None
    in_path: bool
    staging: bool
    files: Mapping[str, tuple[int, str]]


class FullBoard(ToolError):
    """The board's file system is full."""


class ConnectedBoard:
    """The board at a port, as mpremote names it: /dev/ttyACM0, id:SERIAL, socket://HOST:PORT."""

    def __init__(self, port: str) -> None:
        self.port = port

    def probe(self) -> Facts:
        """Ask the board what it is; it stays as it is. Raises ToolError."""
        said = self.run(["exec", board_programs.probe()])
        try:
            found, *files = said
            if found["name"] != "micropython":
                raise ToolError(
                    f"the board at {self.port} runs {found['name']}, not MicroPython; install "
                    "MicroPython on it first"
                )
            return Facts(
                release=".".join(str(int(part)) for part in found["version"]),
                platform=_of(found["platform"], str),
                build=_of(found["build"], str | None),
                machine=_of(found["machine"], str | None),
                mpy=_of(found["mpy"], int | None),
                tls=_of(found["tls"], bool),
                verifies=_of(found["verifies"], bool),
                mbedtls=_of(found.get("mbedtls", ""), str),
                heap=_of(found["free"], int),
                block=_of(found["block"], int),
                blocks=_of(found["blocks"], int),
                free_blocks=_of(found["free_blocks"], int),
                hidden_by=_of(found["hidden_by"], str | None),
                in_path=_of(found["in_path"], bool),
                staging=_of(found["staging"], bool),
                files={
                    _of(path, str): (_of(size, int), _of(digest, str))
                    for path, (size, digest) in files
                },
            )
        except (ValueError, KeyError, TypeError):
            raise self.garbled() from None

    def garbled(self) -> ToolError:
        """What to raise when the board's answer is none to what was asked."""
        return ToolError(f"{self.port}: {_GARBLED}")

    def run(
        self,
        *commands: Sequence[str | Path],
        on_line: Callable[[str], None] | None = None,
        on_said: Callable[[Any], None] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> list[Any]:
        """Run mpremote's commands one after the other in one go; what programs said behind MARK.

        on_line, on_said: called with each other line, and with each thing said, as it comes.
        Raises ToolError.
        """
        words: list[str] = []
        for command in commands:
            words += [*map(str, command), "+"]
        said: list[Any] = []
        printed: list[str] = []
        with _process(["connect", self.port, "resume", *words[:-1]], pass_fds) as process:
            try:
                for line in _lines(process):
                    text = line.strip()
                    # Behind the prompt's rest, or what a program of the board printed before.
                    _, mark, value = text.partition(board_programs.MARK)
                    if mark and value[:1] in ("{", "["):
                        said.append(json.loads(value))
                        if on_said:
                            on_said(said[-1])
                    else:
                        printed.append(text)
                        if on_line:
                            on_line(text)
            except TimeoutError:
                raise ToolError(
                    f"{self.port}: no answer for {_SILENCE} seconds; is a board there, with power "
                    "and MicroPython? Reset it and run the same command again"
                ) from None
            except (ValueError, RecursionError):
                raise self.garbled() from None
            if process.wait(timeout=_SILENCE) != 0:
                raise self._failure("\n".join(printed))
        return said

    def _failure(self, printed: str) -> ToolError:
        """What mpremote's last words mean for the person at the keyboard."""
        port = self.port
        if "No module named" in printed and "mpremote" in printed:
            return ToolError("mpremote is not installed; install ats-trust again")
        if "failed to access" in printed or "could not open port" in printed.lower():
            return ToolError(_no_access(port))
        if "no device" in printed or "invalid URL" in printed:
            return ToolError(f"{port}: no such board; {_ports()}")
        if "could not enter raw repl" in printed:
            heard = re.search(r"^b(['\"])(.*)\1$", printed, re.MULTILINE)
            if heard and heard[2]:
                return ToolError(
                    f"{port}: what answers there is no MicroPython that takes commands; install "
                    "MicroPython, or stop the program that the board runs (Ctrl-C in its console)"
                )
            return ToolError(
                f"{port}: nothing answers; is it a board with MicroPython? Reset it (a program of "
                "its own may keep it busy) and run the same command again"
            )
        if "ENOSPC" in printed or "No space left" in printed or "Errno 28" in printed:
            return FullBoard(f"{port}: the board's file system is full")
        if "MemoryError" in printed:
            return ToolError(
                f"{port}: the board has not enough free memory for this; reset it, and if that "
                "does not help, rename its main.py while this runs"
            )
        raised = re.findall(
            r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): ?(.*)$", printed, re.M
        )
        if ("serial" in printed.lower() and "Exception" in printed) or "Errno 5]" in printed:
            return ToolError(f"{port}: the connection to the board was lost")
        if "Traceback" in printed and "mpremote" in printed:
            return ToolError(f"{port}: the connection to the board was lost")
        if raised:
            name, detail = raised[-1]
            return ToolError(f"{port}: the board says {name}: {detail}".rstrip(": "))
        if "transport" in printed or "raw" in printed or "EOF" in printed:
            return ToolError(f"{port}: the connection to the board was lost")
        last = next((line for line in reversed(printed.splitlines()) if line), "nothing")
        return ToolError(f"{port}: mpremote failed; its last words: {last}")


_GARBLED = (
    "what came from the board is garbled; does another program use the port, or the board print "
    "much? Reset it and run the same command again"
)


def _of(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError("another kind of value")
    return value


@contextlib.contextmanager
def _process(arguments: list[str], pass_fds: Sequence[int]) -> Iterator[subprocess.Popen[bytes]]:
    """Mpremote, which ends when this block does."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _MPREMOTE, *arguments],
        # Each line as it is written.
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=tuple(pass_fds),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield lines as they come.

    Raises TimeoutError after too long a silence, ValueError for more than a board has to say.
    """
    coming: queue.Queue[bytes | None] = queue.Queue()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):
            # Of a board that never stops no more is kept than what shows it.
            left = _MOST
            while process.stdout and left > 0:
                line = process.stdout.readline(_LONGEST)
                if not line:
                    break
                left -= len(line)
                coming.put(line)
            if left <= 0:
                coming.put(b"")
        coming.put(None)

    threading.Thread(target=read, name="mpremote", daemon=True).start()
    while True:
        limit = time.monotonic() + _SILENCE
        try:
            line = coming.get(timeout=limit - time.monotonic())
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            return
        if not line:
            raise ValueError("a board that never stops")
        yield line.decode("utf-8", "backslashreplace")


def _no_access(port: str) -> str:
    path = Path(port.removeprefix("port:"))
    if "://" in port:
        return f"nothing answers at {port}"
    if not path.exists():
        return f"there is no port {port}; {_ports()}"
    if not os.access(path, os.R_OK | os.W_OK):
        return (
            f"you may not use {port}: add yourself to the group that owns it (on Debian: sudo "
            "usermod -aG dialout $USER, then log in again)"
        )
    if not _is_terminal(path):
        return f"{port} is no serial port; {_ports()}"
    return f"{port} is in use by another program; close it (a terminal, an editor for boards?)"


def _is_terminal(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return path.is_char_device()
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _ports() -> str:
    """What there is to choose from."""
    from serial.tools import list_ports  # type: ignore[import-untyped]  # No py.typed.

    names = [port.device for port in sorted(list_ports.comports()) if port.vid is not None]
    if names:
        return f"there are {', '.join(names)}"
    return "no board is connected to this computer's USB that it can see"
