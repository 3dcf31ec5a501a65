"""Updates on the emulated board: within heap and time, and whatever flash operation fails."""

import json
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from _made import trimmed
from _signed import signed_bundle
from emulated_board import EmulatedBoard, ProgramFailed

from ats_trust_tools.emulate import Emulator
from ats_trust_tools.emulate.profiles import to_der
from interpreters import REPOSITORY

_BUDGET = tomllib.loads((REPOSITORY / "benchmarks" / "budgets.toml").read_text(encoding="utf-8"))[
    "update"
]
_BALLAST = REPOSITORY / "tests" / "e2e" / "device" / "ballast.py"
_LIBRARY = "/lib/ats_trust"
_INSTALL = "import ats_trust; ats_trust.update.install('/update.bin')"
_MEASURED = """
import gc, sys, time
import ats_trust
from ats_trust import update
from ballast import occupy
def measure():
    source = open("/update.bin", "rb")
    held = occupy({free}, "one piece") if {free} else None
    start = time.ticks_ms()
    try:
        return update.install(source), time.ticks_diff(time.ticks_ms(), start)
    except ats_trust.TrustError as error:
        held = None
        return error.code, 0
print(*measure())
"""
_STATUS = "import json, ats_trust; print(json.dumps(ats_trust.update.status()))"
_CLEAN = f"""
import os
for name in os.listdir("{_LIBRARY}"):
    if name.startswith("roots_slot") or name.startswith("update_state"):
        os.remove("{_LIBRARY}/" + name)
"""


@pytest.fixture
def updated(board: EmulatedBoard, tmp_path: Path) -> Iterator[tuple[EmulatedBoard, Emulator]]:
    """The board with a signed bundle of version 1, the file of its update, and the server."""
    with Emulator(mqtt=False) as door:
        for version, path in ((1, f"{_LIBRARY}/roots_field.bin"), (8, "/update.bin")):
            file = tmp_path / "bundle.bin"
            file.write_bytes(_bundle(door, version))
            board.copy(file, to=path)
        yield board, door
        board.execute(_CLEAN + f"os.remove('{_LIBRARY}/roots_field.bin')", fresh=True)


def _bundle(door: Emulator, version: int) -> bytes:
    now = datetime.now(UTC)
    anchors = [
        (use, to_der(door.pki.root(name))) for use, name in ((0x13, "rsa"), (0x12, "ecdsa"))
    ]
    return signed_bundle(
        *((use, trimmed(root)) for use, root in anchors),
        version=version,
        built=f"{now - timedelta(hours=1):%Y%m%d%H%M%S}",
        end="20371231235959",
        expires=f"{now + timedelta(days=30):%Y%m%d%H%M%S}",
        endpoints=(door.host,),
    )


def _status(board: EmulatedBoard) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(board.execute(_STATUS, fresh=True).splitlines()[-1])
    return found


def test_limits(updated: tuple[EmulatedBoard, Emulator]) -> None:
    """An install succeeds with so little heap, and with enough of it in time."""
    board, _ = updated
    board.copy(_BALLAST, to="/lib/")
    version, milliseconds = board.execute(_MEASURED.format(free=0), fresh=True).split()
    assert version == "8"
    assert int(milliseconds) <= _BUDGET["ms"], milliseconds
    board.execute(_CLEAN)
    printed = board.execute(_MEASURED.format(free=_BUDGET["least"]), fresh=True)
    assert printed.split()[0] == "8", printed
    board.execute(_CLEAN)
    # What the measure is worth: with far less there is no install, and nothing has changed.
    printed = board.execute(_MEASURED.format(free=_BUDGET["least"] // 2), fresh=True)
    assert printed.split()[0] == "heap", printed
    assert _status(board)["version"] == 1


def test_power_cuts(
    updated: tuple[EmulatedBoard, Emulator], meet: Callable[..., dict[str, Any]]
) -> None:
    """Whichever flash operation of an install the power fails at: it boots, and connects."""
    board, door = updated

    def install() -> None:
        board.execute(_INSTALL, fresh=True)

    for _ in _power_cuts(board, install):
        assert _status(board)["version"] == 1
        assert meet(door, bundle=None)["outcome"] == "authenticated"
        install()
        assert _status(board)["pending"] == 8


def test_power_cuts_while_it_is_proved(
    updated: tuple[EmulatedBoard, Emulator], meet: Callable[..., dict[str, Any]]
) -> None:
    """The same in the connection that proves an update: it stays, and the next one proves it."""
    board, door = updated
    board.execute(_INSTALL, fresh=True)
    for _ in _power_cuts(board, lambda: meet(door, bundle=None)):
        assert _status(board)["version"] == 8
        assert meet(door, bundle=None)["outcome"] == "authenticated"
        assert _status(board)["last"] == "confirmed"


def _power_cuts(board: EmulatedBoard, action: Callable[[], object]) -> Iterator[None]:
    """After each of the power cuts of a sample in this action, with the power on again."""
    board.keep_flash()
    board.restore_flash()
    board.mark()
    action()
    state = board.state()
    last = state["erased"] + state["programmed"] - 1
    assert last > 0, "it is to write at least twice"
    for cut in sorted({0, last // 3, 2 * last // 3, last}):
        board.restore_flash()
        board.cut_power_after(cut)
        with pytest.raises(ProgramFailed):
            action()
        board.wait_for_power_cut()
        board.cut_power_after(-1)
        board.power_on()
        board.set_clock()
        yield
