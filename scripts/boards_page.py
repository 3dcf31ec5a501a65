"""Writes the table of docs/boards.md from the profiles; the text around it is written by hand.

`--check` writes nothing and fails if the table is not as it would be written.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from ats_trust_tools.boards import Board, all_boards, refusal

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "boards.md"
_BEGIN = "<!-- scripts/boards_page.py writes from here -->\n"
_END = "<!-- to here -->\n"
_NOT_KNOWN = "not known"


def table() -> str:
    """One row for each board and variant; a mark where a value is only inferred."""
    rows = [
        "| board | MCU | MicroPython | RAM, KB | PSRAM | TLS memory | RSA, EC in hardware "
        "| first asked for | file system, KiB |",
        "|---|---|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(_cells(board))} |" for board in all_boards()),
    ]
    return "\n".join(rows) + "\n"


def _cells(board: Board) -> Iterator[str]:
    yield f"`{board.name}`"
    yield _marked(board, "mcu")
    if refusal(board):
        yield "**refused**"
        yield from ["-"] * 6
        return
    yield f"{board.oldest_firmware} or newer"
    yield _marked(board, "ram", 1024)
    yield _marked(board, "psram")
    yield _marked(board, "tls_memory")
    rsa = board.value("rsa_accelerator")
    yield f"{f'RSA {rsa}' if rsa else 'no RSA'}, EC: {board.value('ecc_accelerator')}"
    first = {"speed": "RSA", "memory": "ECDSA"}[board.value("prefer")]
    yield first + _mark(board, "prefer")
    yield f"{_marked(board, 'file_system')}, {_marked(board, 'file_system_size', 1024)}"


def _marked(board: Board, name: str, divisor: int = 0) -> str:
    value = board.value(name)
    if value is None:
        return _NOT_KNOWN
    return (f"{value // divisor:,}" if divisor else str(value)) + _mark(board, name)


def _mark(board: Board, name: str) -> str:
    return "\\*" if board.facts[name].how == "inferred" else ""


def main() -> int:
    """Write or check the table."""
    if sys.argv[1:] not in ([], ["--check"]):
        print("usage: boards_page.py [--check]", file=sys.stderr)
        return 2
    page = _PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    fresh = before + _BEGIN + "\n" + table() + "\n" + _END + after
    if not sys.argv[1:]:
        _PAGE.write_text(fresh, encoding="utf-8")
    elif fresh != page:
        print("docs/boards.md is not up to date: run `make manifest`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
