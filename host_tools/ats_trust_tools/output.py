"""What a command shows: tables for people, JSON for scripts, warnings on stderr.

Rules: results go to stdout, warnings to stderr, so that a pipe gets results only. Where stdout is
not a terminal there is no colour and no line is folded.
"""

import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Show rows below a title; a column whose name ends in "#" is set flush right."""
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            Text(column.removesuffix("#")),
            justify="right" if column.endswith("#") else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    _show(table)


def print_fields(title: str, fields: Iterable[tuple[str, object]]) -> None:
    """Show one thing as a title and its fields, one a line."""
    _show(Text(title, style="bold"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    for name, value in fields:
        grid.add_row(Text("  " + name), Text(str(value)))
    _show(grid)


def print_line(text: str = "") -> None:
    """Show one line."""
    _show(Text(text))


def print_json(value: Any) -> None:
    """Write a value as JSON, keys in the order given."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def warn(text: str) -> None:
    """Say on stderr what the user should know although the command goes on."""
    console = Console(file=sys.stderr, soft_wrap=True, highlight=False)
    console.print(Text("ats-trust: warning: " + text, style="yellow"))


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
