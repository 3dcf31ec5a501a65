"""The CSV file of a fleet: one thing a line, all of it checked before anything is made.

Rules: the first line names the columns; commas, semicolons and tabs, a byte order mark, CRLF and
empty lines are all as good; whatever is wrong is one sentence with the number of its line.
"""

import csv
import io
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ats_trust import endpoint
from ats_trust.errors import ConfigError

from ..client_id import check_client_id
from ..device_key import DEFAULT_KIND, KINDS
from ..errors import ToolError
from ..files import read_bounded

MAX_CSV = 64 << 20  # Some hundred thousand lines.
MAX_ATTRIBUTES = 3  # Of a thing without a type; AWS IoT Core quotas.


class Thing(NamedTuple):
    """One device to be, as the journal keeps it. attributes: names and values, in order."""

    name: str
    client_id: str
    endpoint: str
    port: int
    key_type: str
    attributes: tuple[tuple[str, str], ...]


def read_things(path: Path, host: endpoint.Endpoint | None) -> dict[str, tuple[int, Thing]]:
    """Return name -> (line number, thing), in the order of the file.

    host: the endpoint of the lines that have none of their own. Raises ToolError.
    """
    rows = _rows(path)
    try:
        _, header = next(rows)
    except StopIteration:
        raise ToolError(f"{path} is empty; its first line names the columns: thing") from None
    reader = _Reader(_columns(path, header), host)
    things: dict[str, tuple[int, Thing]] = {}
    names: dict[str, int] = {}
    clients: dict[tuple[str, str], int] = {}
    for line, row in rows:
        try:
            thing = reader.thing(row)
            earlier = names.setdefault(thing.name.lower(), line)
            if earlier != line:
                raise ToolError(_same_name(thing.name, earlier, thing.name in things))
            # Names are unique; only where client ids are given can one be there twice.
            client = (thing.endpoint, thing.client_id)
            earlier = clients.setdefault(client, line) if reader.names_clients else line
            if earlier != line:
                raise ToolError(
                    f"client id {thing.client_id} is in line {earlier} already; AWS IoT Core "
                    "disconnects a device when another one connects with its client id"
                )
        except ToolError as error:
            raise ToolError(f"{path}, line {line}: {error}") from None
        things[thing.name] = (line, thing)
    if not things:
        raise ToolError(f"{path} names no thing; there is only the line with the columns")
    return things


def check_unchanged(
    path: Path, things: dict[str, tuple[int, Thing]], known: dict[str, Thing]
) -> None:
    """Raise ToolError when a line differs from what was begun for the thing of that name."""
    folded = {name.lower(): name for name in known}
    for name, (line, thing) in things.items():
        old = known.get(name)
        other = folded.get(name.lower(), name)
        if old is None and other != name:
            raise ToolError(f"{path}, line {line}: {name} and {other} differ by case only")
        if old is None or old == thing:
            continue
        column, before, now = next(
            (column, before, now)
            for column, before, now in zip(Thing._fields, old, thing, strict=True)
            if before != now
        )
        raise ToolError(
            f"{path}, line {line}: {name} was begun with {column} {_show(before)} and now has "
            f"{_show(now)}; a thing's line can not change: put it back, or use another name or -o"
        )


NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")  # AWS IoT API reference, CreateThing.
_ATTRIBUTE_NAME = re.compile(r"[a-zA-Z0-9_.,@/:#-]{1,128}")
_ATTRIBUTE_VALUE = re.compile(r"[a-zA-Z0-9_.,@/:#=\[\]-]{1,800}")
_COLUMNS = ("thing", "client_id", "endpoint", "key_type", "serial")
_KINDS = {kind.lower(): kind for kind in KINDS}


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    content = read_bounded(path, "a CSV file of things", MAX_CSV)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ToolError(
            f"{path}, line {line}: it is not UTF-8; save the sheet as CSV UTF-8"
        ) from None
    if "\0" in text:
        raise ToolError(f"{path} is no text; save the sheet as CSV UTF-8")
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    while True:
        start = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ToolError(f"{path}, line {start}: it is no CSV: {error}") from None
        if "".join(row).strip():
            yield start, row


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [cell.strip().lower() if ":" not in cell else cell.strip() for cell in header]
    while columns and not columns[-1]:
        columns.pop()  # As spreadsheets leave them.
    if "thing" not in columns:
        raise ToolError(
            f"{path}: no column is called thing; the first line must name the columns: thing and, "
            "as you need them, client_id, endpoint, key_type, serial, attribute:NAME"
        )
    attributes = 0
    for column in columns:
        if columns.count(column) > 1:
            raise ToolError(f"{path}: two columns are called {column}")
        kind, _, name = column.partition(":")
        if column == "serial" or (kind == "attribute" and _ATTRIBUTE_NAME.fullmatch(name)):
            attributes += 1
        elif column not in _COLUMNS:
            raise ToolError(
                f"{path}: a column is called {column!r}; known are {', '.join(_COLUMNS)} and "
                "attribute:NAME"
            )
    if attributes > MAX_ATTRIBUTES:
        raise ToolError(
            f"{path}: {attributes} columns are attributes (serial is one); AWS IoT Core takes "
            f"{MAX_ATTRIBUTES} for a thing without a type"
        )
    return columns


class _Reader:
    """Turns rows into things; where each column is, is found once."""

    def __init__(self, columns: list[str], host: endpoint.Endpoint | None) -> None:
        self._width = len(columns)
        self._host = host
        self._name = columns.index("thing")
        # A column that is not there is read from one past the end, where there is nothing.
        self._client, self._endpoint, self._kind = (
            columns.index(name) if name in columns else self._width
            for name in ("client_id", "endpoint", "key_type")
        )
        self.names_clients = "client_id" in columns
        self._attributes = [
            (number, name.removeprefix("attribute:"))
            for number, name in enumerate(columns)
            if name == "serial" or name.startswith("attribute:")
        ]

    def thing(self, row: list[str]) -> Thing:
        """Return what a row says; ToolError says what is wrong with it."""
        if len(row) != self._width:
            if any(cell.strip() for cell in row[self._width :]):
                raise ToolError(f"it has {len(row)} fields, the first line {self._width}")
            row = row[: self._width] + [""] * (self._width - len(row))
        cells = [cell.strip() for cell in row]
        cells.append("")
        name = cells[self._name]
        if not NAME.fullmatch(name):
            raise ToolError(
                f"{name!r} is no name of a thing; AWS IoT takes 1 to 128 of a-z A-Z 0-9 : _ -"
            )
        client_id = cells[self._client]
        if client_id:
            try:
                check_client_id(client_id)
            except ToolError as error:
                raise ToolError(
                    str(error).replace("--client-id: it", "its client id", 1)
                ) from None
        own = cells[self._endpoint]
        host = _endpoint(own) if own else self._host
        if host is None:
            raise ToolError(
                f"{name} has no endpoint; add a column endpoint, or --endpoint for all"
            )
        kind = cells[self._kind]
        key_type = _KINDS.get(kind.lower()) if kind else DEFAULT_KIND
        if key_type is None:
            raise ToolError(f"{kind!r} is no type of key; {' and '.join(KINDS)} are")
        attributes = tuple([(key, _attribute(key, cells[at])) for at, key in self._attributes])
        return Thing(name, client_id or name, host.host, host.port, key_type, attributes)


def _attribute(name: str, value: str) -> str:
    plain = len(value) <= 800 and value.isascii() and value.isalnum()
    if not plain and not _ATTRIBUTE_VALUE.fullmatch(value):
        raise ToolError(
            f"{name} is {value!r}; AWS IoT takes 1 to 800 of a-z A-Z 0-9 _ . , @ / : # = [ ] -"
        )
    return value


@lru_cache(maxsize=64)
def _endpoint(text: str) -> endpoint.Endpoint:
    try:
        found: endpoint.Endpoint = endpoint.parse(text)
    except ConfigError as error:
        raise ToolError(f"endpoint: {error}") from None
    return found


def _same_name(name: str, line: int, exactly: bool) -> str:
    if exactly:
        return f"{name} is in line {line} already; each thing has a name of its own"
    return (
        f"{name} and the name in line {line} differ by case only, and so would their files, which "
        "not every file system keeps apart"
    )


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{name} {text}" for name, text in value) or "none"
    return str(value)
