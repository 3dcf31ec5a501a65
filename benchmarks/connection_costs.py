"""What an authenticated connection costs on the emulated board: the library beside other ways.

All ways run in one go on the same firmware, against the same emulated endpoint. Memory and time
are the board's own (tests/boards/on_board/measuring.py): emulated, so the same on any machine.
What depends on how the heap happens to be laid out is either measured in several layouts, the same
for every way, or in one that leaves nothing to chance.
"""

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from compiled_library import compile_library, compile_programs
from cryptography.hazmat.primitives.serialization import Encoding
from emulated_board import EmulatedBoard
from mip_manifest import data_files, modules

from ats_trust_tools.emulate import Emulator
from ats_trust_tools.emulate.pki import ROOTS
from interpreters import REPOSITORY

Chain = Literal["rsa", "ecdsa"]
CHAINS: tuple[Chain, ...] = ("rsa", "ecdsa")
# What is measured of each way, in this order.
STEPS = ("time", "heap kept", "least heap")
# Layouts of the heap: the seeds that they are drawn with.
TIME_SEEDS = (1, 2, 3, 4, 5, 6, 7)
# The least heap that suffices is looked for in steps of so many bytes; MicroPython's block is 16.
RESOLUTION = 256
# So many bytes more must suffice as well: a little more may not, since buffers then lie otherwise.
STEADY = 4 * RESOLUTION
# Measured and reported apart from what the library holds otherwise.
JUDGE = "ats_trust.judge"
# What the arithmetic of a handshake takes for a moment, about: where the search begins.
_TRANSIENT = 6 * 1024
_LEAST_EVER, _MOST_EVER = 22 * 1024, 100 * 1024
# Before /lib in the path, where other tests keep programs of theirs.
_PROGRAMS = "/measuring"
_PROGRAM_FILES = ("boards/on_board/measuring.py", "e2e/device/ballast.py")


@dataclass(frozen=True)
class Way:
    """One way to connect. call: its name on the board; roots: the file that it is given.

    thorough: also in many layouts of the heap.
    """

    call: str
    roots: str
    thorough: bool


WAYS = {
    "five": Way("library", "/five.bin", True),
    "one": Way("library", "/one.bin", False),
    "by_hand": Way("by_hand", "/root.der", True),
    "unverified": Way("unverified", "", False),
}


def ask(board: EmulatedBoard, call: str) -> Any:
    """What measuring.CALL returns, on a board just reset."""
    return json.loads(_run(board, f"print(json.dumps(measuring.{call}))").splitlines()[-1])


def _run(board: EmulatedBoard, code: str) -> str:
    head = f"import json, sys\nsys.path.insert(0, {_PROGRAMS!r})\nimport measuring\n"
    return board.execute(head + code, fresh=True, timeout=170)


def prepare(board: EmulatedBoard, folder: Path, *, frozen: bool = False) -> None:
    """Put library (unless its firmware has it) and measuring programs onto an empty board."""
    if not frozen:
        install(board, "/lib/ats_trust", *sorted(compile_library(folder / "mpy").iterdir()))
    give_programs(board, folder)


def install(board: EmulatedBoard, place: str, *files: Path) -> None:
    """Copy files into a folder of the board, making that if it is missing."""
    path = ""
    for name in place.split("/")[1:]:
        path += f"/{name}"
        board.execute(f"import os\ntry:\n    os.mkdir({path!r})\nexcept OSError: pass")
    board.copy(*files, to=f"{place}/")


def give_programs(board: EmulatedBoard, folder: Path) -> None:
    """Put what measures onto the board, compiled: compiling it there leaves holes in the heap."""
    sources = [REPOSITORY / "tests" / name for name in _PROGRAM_FILES]
    install(board, _PROGRAMS, *compile_programs(sources, folder))


def roots(door: Emulator, chain: Chain) -> list[Path]:
    """Files with what each way verifies against, for the board's folder "/"."""
    # The board's clock stands still while it waits, so its time is a little behind.
    built_at = datetime.now(UTC) - timedelta(hours=1)
    der = door.folder / "root.der"
    der.write_bytes(door.pki.root(chain).public_bytes(Encoding.DER))
    return [
        door.write_bundle(door.folder / "five.bin", ROOTS, built_at=built_at),
        door.write_bundle(door.folder / "one.bin", (chain,), built_at=built_at),
        der,
    ]


def arguments(way: Way, door: Emulator) -> str:
    """What every function of measuring takes first."""
    return f"{way.call!r}, {door.host!r}, {door.port}, {way.roots!r}"


