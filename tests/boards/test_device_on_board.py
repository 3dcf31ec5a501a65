"""Every file of tests/device/ on the emulated board, where the library and the tests are .mpy.

A board is slow: of each long row of cases, as tests/device/_pace.py marks them, every STRIDE-th
runs here, always the same ones. All run under CPython and on MicroPython's unix ports.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_library import compile_programs
from emulated_board import EmulatedBoard

from device_tests import FILES, found_by_cpython
from interpreters import DEVICE_TESTS, TEST_LIBRARY

STRIDE = 47
# Of these files, which tests run here.
_ON_BOARD_TOO = {
    "test_clock": "TestSetClock.",
    "test_jobs": "TestJob.",
    "test_power": "none",
    "test_signature_edges": "none",
    "test_slots": "none",
    "test_update": "TestSigners.",
}
# What can not run here, and why: the reason that the test itself must give when it skips.
NOT_HERE = {
    "test_flight.TestStream.test_poll": "this board can not be a server",
    # Their classes say so; test_update_on_board.py installs, proves and cuts the power there.
    **{
        f"{file}.{name}": "it takes minutes there"
        for file, runs in _ON_BOARD_TOO.items()
        for name in found_by_cpython()[file]
        if not name.startswith(runs)
    },
}
_ON_BOARD = Path(__file__).resolve().parent / "on_board"
_FOLDER = "/tests"
_RUN = """
import sys
sys.path.insert(0, {folder!r})
import _pace, unittest
_pace.stride = {stride}
print(unittest.run_module({module!r}))
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The device tests, what they import and their runner, as .mpy."""
    folder = tmp_path_factory.mktemp("device_tests")
    origins = [*DEVICE_TESTS.glob("*.py"), TEST_LIBRARY / "unittest.py", _ON_BOARD / "socket.py"]
    return compile_programs(origins, folder)


@pytest.fixture
def board_with_tests(board: EmulatedBoard, compiled: list[Path]) -> EmulatedBoard:
    """The board with the tests on its flash, copied when they are not there yet."""
    there = board.execute(f"import os; print({_FOLDER[1:]!r} in os.listdir('/'))")
    if there == "False\n":
        board.execute(f"import os; os.mkdir({_FOLDER!r})")
        board.copy(*compiled, to=f"{_FOLDER}/")
    return board


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file(
    file: Path, board_with_tests: EmulatedBoard, count_device_run: Callable[[str, int, int], None]
) -> None:
    """Every test of the file passes; those that can not run here are the known ones."""
    code = _RUN.format(folder=_FOLDER, stride=STRIDE, module=file.stem)
    printed = board_with_tests.execute(code, fresh=True, timeout=170)
    reported = re.findall(
        rf"^(ok|skipped|FAILED) {file.stem}\.(\w+\.\w+)(?:: (.*))?$", printed, re.M
    )
    skipped = {
        f"{file.stem}.{name}": reason for outcome, name, reason in reported if outcome == "skipped"
    }
    count_device_run(
        f"{board_with_tests.firmware.release} on the emulated board", len(reported), len(skipped)
    )
    assert printed.endswith("\nTrue\n"), printed
    assert {name for _, name, _ in reported} == found_by_cpython()[file.stem]
    assert skipped == {
        name: reason for name, reason in NOT_HERE.items() if name.startswith(f"{file.stem}.")
    }
