"""What flashing a board would change, and whether it can work: decided before it is touched.

Pure: what the board says of itself and what belongs on it come in. Rules: only what differs is
copied; what can not work is refused with the one reason that matters; a bundle never gives way to
an older one without a word.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from .board_programs import STAGING, STOP, STOP_NAME, staged_name
from .boards import Board, all_boards, identify, load_board, refusal
from .connected_board import Facts
from .errors import ToolError, UsageError
from .installation import LIBRARY, superseded

_INITIAL = "__init__"
# Blocks that a file system takes for new folders and while it writes, beside what files take.
_SPARE_BLOCKS = 8


@dataclass(frozen=True)
class Plan:
    """What to do. places: paths on the board that get a new file. removals: paths that go.

    staged: name in STAGING -> content of everything that has to be there before anything is moved;
    missing: the names of those that are not there yet, from an earlier run.
    """

    places: tuple[str, ...]
    removals: tuple[str, ...]
    staged: Mapping[str, bytes]
    missing: tuple[str, ...]
    leftovers: bool

    @property
    def nothing(self) -> bool:
        """Whether the board already is as it should be."""
        return not (self.places or self.removals or self.leftovers)

    @property
    def bytes_to_copy(self) -> int:
        """Content that still goes over the wire."""
        return sum(len(self.staged[name]) for name in self.missing)

    def room(self, block: int) -> int:
        """Bytes of a file system with such blocks that it takes for a while."""
        blocks = sum(-(-len(self.staged[name]) // block) for name in self.missing)
        return (blocks + _SPARE_BLOCKS) * block


def make_plan(facts: Facts, files: Mapping[str, bytes]) -> Plan:
    """Return how the board comes to hold `files`, {path: content}."""
    places = [path for path, data in files.items() if _held(facts, path) != sha256(data)]
    removals = superseded(files, facts.files)
    staged = {staged_name(path): files[path] for path in places}
    if any(path.startswith(LIBRARY + "/") for path in [*places, *removals]):
        # The library stops being one while its parts change, and its __init__ comes last.
        initial = next(path for path in files if PurePosixPath(path).stem == _INITIAL)
        if initial not in places:
            places.append(initial)
        staged |= {staged_name(initial): files[initial], STOP_NAME: STOP}
    missing = [n for n, data in staged.items() if _held(facts, f"{STAGING}/{n}") != sha256(data)]
    return Plan(tuple(places), tuple(removals), staged, tuple(missing), facts.staging)


def choose_board(facts: Facts, wanted: str | None, port: str) -> Board:
    """Return the profile of the connected board. wanted: what follows --board.

    Raises ToolError for a board that nobody knows, or that is another one than was said.
    """
    given = load_board(wanted) if wanted else None
    name = identify(facts.build, facts.machine)
    found = load_board(name) if name else None
    said = f"the board at {port} says that it is {facts.build or facts.machine}"
    if given and found and given.folder != found.folder:
        raise UsageError(
            f"{said}, which is {found.name} and not {given.name}; leave that name out"
        )
    board = found or given  # Of a board and its variant the firmware's own word is the better.
    if board:
        ports = {profile.value("platform") for profile in all_boards()}
        if board.value("platform") != facts.platform and facts.platform in ports:
            raise UsageError(
                f"{said}, with MicroPython for {facts.platform}; {board.name} has "
                f"{board.value('platform')}: name the right one with --board"
            )
        return board
    raise ToolError(
        f"{said}, and no profile has that name; name a board of its kind (`ats-trust boards` "
        "lists them): `ats-trust flash --board BOARD` or `ats-trust boards --detect BOARD`"
    )


def why_not(facts: Facts, board: Board, port: str) -> str | None:
    """Return why the library can not work on this board with this firmware, or None."""
    reason = refusal(board, facts.release)
    if reason:
        return reason
    if not facts.tls:
        return f"the firmware at {port} has no TLS module; install one that has a network"
    if not facts.verifies:
        return f"the TLS module at {port} can not verify a server, and no library can"
    if facts.hidden_by == ".frozen":
        return (
            "the library is frozen into this firmware, which hides what is installed; make a new "
            "firmware instead, and copy only what is no code (`make dist`, data.json)"
        )
    if facts.hidden_by:
        return (
            f"the board imports {facts.hidden_by} in place of what would be installed in "
            f"{LIBRARY}; remove it, or rename it, first"
        )
    if not facts.in_path:
        return f"the board at {port} does not look in /lib when it imports; put it into sys.path"
    if not facts.block:
        return f"the board at {port} has no file system at /; install its firmware again"
    return None


def why_not_these(facts: Facts, plan: Plan) -> str | None:
    """Return why these very files can not be installed, or None."""
    compiled = next((data for name, data in plan.staged.items() if name.endswith(".mpy")), None)
    if compiled and (facts.mpy is None or facts.mpy & 0xFF != compiled[1]):
        return (
            f"MicroPython {facts.release} there can not load files of this mpy-cross (format "
            f"{compiled[1]}); leave out --mpy"
        )
    free = facts.free_blocks * facts.block
    if plan.missing and plan.room(facts.block) > free:
        smaller = "" if compiled else ", or use --mpy, which takes less"
        return (
            f"the board's file system has {free} bytes free and this takes "
            f"{plan.room(facts.block)} until it is done; delete files there{smaller}"
        )
    return None


def firmware(facts: Facts) -> str:
    """Return one line about the firmware."""
    return f"MicroPython {facts.release} ({facts.machine}), {facts.mbedtls or 'no Mbed TLS'}"


def sha256(data: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def _held(facts: Facts, path: str) -> str | None:
    return facts.files[path][1] if path in facts.files else None