def costs(
    board: EmulatedBoard, door: Emulator, way: Way, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Every figure of one way, bytes and milliseconds; tells when it begins each of STEPS."""
    who = arguments(way, door)
    tell(STEPS[0])
    board.mark()
    first = ask(board, f"duration({who}, 0)")
    state = board.state()
    found: dict[str, Any] = {
        "import_time": round(first["import"] / 1000),
        "suite": first["suite"],
        "bytes_in": state["bytes_in"],
        "bytes_out": state["bytes_out"],
    }
    board.mark()
    seeds = TIME_SEEDS if way.thorough else TIME_SEEDS[:1]
    calls = [ask(board, f"duration({who}, {seed})")["call"] for seed in seeds]
    found["calls"] = [round(one / 1000) for one in calls]
    found["stack_left"] = min(state["stack_left"], board.state()["stack_left"])
    tell(STEPS[1])
    found["heap"] = ask(board, f"heap({who}, {JUDGE!r})")
    tell(STEPS[2])
    guess = found["heap"]["handshake"] - found["heap"]["import"] + _TRANSIENT
    found["least"] = _least(board, who, guess)
    return found


def _least(board: EmulatedBoard, who: str, guess: int) -> int:
    """The least free heap at the call from which on it authenticates, as gc.mem_free() says."""
    there: dict[int, int] = {}

    @functools.cache
    def suffices(free: int) -> bool:
        if not _LEAST_EVER < free < _MOST_EVER:
            raise RuntimeError(f"the least heap is not between {_LEAST_EVER} and {_MOST_EVER}")
        one = ask(board, f"attempt({who}, {free})")
        there[free] = one["free"]
        return one["error"] is None

    # From the guess in growing steps until there is one of each, then halving.
    enough = too_little = 0
    free, step = guess // RESOLUTION * RESOLUTION, 4 * RESOLUTION
    while not (enough and too_little):
        if suffices(free):
            enough, free = free, free - step
        else:
            too_little, free = free, free + step
        step *= 2
    while enough - too_little > RESOLUTION:
        middle = (too_little + enough) // 2 // RESOLUTION * RESOLUTION
        if suffices(middle):
            enough = middle
        else:
            too_little = middle
    free = enough
    while free < enough + STEADY:
        free += RESOLUTION
        if not suffices(free):
            enough = free + RESOLUTION  # Which is the next to be tried.
    return there[enough]


def module_heap(board: EmulatedBoard, door: Emulator) -> dict[str, int]:
    """Bytes of heap that each module of the library holds after a connection, its names included.

    Interned strings are kept in tables that grow in steps, by whoever comes when one is full. So
    what all strings take is shared out among the modules by the number that each has added.
    """
    who = f"'ats_trust', {door.host!r}, {door.port}, {WAYS['five'].roots!r}"
    text = _run(board, f"measuring.modules({who})")
    moments = re.findall(
        r"^(begin|end) (\S+) (\d+)\nqstr pool: n_pool=\d+, n_qstr=(\d+), "
        r"n_str_data_bytes=\d+, n_total_bytes=(\d+)",
        text,
        re.MULTILINE,
    )
    found: dict[str, tuple[int, int]] = {}
    # For each module that is being imported: its name, then free, strings and bytes of strings
    # at its beginning, then what the modules that it has imported itself hold and have added.
    open_modules: list[tuple[str, list[int], list[int]]] = []
    for moment, name, *numbers in moments:
        now = [int(one) for one in numbers]
        if moment == "begin":
            open_modules.append((name, now, [0, 0]))
            continue
        name, then, inside = open_modules.pop()
        strings = now[1] - then[1]
        held = then[0] - now[0] - (now[2] - then[2])
        found[name] = (held - inside[0], strings - inside[1])
        if open_modules:
            open_modules[-1][2][0] += held
            open_modules[-1][2][1] += strings
    first, last = moments[0], moments[-1]
    each = (int(last[4]) - int(first[4])) / max(int(last[3]) - int(first[3]), 1)
    return {name: held + round(strings * each) for name, (held, strings) in found.items()}


def installations(folder: Path) -> dict[str, tuple[str, list[Path]]]:
    """What may be put onto a board: for each kind the folder there and the files."""
    compiled = sorted(compile_library(folder / "installed").iterdir())
    root = REPOSITORY / "certs_der" / "amazon-root-ca-1.der"
    return {
        "mpy": ("/lib/ats_trust", compiled),
        "source": ("/lib/ats_trust", [*modules(), *data_files()]),
        "data": ("/lib/ats_trust", data_files()),
        "root": ("", [root]),
    }


def flash_blocks(board: EmulatedBoard, place: str, files: list[Path]) -> int:
    """Blocks of 4 KiB that an installation takes on an empty board."""
    board.execute("import os\nos.mkdir('/lib')")
    before = _blocks(board)
    install(board, place, *files)
    return _blocks(board) - before


def _blocks(board: EmulatedBoard) -> int:
    """Blocks in use; LittleFS on rp2 has blocks of 4,096 bytes."""
    code = "import os\ns = os.statvfs('/')\nprint(s[0], s[2] - s[3])"
    size, used = map(int, board.execute(code).split())
    if size != 4096:
        raise RuntimeError(f"a block of this file system has {size} bytes")
    return used
