"""`ats-trust boards`: which boards there are, what is known of one, and what that means."""

import argparse

from .. import output
from ..board_meaning import meaning
from ..boards import FIELDS, Board, Fact, all_boards, identify, load_board, refusal
from ..connected_board import ConnectedBoard
from ..errors import UsageError
from ..flash_plan import choose_board, firmware, why_not


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "board", metavar="BOARD", nargs="?", help="MicroPython's id: RPI_PICO_W; none lists all"
    )
    parser.add_argument("--detect", action="store_true", help="ask the board at --port what it is")
    parser.add_argument("--port", metavar="PORT", help="as mpremote takes it: /dev/ttyACM0")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.detect or args.port is not None:
        return _detect(args)
    if args.board is not None:
        board = load_board(args.board)
        if args.json:
            output.print_json(_as_json(board))
        else:
            _show(board)
        return 0
    boards = list(all_boards())
    if args.json:
        output.print_json([_as_json(board) for board in boards])
        return 0
    output.print_table(
        "Boards",
        ("board", "MCU", "MicroPython", "TLS memory", "first asked for", "file system"),
        [
            (
                board.name,
                board.value("mcu"),
                "refused" if refusal(board) else f"{board.oldest_firmware} or newer",
                board.value("tls_memory"),
                {"speed": "RSA", "memory": "ECDSA", None: ""}[board.value("prefer")],
                board.value("file_system") or "",
            )
            for board in boards
        ],
    )
    return 0


def _detect(args: argparse.Namespace) -> int:
    """Say which board is connected, and what its profile says of it."""
    if not args.port or not args.detect:
        raise UsageError("asking a connected board takes both --detect and --port PORT")
    facts = ConnectedBoard(args.port).probe()
    # What is known of the board comes before what its firmware lacks.
    board = choose_board(facts, args.board, args.port)
    reason = why_not(facts, board, args.port)
    flash = f"ats-trust flash --port {args.port}"
    if not identify(facts.build, facts.machine):
        flash += f" --board {board.name}"
    answer = f"no: {reason}" if reason else f"yes: {flash}"
    if args.json:
        connected = {
            "port": args.port,
            "release": facts.release,
            "build": facts.build,
            "machine": facts.machine,
            "platform": facts.platform,
            "tls": facts.mbedtls or facts.tls,
            "verifies": facts.verifies,
            "free_heap": facts.heap,
            "free_bytes": facts.free_blocks * facts.block,
            "block": facts.block,
            "files": {path: digest for path, (_, digest) in facts.files.items()},
            "why_not": reason,
        }
        output.print_json({"connected": connected, **_as_json(board)})
        return 0
    output.print_fields(
        f"{args.port}: {board.name}",
        (
            ("firmware", firmware(facts)),
            ("its name for itself", facts.build or "unknown"),
            ("free heap", f"{facts.heap} bytes"),
            ("file system", f"{facts.free_blocks * facts.block} bytes free, blocks {facts.block}"),
            ("ats_trust", f"{len(facts.files)} files" if facts.files else "not installed"),
            ("can be flashed", answer),
        ),
    )
    output.print_line()
    _show(board)
    return 0


def _show(board: Board) -> None:
    output.print_line(f"{board.name}: {board.title}")
    output.print_line()
    for sentence in meaning(board):
        output.print_line(sentence)
    output.print_line()
    output.print_table(
        "Facts",
        ("fact", "value", "how", "source"),
        [
            (FIELDS[fact.name].label, value_text(fact), fact.how, fact.source)
            for fact in board.facts.values()
        ],
    )
    if refusal(board):
        return
    unknown = [
        field.label
        for name, field in FIELDS.items()
        if name not in board.facts and name != "refused"
    ]
    if unknown:
        output.print_line()
        output.print_line(f"Not known, or not of this board: {', '.join(unknown)}.")


def value_text(fact: Fact) -> str:
    """Return a fact's value as people read it."""
    field = FIELDS[fact.name]
    if isinstance(fact.value, dict):
        return "; ".join(
            f'"{text}"' + (f" ({releases})" if releases != "-" else "")
            for releases, text in fact.value.items()
        )
    if isinstance(fact.value, tuple):
        return ", ".join(fact.value)
    return f"{fact.value} {field.unit}" if field.unit else str(fact.value)


def _as_json(board: Board) -> dict[str, object]:
    return {
        "name": board.name,
        "title": board.title,
        "refused": refusal(board),
        "oldest_firmware": None if refusal(board) else board.oldest_firmware,
        "meaning": meaning(board),
        "facts": {
            fact.name: {
                "value": fact.value,
                "unit": FIELDS[fact.name].unit or None,
                "how": fact.how,
                "source": fact.source,
            }
            for fact in board.facts.values()
        },
    }
