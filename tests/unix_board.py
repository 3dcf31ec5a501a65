"""A board for mpremote without a board: the unix port of MicroPython behind a serial port.

Real are the interpreter, its raw REPL, its file calls and its import; the wire is a
pseudo-terminal in raw mode, and the flash is a folder, or a disk (board_disk), which the program
sees as `/` with `/lib` on its path. What the unix port does differently from a board is made good
here: at a soft reset (^D) its process ends, so a new one is started, put into the raw REPL and
announced as a board announces it. Files survive that, variables do not.

    with UnixBoard(micropython, folder) as board:
        board.mpremote("mip", "install", "./package.json")
"""

import contextlib
import os
import select
import selectors
import subprocess
import sys
import threading
import tty
from collections.abc import Mapping
from pathlib import Path

from board_disk import Disk
from interpreters import REPOSITORY, MicroPython

_CHUNK = 4096  # bytes; what a pseudo-terminal holds
_RAW_REPL = b"raw REPL; CTRL-B to exit\r\n>"
_FOLDER = """\
import os, sys
os.umount("/")
os.mount(os.VfsPosix({flash!r}), "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
del os, sys
"""


class UnixBoard:
    """One board; `flash` is the folder with its files, or the disk that has a file system of a
    board's. Needs MicroPython 1.27 or newer, whose unix port speaks the raw REPL. Use it in a
    `with` statement: leaving it ends its process."""

    def __init__(self, micropython: MicroPython, flash: Path | Disk) -> None:
        if micropython.release < (1, 27):
            raise ValueError(f"MicroPython {micropython.version} has no raw REPL on unix")
        if isinstance(flash, Disk):
            boot = flash.mount()
        else:
            self.flash = flash
            (flash / "lib").mkdir(parents=True, exist_ok=True)
            boot = _FOLDER.format(flash=str(flash.resolve()))
        self._command = micropython.command("-c", boot, options=("-i",))
        self._environment = micropython.environment()
        # Raw on both sides: with the terminal's own line endings mpremote never sees its prompt.
        # The client's side stays open here, so that a client may come and go.
        self._wire, self._client_side = os.openpty()
        tty.setraw(self._client_side)
        os.set_blocking(self._wire, False)
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="unix board", daemon=True)
        self.soft_resets = 0

    @property
    def port(self) -> str:
        """What `mpremote connect` takes."""
        return os.ttyname(self._client_side)

    def __enter__(self) -> "UnixBoard":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        os.write(self._stop_writer, b"x")
        self._thread.join(timeout=10)
        for descriptor in (self._wire, self._client_side, self._stop_reader, self._stop_writer):
            os.close(descriptor)

    def mpremote(
        self,
        *arguments: str | Path,
        timeout: float = 60,
        cwd: Path = REPOSITORY,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the real mpremote against this board, from the checkout."""
        return subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", self.port, *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            env=self._environment,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _serve(self) -> None:
        """Pump bytes between the wire and the interpreter, until told to stop."""
        process = self._start()
        with selectors.DefaultSelector() as selector:
            for descriptor in (self._stop_reader, self._wire, _stdout(process)):
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if self._stop_reader in ready:
                    break
                if self._wire in ready:
                    _write(process, os.read(self._wire, _CHUNK))
                if _stdout(process) in ready:
                    data = os.read(_stdout(process), _CHUNK)
                    if not data:
                        selector.unregister(_stdout(process))
                        _end(process)
                        process = self._start()
                        data = self._announce(process)
                        selector.register(_stdout(process), selectors.EVENT_READ)
                    self._print(data)
        _end(process)

    def _print(self, data: bytes) -> None:
        """Put bytes on the wire, unless told to stop: a client that was killed reads no more."""
        while data:
            stop, _, _ = select.select([self._stop_reader], [self._wire], [])
            if stop:
                return
            data = data[os.write(self._wire, data[:_CHUNK]) :]

    def _announce(self, process: subprocess.Popen[bytes]) -> bytes:
        """Put the new process into the raw REPL; what a board prints at a soft reset."""
        self.soft_resets += 1
        _write(process, b"\x01")
        printed = b""
        while not printed.endswith(_RAW_REPL):
            data = os.read(_stdout(process), _CHUNK)
            if not data:
                return b"MicroPython does not start: " + printed
            printed += data
        return b"MPY: soft reboot\r\n" + _RAW_REPL


def _stdout(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return process.stdout.fileno()


def _write(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    # The process may just have ended; what it was sent is lost then, as on a board.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(data)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the interpreter and everything that belongs to it."""
    process.kill()
    process.wait(timeout=10)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
