"""The emulated board for the host's tests: an RP2040 with MicroPython's rp2 port, see rp2040.mjs.

    with EmulatedBoard(folder) as board:
        board.set_clock()
        board.mpremote("fs", "cp", "-r", "lib/ats_trust", ":lib/")
        print(board.execute("import ats_trust; print(ats_trust.context)"))

Rules kept here:
- The firmware is the real port; only the chip around it is emulated. Flash lasts over resets and,
  in a named folder, over instances; RAM does not.
- Emulated time is the chip's cycles. A board that waits for the host uses none, so figures do not
  depend on the machine that the tests run on.
- Every call has a time limit. A board that does not answer is killed and BoardHung says where it
  stood. The emulator also ends by itself when this process does.
"""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import emulator_parts
import firmware
from raw_repl import RawRepl

from fetched import FetchError
from interpreters import REPOSITORY

CYCLES_PER_SECOND = 125_000_000
# MicroPython's C stack on every RP2040 board; below it lies the heap, and nothing guards it.
STACK_BYTES = 8192
_EMULATOR = Path(__file__).resolve().with_name("rp2040.mjs")
_ANSWER_SECONDS = 30
_COPY_SECONDS = 120
# Takes files from the host: a line with path and size each, then as many bytes.
_TAKE_FILES = """
import hostlink
def take(link, part):
    while line := link.readline():
        path, size = line.decode().rsplit(" ", 1)
        left = int(size)
        with open(path, "wb") as file:
            while left:
                count = link.readinto(part[:min(left, len(part))])
                if not count:
                    raise OSError("the host hung up")
                left -= file.write(part[:count])
link = hostlink.Link({})
try:
    take(link, memoryview(bytearray(1024)))
finally:
    link.close()
"""


class BoardHung(Exception):
    """The board did not answer in time, or its firmware stopped; it has been killed."""


class ProgramFailed(Exception):
    """A program on the board ended with an exception; the text is what it printed."""


