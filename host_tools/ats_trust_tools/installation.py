"""What goes on a board: every file with its place there, as bytes.

Rules: the same release, board and options give the same bytes. The library is taken from where
this Python found it, a checkout or an installed wheel; what Python leaves beside it is none of it.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import ats_trust

from .boards import Board
from .files import read_bounded
from .mpy_compiler import compile_module

LIBRARY = "/lib/ats_trust"
BOARD_BUNDLE = f"{LIBRARY}/roots_board.bin"
FIELD_BUNDLE = f"{LIBRARY}/roots_field.bin"
# Where updates are (ats_trust.slots).
SLOT_BUNDLES = tuple(f"{LIBRARY}/roots_slot{number}.bin" for number in range(3))
DEVICE = "/device.bin"


def board_files(
    board: Board,
    *,
    compiled: bool = False,
    bundle: bytes | None = None,
    device: bytes | None = None,
) -> dict[str, bytes]:
    """Return {absolute path on the board: content} of a whole installation.

    compiled: the library as .mpy, which takes mpy-cross. bundle: the user's own, for the field.
    device: a device file as boards read it. Raises ToolError.
    """
    files = {f"{LIBRARY}/{name}": data for name, data in library_files(compiled).items()}
    files[BOARD_BUNDLE] = read_bounded(board.roots_file, f"the roots of {board.name}")
    if bundle is not None:
        files[FIELD_BUNDLE] = bundle
    if device is not None:
        files[DEVICE] = device
    return files


def library_files(compiled: bool = False) -> dict[str, bytes]:
    """Return {file name: content} of the device library: its modules, and what they read."""
    folder = Path(ats_trust.__file__).parent
    found = sorted(file for file in folder.iterdir() if file.is_file() and _is_ours(file.name))
    return dict(_content(file, compiled) for file in found)


def superseded(files: Iterable[str], present: Iterable[str]) -> list[str]:
    """Return which of the `present` paths must go when `files` are there: a module's other form.

    MicroPython takes an old .py before a new .mpy; an old .mpy beside a .py is only in the way.
    """
    other = {".py": ".mpy", ".mpy": ".py"}
    twins = {
        str(path.with_suffix(other[path.suffix]))
        for path in map(PurePosixPath, files)
        if path.suffix in other
    }
    return sorted(twins.intersection(present))


def _is_ours(name: str) -> bool:
    return not name.startswith(".") and not name.endswith((".pyc", ".partial"))


def _content(file: Path, compiled: bool) -> tuple[str, bytes]:
    if compiled and file.suffix == ".py":
        # One name for all: a board keeps it once in memory, not once for each module.
        return f"{file.stem}.mpy", compile_module(file, "ats_trust")
    return file.name, read_bounded(file, "a part of the device library")
