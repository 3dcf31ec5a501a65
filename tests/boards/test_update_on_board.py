"""Updates on the emulated board: within heap and time, and whatever flash operation fails."""

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from connection_costs import give_programs
from emulated_board import EmulatedBoard, ProgramFailed
from update_costs import FIELD, UPDATE, VERSION, bundles, install

from ats_trust_tools.emulate import Emulator
from interpreters import REPOSITORY

_BUDGET = tomllib.loads((REPOSITORY / "benchmarks" / "budgets.toml").read_text(encoding="utf-8"))[
    "update"
]
_LIBRARY = "/lib/ats_trust"
_INSTALL = f"import ats_trust; ats_trust.update.install({UPDATE!r})"
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
        for file, place in zip(bundles(door, tmp_path), (FIELD, UPDATE), strict=True):
            board.copy(file, to=place)
        yield board, door
        board.execute(_CLEAN + f"os.remove({FIELD!r})", fresh=True)


def _status(board: EmulatedBoard) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(board.execute(_STATUS, fresh=True).splitlines()[-1])
    return found


def test_limits(updated: tuple[EmulatedBoard, Emulator], tmp_path: Path) -> None:
    """An install succeeds with so little heap, and with enough of it in time."""
    board, _ = updated
    give_programs(board, tmp_path)
    done = install(board)
    assert done["version"] == VERSION
    assert done["millis"] <= _BUDGET["ms"], done
    board.execute(_CLEAN)
    assert install(board, _BUDGET["least"])["version"] == VERSION
    board.execute(_CLEAN)
    # What the measure is worth: with far less there is no install, and nothing has changed.
    assert install(board, _BUDGET["least"] // 2) == {"error": "heap"}
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
        assert _status(board)["pending"] == VERSION


def test_power_cuts_while_it_is_proved(
    updated: tuple[EmulatedBoard, Emulator], meet: Callable[..., dict[str, Any]]
) -> None:
    """The same in the connection that proves an update: it stays, and the next one proves it."""
    board, door = updated
    board.execute(_INSTALL, fresh=True)
    for _ in _power_cuts(board, lambda: meet(door, bundle=None)):
        assert _status(board)["version"] == VERSION
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
    for cut in sorted({0, last // 2, last}):
        board.restore_flash()
        board.cut_power_after(cut)
        with pytest.raises(ProgramFailed):
            action()
        board.wait_for_power_cut()
        board.cut_power_after(-1)
        board.power_on()
        board.set_clock()
        yield
