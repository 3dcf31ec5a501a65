"""`ats-trust boards`: which boards there are, what is known of one, and what that means."""

import argparse

from .. import output
from ..board_meaning import meaning
from ..boards import FIELDS, Board, Fact, all_boards, load_board, refusal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "board", metavar="BOARD", nargs="?", help="MicroPython's id: RPI_PICO_W; none lists all"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
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
