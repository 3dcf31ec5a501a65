"""The self-test on the emulated board passes within the limits of benchmarks/budgets.toml."""

import tomllib

from emulated_board import EmulatedBoard

from interpreters import REPOSITORY

_BUDGET = tomllib.loads((REPOSITORY / "benchmarks" / "budgets.toml").read_text(encoding="utf-8"))[
    "selftest"
]
_BALLAST = REPOSITORY / "tests" / "e2e" / "device" / "ballast.py"
_RUN = """
import gc, sys, time
import ats_trust
from ballast import occupy
held = occupy({free}, "one piece")
start = time.ticks_ms()
print(ats_trust.selftest())
print(time.ticks_diff(time.ticks_ms(), start))
held = None
gc.collect()
print(*[name for name in sys.modules if name.startswith("ats_trust.")])
"""


def test_limits(board: EmulatedBoard) -> None:
    """With so much heap, imports included, every line is ok, in time, and nothing stays loaded."""
    board.copy(_BALLAST, to="/lib/")
    printed = board.execute(_RUN.format(free=_BUDGET["least"]), fresh=True)
    *lines, result, milliseconds, loaded = printed.splitlines()
    assert [line for line in lines if not line.startswith("ok: ")] == []
    assert (result, loaded) == ("True", "")
    assert int(milliseconds) <= _BUDGET["ms"], milliseconds
