"""What tests of commands that talk to a board share: one on this machine, with a real flash."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from board_disk import Disk
from interpreters import MicroPython
from unix_board import UnixBoard


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """The flash of the board."""
    return Disk(tmp_path / "disk", blocks=160)


@pytest.fixture
def board(newest_micropython: MicroPython, disk: Disk) -> Iterator[UnixBoard]:
    """A board with nothing on it."""
    with UnixBoard(newest_micropython, disk) as board:
        yield board
