"""What a command shows: tables for people, JSON for scripts, warnings on stderr.

Rules: results go to stdout, warnings to stderr, so that a pipe gets results only. Where stdout is
not a terminal there is no colour and no line is folded. Nothing is shown that does not print (see
`printable`).
"""

import io
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from .printable import printable, printable_json

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Show rows below a title; a column whose name ends in "#" is set flush right."""
    table = Table(title=_text(title), title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            Text(column.removesuffix("#")),
            justify="right" if column.endswith("#") else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    _show(table)


def print_fields(title: str, fields: Iterable[tuple[str, object]]) -> None:
    """Show one thing as a title and its fields, one a line."""
    _show(_text(title, "bold"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    for name, value in fields:
        grid.add_row(_text("  " + name), _text(value))
    _show(grid)


def print_line(text: str = "") -> None:
    """Show one line."""
    _show(_text(text))


def print_json(value: Any, indent: int | None = 2) -> None:
    """Write a value as JSON, keys in the order given; indent None: in one line."""
    sys.stdout.write(printable_json(value, indent) + "\n")


def warn(text: str) -> None:
    """Say on stderr what the user should know although the command goes on."""
    console = Console(file=sys.stderr, soft_wrap=True, highlight=False)
    console.print(_text("ats-trust: warning: " + text, "yellow"))


def confirmed(question: str) -> bool:
    """Ask at the terminal, on stderr; where there is none, nobody agreed."""
    sys.stdout.flush()
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def progress(*columns: "str | ProgressColumn") -> "Progress":
    """Return a bar on stderr, shown where that is a terminal, and gone at its end."""
    from rich.progress import Progress  # Here, as most commands need none and it takes time.

    return Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _text(content: object, style: str = "") -> Text:
    return Text(printable(content), style=style)


def _show(renderable: RenderableType) -> None:
    if sys.stdout.isatty():
        Console(highlight=False).print(renderable)
        return
    # So wide that a script which greps never meets a folded line.
    console = Console(width=1000, highlight=False, file=io.StringIO())
    with console.capture() as capture:
        console.print(renderable)
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
