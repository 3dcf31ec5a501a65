"""Fixtures of the emulated board: one instance serves many tests; a hung one is replaced."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import firmware
import pytest
from compiled_library import compile_library
from emulated_board import BoardHung, EmulatedBoard, ProgramFailed
from firmware import Firmware

from ats_trust_tools.emulate import Emulator
from conftest import missing
from fetched import FetchError

_ON_BOARD = Path(__file__).resolve().parent / "on_board"


class Shelf:
    """Keeps the one board of this run, with the device library on it as .mpy."""

    def __init__(self, folder: Path, image: Callable[[], Firmware] = firmware.newest) -> None:
        self._folder = folder
        self._image = image
        self._board: EmulatedBoard | None = None
        self._compiled: Path | None = None

    def take(self) -> EmulatedBoard:
        """The board, after a soft reset, with its clock set; a new one if the last one hung."""
        if self._board is not None:
            try:
                self._board.execute("pass", fresh=True, timeout=30)
                self._board.set_clock()
                return self._board
            except (BoardHung, ProgramFailed):
                self.put_away()
        board = EmulatedBoard(self._folder, image=self._image())
        board.__enter__()
        self._board = board
        board.set_clock()
        if self._compiled is None:
            self._compiled = compile_library(self._folder / "mpy")
            board.execute("import os\nfor n in ('/lib', '/lib/ats_trust'): os.mkdir(n)")
            board.copy(*sorted(self._compiled.iterdir()), to="/lib/ats_trust/")
            board.copy(_ON_BOARD / "meeting.py", to="/lib/")
            board.save()
        return board

    def put_away(self) -> None:
        """End the board."""
        if self._board is not None:
            self._board.__exit__(None, None, None)
            self._board = None


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Where the board of this run is kept."""
    shelf = Shelf(tmp_path_factory.mktemp("board"))
    yield shelf
    shelf.put_away()


@pytest.fixture
def board(shelf: Shelf) -> EmulatedBoard:
    """The emulated board, freshly reset, its clock right, the device library in /lib."""
    return _taken(shelf)


@pytest.fixture(scope="session")
def oldest_shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """The same for the board with the oldest release."""
    shelf = Shelf(tmp_path_factory.mktemp("oldest"), firmware.oldest)
    yield shelf
    shelf.put_away()


@pytest.fixture
def oldest_board(oldest_shelf: Shelf) -> EmulatedBoard:
    """As `board`, with the oldest release of MicroPython that is supported."""
    return _taken(oldest_shelf)


def _taken(shelf: Shelf) -> EmulatedBoard:
    try:
        return shelf.take()
    except FetchError as error:
        missing(str(error))
        raise


@pytest.fixture
def empty_board(tmp_path: Path) -> Iterator[EmulatedBoard]:
    """An emulated board with nothing on its flash, for one test."""
    try:
        fresh = EmulatedBoard(tmp_path / "board")
    except FetchError as error:
        missing(str(error))
        raise
    with fresh:
        yield fresh


@pytest.fixture
def meet(board: EmulatedBoard) -> Callable[..., dict[str, Any]]:
    """A function (door, roots=..., **options): what the board says of a meeting."""
    return _meeting_on(board)


@pytest.fixture
def meet_oldest(oldest_board: EmulatedBoard) -> Callable[..., dict[str, Any]]:
    """The same on the board with the oldest release."""
    return _meeting_on(oldest_board)


def _meeting_on(board: EmulatedBoard) -> Callable[..., dict[str, Any]]:

    def meet(
        door: Emulator,
        roots: tuple[str, ...] | None = None,
        clock: bool = True,
        **options: object,
    ) -> dict[str, Any]:
        if options.setdefault("bundle", "/roots.bin"):
            board.copy(board_files(door, roots), to="/roots.bin")
        if clock:
            board.set_clock()
        arguments = ", ".join(f"{name}={value!r}" for name, value in options.items())
        code = (
            "import json, meeting\n"
            f"print(json.dumps(meeting.trusted({door.host!r}, {door.port}, {arguments})))"
        )
        return dict(json.loads(board.execute(code, fresh=True, timeout=170).splitlines()[-1]))

    return meet


def board_files(door: Emulator, roots: tuple[str, ...] | None) -> Path:
    """A bundle for this emulator; built an hour ago, as a board's clock may be a little slow."""
    from ats_trust_tools.emulate.pki import ROOTS

    place = door.folder / "for-board.bin"
    built_at = datetime.now(UTC) - timedelta(hours=1)
    return door.write_bundle(place, roots or ROOTS, built_at=built_at)
