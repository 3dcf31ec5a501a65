"""`ats-trust image`: a board's whole file system as one file, for a factory line."""

import argparse
import hashlib
import shlex
from pathlib import Path

from ats_trust.bundle import Bundle

from .. import output
from ..arguments import output_file
from ..boards import Board, load_board
from ..device_file import read_for_board
from ..errors import ToolError, UsageError
from ..files import refuse_loss, write_atomically
from ..installation import DEVICE, board_files
from ..littlefs_image import Geometry, geometry, make_image
from ..passphrase import Passphrase, add_passphrase_argument
from ..signed_bundle import read_for_cable

# Where the flash begins in the addresses that picotool takes (RP2040 and RP2350 data sheets).
_RP2_FLASH = 0x10000000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--board", metavar="BOARD", required=True, help="MicroPython's id: RPI_PICO_W")
    add("--device", metavar="FILE", type=Path, help="the device file, for /device.bin")
    add("--bundle", metavar="FILE", type=Path, help="your own trust anchors (`ats-trust bundle`)")
    add("--mpy", action="store_true", help="the library compiled: less flash, less heap")
    add(
        "--size", metavar="BYTES", type=int, help="of the file system, on a module with more flash"
    )
    add("-o", "--output", metavar="FILE", type=output_file, help="the image, mode 0600")
    add("--dry-run", action="store_true", help="show what would be in it and write nothing")
    add("--json", action="store_true", help="print JSON")
    add_passphrase_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Make the image, show what is in it, write it."""
    if not args.output and not args.dry_run:
        raise UsageError("say where to write it: -o fs.bin, or --dry-run to see what is in it")
    board = load_board(args.board)
    layout = geometry(board, args.size)
    inputs = [path for path in (args.device, args.bundle, args.passphrase_file) if path]
    if args.output:
        refuse_loss(args.output, inputs)
    files = board_files(
        board,
        compiled=args.mpy,
        bundle=_bundle(args.bundle, board) if args.bundle else None,
        device=read_for_board(args.device, Passphrase(args.passphrase_file))
        if args.device
        else None,
    )
    image = make_image(files, layout)
    written = None if args.dry_run else args.output
    if written:
        write_atomically(written, image, mode=0o600)
    offset = flash_offset(board)
    if args.json:
        output.print_json(_as_json(board, layout, files, image, written, offset))
    else:
        _show(board, layout, files, written, offset)
    return 0


def flash_offset(board: Board) -> int | None:
    """Return where in the flash the file system begins, if that was read somewhere.

    Both ports with LittleFS have it at the end. On a module with more flash than the profile says
    it grows, from the same place.
    """
    flash, size = board.facts.get("flash"), board.facts.get("file_system_size")
    if not flash or not size or "inferred" in (flash.how, size.how):
        return None
    return int(flash.value - size.value)


def _bundle(path: Path, board: Board) -> bytes:
    """The content of a bundle that will be in force on the board."""
    content = read_for_cable(path)
    found = Bundle(str(path))
    newest = max(Bundle(name).version for name in (None, str(board.roots_file)))
    # A signed one is in force before all others, whatever its version.
    if found.version < newest and not found.signed:
        raise ToolError(
            f"{path} has version {found.version}, and the roots that come with the library have "
            f"{newest}: the newest is in force, so it would do nothing; make it anew "
            "(`ats-trust bundle`)"
        )
    return content


def _show(
    board: Board,
    layout: Geometry,
    files: dict[str, bytes],
    written: Path | None,
    offset: int | None,
) -> None:
    output.print_table(
        f"File system of {board.name}",
        ("file", "bytes#", "SHA-256"),
        [(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()],
    )
    output.print_line()
    output.print_line(
        f"{len(files)} files, {sum(map(len, files.values()))} bytes, in a LittleFS of "
        f"{layout.block_count} blocks of {layout.block_size} bytes."
    )
    if not written:
        output.print_line("Nothing was written (--dry-run).")
        return
    secret = "; it holds a private key" if DEVICE in files else ""
    output.print_line(
        f"Wrote {written}: {layout.size} bytes, readable by you only{secret}. It takes the place "
        "of all files that are on the board."
    )
    command = _command(board, written, offset)
    output.print_line(
        f"Onto the board, beside its firmware: {command}"
        if command
        else f"Where in the flash of {board.name} it belongs was not read anywhere: see its "
        "partition table, or use `ats-trust flash`."
    )


def _command(board: Board, written: Path, offset: int | None) -> str | None:
    """What writes the image, with the tool of the chip's maker."""
    if offset is None:
        return None
    name = shlex.quote(str(written))
    if board.value("platform") == "esp32":
        return f"esptool write_flash {offset:#x} {name}"
    return f"picotool load -t bin -o {_RP2_FLASH + offset:#x} {name}"


def _as_json(
    board: Board,
    layout: Geometry,
    files: dict[str, bytes],
    image: bytes,
    written: Path | None,
    offset: int | None,
) -> dict[str, object]:
    return {
        "file": str(written) if written else None,
        "board": board.name,
        "bytes": len(image),
        "sha256": hashlib.sha256(image).hexdigest(),
        "block_bytes": layout.block_size,
        "blocks": layout.block_count,
        "flash_offset": offset,
        "command": _command(board, written, offset) if written else None,
        "files": {
            path: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data in files.items()
        },
    }
