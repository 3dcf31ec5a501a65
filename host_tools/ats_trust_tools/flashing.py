"""The steps of flashing a board: copy beside, check, move into place, compare, self-test.

Rules: until all has arrived and is as it should be, what the board uses stays as it was; then one
program on the board moves everything. Whatever ends a step early is a ToolError whose message says
in which state the board is and how to go on. A device file goes through a pipe to mpremote's file
copy: decrypted, it is never a file on this computer, not even after a kill, and its bytes are in
no command line and no program.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import board_programs, output
from .board_programs import STAGING, staged_name
from .connected_board import ConnectedBoard, Facts, FullBoard
from .errors import ToolError
from .flash_plan import Plan, sha256
from .installation import DEVICE

_SAFE = "what the board had still works; run the same command again, it goes on where this ended"
_HALF = (
    "the board may be half installed, and then its library refuses to be imported; run the same "
    "command again to complete it"
)


@dataclass
class Outcome:
    """What the board said at the end.

    lines: the self-test's. passed: its verdict. bundle: path of the one in force, None if there is
    none. device: "host", "port", "client_id" of the device file there; device_error: why the
    library can not read it.
    """

    lines: list[str] = field(default_factory=list)
    passed: bool = False
    bundle: str | None = None
    device: dict[str, Any] | None = None
    device_error: str | None = None


def install(board: ConnectedBoard, plan: Plan, advance: Callable[[int], None]) -> None:
    """Do what the plan says. advance: called with each number of bytes that has arrived."""
    copied = 0
    moving = False

    def said(value: Any) -> None:
        nonlocal copied, moving
        count = value.get("copied", 0) if isinstance(value, dict) else None
        if not isinstance(count, int):
            raise board.garbled()
        copied += count
        moving = moving or "moving" in value
        advance(count)

    device = staged_name(DEVICE)
    public = {name: plan.staged[name] for name in plan.missing if name != device}
    try:
        with (
            tempfile.TemporaryDirectory(prefix="ats_trust.") as folder,
            _pipe(plan.staged[device] if device in plan.missing else None) as pipe,
        ):
            commands: list[list[str | Path]] = [
                ["soft-reset"],
                ["exec", board_programs.prepare(plan.staged)],
            ]
            for number, program in enumerate(board_programs.copies(public)):
                # In files, as a command line has a limit.
                path = Path(folder) / f"{number}.py"
                path.write_text(program)
                commands.append(["run", path])
            if pipe is not None:
                copy = ["fs", "cp", "-f", f"/dev/fd/{pipe}", f":{STAGING}/{device}"]
                commands.append([*copy])
            digests = {name: sha256(data) for name, data in plan.staged.items()}
            commands.append(["exec", board_programs.move(digests, plan.places, plan.removals)])
            fds = [] if pipe is None else [pipe]
            last = board.run(*commands, on_said=said, pass_fds=fds)[-1:]
            damaged = last[0].get("damaged") if last else None
            if not isinstance(damaged, list):
                raise board.garbled()
    except (ToolError, KeyboardInterrupt) as error:
        # A board that was cut off after all had arrived may have gone on by itself.
        state = _HALF if moving or copied == sum(map(len, public.values())) else _SAFE
        if isinstance(error, KeyboardInterrupt):
            output.warn(state)
            raise
        if isinstance(error, FullBoard) and not moving:
            raise ToolError(f"{error}; {_give_up(board)}") from None
        raise ToolError(f"{error}; {state}") from None
    if damaged:
        raise ToolError(
            f"{board.port}: {', '.join(map(str, damaged))} did not arrive as sent; {_SAFE}; "
            "if that does not help, the board's flash is worn out or the cable bad"
        )


def verify(facts: Facts, files: Mapping[str, bytes], plan: Plan) -> None:
    """Compare every file on the board with what belongs there, by SHA-256. Raises ToolError."""
    wrong = [
        path
        for path, data in files.items()
        if path not in facts.files or facts.files[path][1] != sha256(data)
    ]
    wrong += [path for path in plan.removals if path in facts.files]
    if wrong:
        raise ToolError(
            f"the board is not as it should be: {', '.join(wrong)} differ from the release; "
            f"{_HALF}"
        )


def check(board: ConnectedBoard) -> Outcome:
    """Run the self-test on the board, after a soft reset."""
    outcome = Outcome()

    def line(text: str) -> None:
        if text:
            outcome.lines.append(text)

    said = board.run(
        ["soft-reset"], ["exec", board_programs.check(datetime.now(UTC))], on_line=line
    )
    if not said:
        raise ToolError(f"{board.port}: the self-test gave no result; run the same command again")
    found = said[-1]
    try:
        if not found["file"].startswith("/lib/"):
            raise ToolError(f"the board imports {found['file']}, not what was installed in /lib")
        outcome.passed = found["passed"] is True
        outcome.bundle = _text(found.get("bundle"))
        device = found.get("device")
        outcome.device = device and {name: device[name] for name in ("host", "port", "client_id")}
        outcome.device_error = _text(found.get("device_error"))
    except (KeyError, TypeError, AttributeError):
        raise board.garbled() from None
    return outcome


@dataclass(frozen=True)
class Installed:
    """What the board's library said of an update. version: of it, pending until the endpoints in
    `waiting` are authenticated; refused: why it was not installed, else ""."""

    version: int
    waiting: list[str]
    refused: str


def install_update(board: ConnectedBoard, content: bytes) -> Installed:
    """Give a signed bundle to the library on the board, which decides. Raises ToolError."""
    try:
        with tempfile.TemporaryDirectory(prefix="ats_trust.") as folder:
            copy = Path(folder) / "signed.bin"
            copy.write_bytes(content)
            said = board.run(
                ["soft-reset"],
                ["fs", "cp", "-f", copy, f":{board_programs.UPDATE}"],
                ["exec", board_programs.update(datetime.now(UTC))],
            )
    except (ToolError, KeyboardInterrupt) as error:
        _drop_update(board)
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ToolError(f"{error}; run the same command again to install the update") from None
    try:
        found = said[-1]
        if "refused" in found:
            return Installed(0, [], str(found["refused"]))
        return Installed(int(found["version"]), [str(host) for host in found["waiting"]], "")
    except (IndexError, KeyError, TypeError, ValueError):
        raise board.garbled() from None


def bundle_on(board: ConnectedBoard, path: str) -> bytes:
    """Return the content of a bundle on the board."""
    with tempfile.TemporaryDirectory(prefix="ats_trust.") as folder:
        copy = Path(folder) / "roots.bin"
        board.run(["fs", "cp", f":{path}", copy])
        return copy.read_bytes()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _give_up(board: ConnectedBoard) -> str:
    """Free what was staged on a board that is full."""
    try:
        board.run(["exec", board_programs.discard()])
    except ToolError:
        return f"what the board had still works, but {STAGING} takes room: delete it"
    return "what was copied is deleted again and what the board had still works; make room first"


def _drop_update(board: ConnectedBoard) -> None:
    """Delete what may have been copied; a board that is gone keeps it until the next time."""
    with suppress(ToolError):
        board.run(["exec", board_programs.drop_update()])


@contextmanager
def _pipe(content: bytes | None) -> Iterator[int | None]:
    """A descriptor that gives this content once; None for None."""
    if content is None:
        yield None
        return
    reader, writer = os.pipe()
    try:
        # A pipe holds 64 KB, a device file 8: nobody has to read meanwhile.
        with os.fdopen(writer, "wb") as stream:
            stream.write(content)
        yield reader
    finally:
        os.close(reader)
