"""A LittleFS file system as one file, laid out as a board's own firmware lays it out.

Rules: the geometry is the board's, from its profile, so that the firmware takes the file system
as its own; the same files give the same bytes. The on-disk version is 2.0: every LittleFS 2 mounts
it, MicroPython's of 1.20 (LittleFS 2.5) too, which refuses 2.1. A newer one raises the version
itself with its first write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from .boards import Board, refusal
from .errors import ToolError, UsageError

DISK_VERSION = 0x00020000
# extmod/vfs_lfs.c: readsize and lookahead where a port gives none, and none does;
# extmod/vfs_lfsx.c: block_cycles, and the rule for the cache.
_READ_SIZE = 32
_LOOKAHEAD = 32
_BLOCK_CYCLES = 100
_LARGEST = 128 << 20  # More flash than these chips can address.


@dataclass(frozen=True)
class Geometry:
    """What LittleFS must know of the flash below it; all in bytes but block_count."""

    block_size: int
    block_count: int
    program_size: int

    @property
    def cache_size(self) -> int:
        """MicroPython's; it decides how large a file may be that has no block of its own."""
        return min(self.block_size, 4 * max(_READ_SIZE, self.program_size))

    @property
    def size(self) -> int:
        """The whole file system."""
        return self.block_size * self.block_count


def geometry(board: Board, size: int | None = None) -> Geometry:
    """Return how a board's file system is laid out.

    size: of the file system, where the module has more flash than the profile says. Raises
    ToolError for a board whose file system can not be made here.
    """
    why = refusal(board)
    if why:
        raise ToolError(why)
    system = board.value("file_system")
    if system != "LittleFS 2":
        raise ToolError(
            f"{board.name} has a file system of the kind {system or 'nobody knows'}; images of it "
            "(and UF2 files) are not supported yet; use `ats-trust flash`"
        )
    block, program = board.value("flash_block"), board.value("program_size")
    whole = size if size is not None else board.value("file_system_size")
    if block is None or program is None or whole is None:
        raise ToolError(f"how {board.name}'s file system is laid out is not known; give --size")
    if whole % block or not 2 * block <= whole <= _LARGEST:
        raise UsageError(
            f"--size: {whole} is no number of whole blocks of {block} bytes, from 2 blocks to "
            f"{_LARGEST} bytes"
        )
    return Geometry(block, whole // block, program)


def make_image(files: Mapping[str, bytes], layout: Geometry) -> bytes:
    """Return the file system with these files: absolute path -> content. Raises ToolError."""
    try:
        from littlefs import LittleFS, LittleFSError
    except ImportError:
        raise ToolError(
            "making an image needs littlefs-python, which is not installed; "
            "run `pip install 'ats-trust[image]'`"
        ) from None
    system = LittleFS(
        mount=False,
        block_size=layout.block_size,
        block_count=layout.block_count,
        read_size=_READ_SIZE,
        prog_size=layout.program_size,
        cache_size=layout.cache_size,
        lookahead_size=_LOOKAHEAD,
        block_cycles=_BLOCK_CYCLES,
        disk_version=DISK_VERSION,
    )
    try:
        system.format()
        system.mount()
        for path, content in files.items():
            system.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            with system.open(path, "wb") as file:
                file.write(content)
        system.unmount()
    except LittleFSError as error:
        if error.code != LittleFSError.Error.LFS_ERR_NOSPC:
            raise ToolError(f"LittleFS can not make this image: {error}") from None
        raise ToolError(
            f"the files, {sum(map(len, files.values()))} bytes, do not fit into a file system of "
            f"{layout.size} bytes; leave something out, or try --mpy"
        ) from None
    return bytes(system.context.buffer)
