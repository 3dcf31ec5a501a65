"""Board profiles: boards/BOARD/board.toml.

Rules: a profile holds frozen facts, each number with its source and with how it came about:
"measured" by this project, "read" in a source or data sheet, or "inferred" from such.
"""

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .errors import ToolError, UsageError
from .files import data_folder, read_bounded

HOW = ("measured", "read", "inferred")
PREFERENCES = ("speed", "memory")


@dataclass(frozen=True)
class Figure:
    """One number about a board. how: one of HOW; source: where it is written or how measured."""

    name: str
    value: int | float
    unit: str
    how: str
    source: str


@dataclass(frozen=True)
class Board:
    """One board. name: its MicroPython id; prefer: "speed" or "memory", the order of anchors."""

    name: str
    title: str
    platform: str
    tls_memory: str
    cold_clock: str
    roots: tuple[str, ...]
    prefer: str
    prefer_because: str
    figures: tuple[Figure, ...]

    def figure(self, name: str) -> int:
        """Return the value of a figure that every profile has."""
        return int(next(figure.value for figure in self.figures if figure.name == name))


def board_names(folder: Path | None = None) -> list[str]:
    """Return the names of all boards that have a profile."""
    folder = folder or data_folder("boards")
    return sorted(path.parent.name for path in folder.glob("*/board.toml"))


def load_board(name: str, folder: Path | None = None) -> Board:
    """Return the profile of a board, by its MicroPython id in any case.

    Raises UsageError for an unknown board, ToolError for a damaged profile.
    """
    folder = folder or data_folder("boards")
    known = board_names(folder)
    match = next((board for board in known if board.casefold() == name.casefold()), None)
    if match is None:
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
        raise UsageError(
            f"no profile for a board called {name!r}; "
            + (f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}")
        )
    path = folder / match / "board.toml"
    try:
        document = tomllib.loads(read_bounded(path, "a board profile").decode())
        figures = tuple(Figure(key, **value) for key, value in document.pop("figures").items())
        board = Board(**document | {"roots": tuple(document["roots"])}, figures=figures)
        board.figure("flash_block")
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise ToolError(f"{path} is damaged ({error}); install ats-trust again") from None
    if board.name != match or board.prefer not in PREFERENCES:
        raise ToolError(f"{path} is damaged (name or prefer); install ats-trust again")
    if any(figure.how not in HOW or not figure.source for figure in figures):
        raise ToolError(f"{path} is damaged (a figure without a source); install ats-trust again")
    return board
