"""`ats-trust boards`: which boards have a profile, and where its numbers come from."""

import argparse
from dataclasses import asdict

from .. import output
from ..boards import Board, board_names, load_board


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list` and `show BOARD`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show")
    listing = actions.add_parser("list", help="all boards that have a profile")
    show = actions.add_parser("show", help="one profile, each number with its source")
    show.add_argument("board", metavar="BOARD", help="MicroPython's id: RPI_PICO_W")
    for action in (listing, show):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.action == "show":
        _show(load_board(args.board), args.json)
        return 0
    boards = [load_board(name) for name in board_names()]
    if args.json:
        output.print_json([asdict(board) for board in boards])
        return 0
    output.print_table(
        "Boards",
        ("board", "what", "TLS memory", "prefers", "clock at power-up"),
        [(b.name, b.title, b.tls_memory, b.prefer, b.cold_clock) for b in boards],
    )
    return 0


def _show(board: Board, as_json: bool) -> None:
    if as_json:
        output.print_json(asdict(board))
        return
    output.print_fields(
        f"{board.name}: {board.title}",
        (
            ("platform", board.platform),
            ("TLS memory", board.tls_memory),
            ("clock at power-up", board.cold_clock),
            ("roots", ", ".join(board.roots)),
            ("prefers", f"{board.prefer}: {board.prefer_because}"),
        ),
    )
    output.print_line()
    output.print_table(
        "Figures",
        ("figure", "value#", "unit", "how", "source"),
        [(f.name, f.value, f.unit, f.how, f.source) for f in board.figures],
    )