class EmulatedBoard:
    """One emulated board; use it in a `with` statement. `folder` keeps its flash.

    Raises FetchError, saying what to do, when firmware or emulator are not on this machine.
    """

    def __init__(self, folder: Path, *, image: firmware.Firmware | None = None) -> None:
        self.firmware = image or firmware.newest()
        self.flash = folder / "flash.bin"
        folder.mkdir(parents=True, exist_ok=True)
        found = emulator_parts.parts()
        self._settings = {
            "rp2040js": str(found.rp2040js),
            "bootrom": str(found.bootrom),
            "firmware": str(self.firmware.image),
            "flash": str(self.flash),
        }
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._number = 0
        self.events: list[dict[str, Any]] = []
        self.repl = 0

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                ["node", str(_EMULATOR), json.dumps(self._settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                # The chip's clock is a calendar; so it counts the same days everywhere.
                env={**os.environ, "TZ": "UTC"},
            )
        except OSError as error:
            raise FetchError(f"node does not start ({error}): run `make firmware`") from error
        self._reader = threading.Thread(target=self._read, name="emulated board", daemon=True)
        self._reader.start()
        ready = self._wait_for(lambda line: line.get("event") == "ready", _ANSWER_SECONDS)
        self.repl = ready["repl"]
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    @property
    def port(self) -> str:
        """What `mpremote connect` takes."""
        return f"socket://127.0.0.1:{self.repl}"

    def mpremote(
        self, *arguments: str | Path, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run the real mpremote on this board, from the checkout, with no soft reset before."""
        command = [sys.executable, "-m", "mpremote", "connect", self.port, "resume"]
        try:
            return subprocess.run(
                [*command, *map(str, arguments)],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise self._hung(f"mpremote {arguments[0]}, for {timeout} s") from error

    def execute(self, code: str, *, fresh: bool = False, timeout: float = 120) -> str:
        """Run source text on the board; what it printed. fresh: after a soft reset.

        Raises ProgramFailed for an exception on the board.
        """
        try:
            with RawRepl(self.repl, timeout) as repl:
                if fresh:
                    repl.soft_reset()
                printed, error = repl.run(code)
        except TimeoutError as late:
            raise self._hung(f"a program, for {timeout} s") from late
        except ConnectionError as ended:
            self._ask("state")  # What happened is told before the answer.
            if self._fault():
                raise self._hung("a program") from ended
            raise ProgramFailed(str(ended)) from ended
        if error:
            raise ProgramFailed((printed + error).strip())
        return printed

    def copy(self, *origins: Path, to: str) -> None:
        """Copy files of the host to the board: `to` is a path, or a folder that ends with "/".

        They go over the link, which takes a hundredth of the time of the REPL.
        """
        with socket.create_server(("127.0.0.1", 0)) as server:
            giver = threading.Thread(target=_give, args=(server, origins, to), daemon=True)
            giver.start()
            self.execute(_TAKE_FILES.format(server.getsockname()[1]), timeout=_COPY_SECONDS)
            giver.join(_ANSWER_SECONDS)

    def set_clock(self, now: datetime | None = None) -> None:
        """Set the board's clock, which starts in 2021 at power on; default: the host's time."""
        t = (now or datetime.now(UTC)).astimezone(UTC)
        fields = (t.year, t.month, t.day, t.weekday(), t.hour, t.minute, t.second, 0)
        self.execute(f"import machine; machine.RTC().datetime({fields})")

    @property
    def cycles(self) -> int:
        """Cycles since this board was made, over every reset."""
        return int(self._ask("state")["cycles"])

    @property
    def seconds(self) -> float:
        """Emulated time since this board was made."""
        return self.cycles / CYCLES_PER_SECOND

    def state(self) -> dict[str, Any]:
        """Counters since `mark`: stack_left (its least, in bytes, of STACK_BYTES), bytes_in,
        bytes_out (of links), erased and programmed (flash sectors, pages); and cycles, boots,
        powered, pc, waiting."""
        return self._ask("state")

    def mark(self) -> None:
        """Count anew from here."""
        self._ask("mark")

    def hard_reset(self) -> None:
        """Pull its reset line: RAM and clock are lost, flash stays."""
        self._ask("reset")

    def power_off(self) -> None:
        """Cut the power, whatever it is doing."""
        self._ask("power_off")

    def power_on(self) -> None:
        """Give it power again."""
        self._ask("power_on")

    def cut_power_after(self, operations: int) -> None:
        """Let the power fail instead of the flash operation after so many more; -1: never."""
        self._ask("cut_after", operations=operations)

    def wait_for_power_cut(self, timeout: float = 60) -> None:
        """Wait until the cut that was ordered has happened."""
        limit = time.monotonic() + timeout
        while self._ask("state")["powered"]:
            if time.monotonic() > limit:
                raise self._hung(f"no power cut within {timeout} s")
            time.sleep(0.05)

    def keep_flash(self) -> None:
        """Remember what is on its flash, for `restore_flash`."""
        self._ask("keep_flash")

    def restore_flash(self) -> None:
        """Power on with the remembered flash: from here the same needs the same operations."""
        self._ask("restore_flash")
        self.set_clock()

    def patience(self, seconds: float) -> None:
        """How long, of the host's time, the board's time stands still for a silent server."""
        self._ask("patience", milliseconds=round(seconds * 1000))

    def save(self) -> None:
        """Write the flash to the folder, for the next instance there."""
        self._ask("save")

    def _ask(self, what: str, **arguments: object) -> dict[str, Any]:
        self._number += 1
        request = {"id": self._number, "do": what, **arguments}
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._hung(what) from error
        number = self._number
        answer = self._wait_for(lambda line: line.get("id") == number, _ANSWER_SECONDS)
        if what != "state" and self._fault():
            raise self._hung(what)
        return answer

    def _wait_for(self, wanted: Any, seconds: float) -> dict[str, Any]:
        limit = time.monotonic() + seconds
        while True:
            try:
                line = self._answers.get(timeout=max(0, limit - time.monotonic()))
            except queue.Empty:
                raise self._hung(f"no answer for {seconds} s") from None
            if line is None:
                raise self._hung("the emulator ended")
            if wanted(line):
                return line
            self.events.append(line)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    def _fault(self) -> dict[str, Any] | None:
        return next((one for one in self.events if one.get("event") == "fault"), None)

    def _hung(self, doing: str) -> BoardHung:
        """Kill it; the error that says what it was doing and where it stood."""
        state = ""
        fault = self._fault()
        if fault:
            state = "its firmware stopped " + self._symbol(fault["pc"])
        elif self._process.poll() is not None:
            state = f"the emulator's exit status is {self._process.poll()}"
        self._end()
        return BoardHung(f"{doing}: {state or 'it does not answer'}")

    def _symbol(self, address: int) -> str:
        try:
            return "at " + subprocess.run(
                ["arm-none-eabi-addr2line", "-fs", "-e", self.firmware.elf, hex(address)],
                capture_output=True,
                text=True,
                timeout=10,
            ).stdout.replace("\n", " ")
        except (OSError, subprocess.SubprocessError):
            return f"at {address:#x}"

    def _end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)


def _give(server: socket.socket, origins: Sequence[Path], to: str) -> None:
    """Give the files to the one board that connects, as _TAKE_FILES takes them."""
    server.settimeout(_ANSWER_SECONDS)
    try:
        with server.accept()[0] as link:
            for origin in origins:
                data = origin.read_bytes()
                path = to + origin.name if to.endswith("/") else to
                link.sendall(f"{path} {len(data)}\n".encode() + data)
    except OSError:
        # The board did not connect or hung up: its program has failed, and says why.
        pass
