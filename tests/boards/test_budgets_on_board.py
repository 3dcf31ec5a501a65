"""A connection on the emulated board stays within the limits of benchmarks/budgets.toml.

A short part of `make bench`, by the same functions, so that a figure of docs/benchmarks.md can not
get worse unnoticed. Least heap is not searched for: a handshake must succeed with the limit.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from connection_costs import JUDGE, WAYS, arguments, ask, give_programs, roots
from emulated_board import EmulatedBoard

from ats_trust_tools.emulate import Emulator
from interpreters import REPOSITORY

_BUDGET = tomllib.loads((REPOSITORY / "benchmarks" / "budgets.toml").read_text(encoding="utf-8"))[
    "board"
]
# One of `make bench`'s layouts of the heap.
_SEED = 3
# The memory that is left is what was asked for, to some blocks.
_NEARLY = 256
# So much below its limit a handshake must fail, or the measure takes no memory away.
_CLEARLY_TOO_LITTLE = 4 * 1024


def _prepare(board: EmulatedBoard, door: Emulator, chain: Any, folder: Path) -> list[str]:
    """Put programs and roots onto the board; the arguments for five roots and for by hand."""
    give_programs(board, folder)
    board.copy(*roots(door, chain), to="/")
    board.set_clock()
    return [arguments(WAYS[way], door) for way in ("five", "by_hand")]


def test_held(board: EmulatedBoard, tmp_path: Path) -> None:
    """What the library holds beyond what a connection by hand holds, all its code included."""
    with Emulator(chain="rsa", mqtt=False) as door:
        ways = _prepare(board, door, "rsa", tmp_path)
        mine, other = [ask(board, f"heap({way}, {JUDGE!r})") for way in ways]
    held = {moment: mine[moment] - other[moment] for moment in _BUDGET["held"]}
    assert all(0 < held[moment] <= most for moment, most in _BUDGET["held"].items()), held


@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_connection(board: EmulatedBoard, tmp_path: Path, chain: Any) -> None:
    """Heap that must suffice, time beside by hand in the same heap, C stack, bytes to send."""
    with Emulator(chain=chain, mqtt=False) as door:
        five, hand = _prepare(board, door, chain, tmp_path)

        least = _BUDGET["least"][chain]
        one = ask(board, f"attempt({five}, {least})")
        assert one["error"] is None and one["free"] <= least + _NEARLY, one
        # What the measure is worth: it does take the memory away.
        assert ask(board, f"attempt({five}, {least - _CLEARLY_TOO_LITTLE})")["error"], least

        board.mark()
        mine = ask(board, f"duration({five}, {_SEED})")
        state = board.state()
        other = ask(board, f"duration({hand}, {_SEED})")
    assert mine["suite"] == other["suite"]
    assert mine["call"] / other["call"] <= _BUDGET["time"][chain], (mine, other)
    assert mine["import"] <= _BUDGET["import_ms"] * 1000, mine
    assert state["stack_left"] >= _BUDGET["stack_left"], state
    assert state["bytes_out"] <= _BUDGET["bytes_out"], state
