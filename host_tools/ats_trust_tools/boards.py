"""Board profiles: boards/BOARD/board.toml and the files that it builds on.

Rules:
- A profile holds frozen facts. Each has its source and how it came about: "measured" by this
  project, "read" in a source, data sheet or report, or "inferred" from such. What nobody knows is
  absent, and shown as not known.
- What holds for a chip, a port or every board with Mbed TLS is stated once, in the file that
  `builds_on` names; a board, then its variant, states what differs.
- Only what was measured or read refuses a board or a release.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ToolError, UsageError
from .files import data_folder, read_bounded

HOW = ("measured", "read", "inferred")
PREFERENCES = ("speed", "memory")


@dataclass(frozen=True)
class Field:
    """What a fact of this name is. kind: of its value in TOML; choices: none is any."""

    label: str
    kind: type
    unit: str = ""
    choices: tuple[str, ...] = ()


# Every fact that a profile may state, in the order in which they are shown.
FIELDS = {
    "refused": Field("refused", str),
    "mcu": Field("MCU", str),
    "platform": Field("port (sys.platform)", str),
    "first_release": Field("has this id since", str),
    "machine": Field("calls itself", dict),
    "tls": Field("TLS", str),
    "oldest_release": Field("verifies since", str),
    "tls_memory": Field("TLS memory", str, choices=("Python heap", "system heap")),
    "epoch": Field("counts time from", int),
    "cold_clock": Field("clock at boot", str),
    "ram": Field("RAM", int, "bytes"),
    "psram": Field("PSRAM", str),
    "python_heap_at_boot": Field("Python heap at boot", int, "bytes"),
    "free_heap": Field("free Python heap", int, "bytes"),
    "system_heap_free": Field("free system heap", int, "bytes"),
    "heap_can_grow_by": Field("Python heap can grow by", int, "bytes"),
    "flash": Field("flash", int, "bytes"),
    "file_system": Field("file system", str, choices=("LittleFS 2", "FAT")),
    "file_system_size": Field("file system size", int, "bytes"),
    "flash_block": Field("block", int, "bytes"),
    "program_size": Field("written in units of", int, "bytes"),
    "inline_size": Field("file without a block", int, "bytes"),
    "rsa_accelerator": Field("RSA in hardware up to", int, "bits"),
    "ecc_accelerator": Field("elliptic curves in hardware", str),
    "roots": Field("roots", list),
    "prefer": Field("order of roots", str, choices=PREFERENCES),
    "prefer_because": Field("because", str),
}

_ALWAYS = ("mcu", "platform", "machine", "tls", "epoch", "flash_block")
_IF_NOT_REFUSED = ("oldest_release", "tls_memory", "roots", "prefer", "prefer_because")
_MUST_BE_KNOWN = ("refused", "oldest_release")
# What somebody found on one firmware says nothing of its variants.
_NOT_OF_A_VARIANT = ("free_heap", "system_heap_free", "heap_can_grow_by")
_OF_LITTLEFS = ("program_size", "inline_size")
_RELEASE = re.compile(r"v?([0-9]{1,3})\.([0-9]{1,3})\b")
_RELEASES = re.compile(r"([0-9]+\.[0-9]+)?-([0-9]+\.[0-9]+)?")


@dataclass(frozen=True)
class Fact:
    """One thing that is known of a board. how: one of HOW; source: where, or how measured."""

    name: str
    value: Any
    how: str
    source: str


@dataclass(frozen=True)
class Board:
    """One board, or a variant of its firmware.

    name: MicroPython's id, as `sys.implementation._build` says it: "ESP32_GENERIC-SPIRAM".
    folder: where its files are; a variant's are those of the board.
    """

    name: str
    folder: Path
    title: str
    facts: dict[str, Fact]

    def value(self, name: str) -> Any:
        """Return the value of a fact, None where it is not known."""
        fact = self.facts.get(name)
        return fact.value if fact else None

    @property
    def roots_file(self) -> Path:
        """The trust anchors for it, generated; a refused board has none."""
        return self.folder / "roots.bin"

    @property
    def oldest_firmware(self) -> str | None:
        """The first release of MicroPython that exists for it and verifies."""
        releases = [self.value(name) for name in ("oldest_release", "first_release")]
        return max((text for text in releases if text), key=_release, default=None)


def board_names(folder: Path | None = None) -> list[str]:
    """Return the names of all boards that have a profile, without variants."""
    folder = folder or data_folder("boards")
    return sorted(path.parent.name for path in folder.glob("*/board.toml"))


def all_boards(folder: Path | None = None) -> Iterator[Board]:
    """Yield the profile of every board, each followed by those of its variants."""
    folder = folder or data_folder("boards")
    for name in board_names(folder):
        document, facts = _read(folder, f"{name}/board")
        yield _board(folder, name, document, facts)
        for variant in document.get("variants", {}):
            yield _variant(folder, name, variant, document, facts)


def load_board(name: str, folder: Path | None = None) -> Board:
    """Return the profile of a board or variant, by its MicroPython id in any case.

    Raises UsageError for an unknown board, ToolError for a damaged profile.
    """
    folder = folder or data_folder("boards")
    wanted, _, wanted_variant = name.upper().partition("-")
    known = board_names(folder)
    if wanted not in known:
        raise _unknown("a board", name, wanted, known)
    document, facts = _read(folder, f"{wanted}/board")
    if not wanted_variant:
        return _board(folder, wanted, document, facts)
    variants = document.get("variants", {})
    if wanted_variant not in variants:
        raise _unknown(f"a variant of {wanted}", wanted_variant, wanted_variant, list(variants))
    return _variant(folder, wanted, wanted_variant, document, facts)


def identify(build: str | None, machine: str | None, folder: Path | None = None) -> str | None:
    """Return the name of the board that says this of itself, or None.

    build: sys.implementation._build, which MicroPython has since 1.25 and which decides if it is
    known. machine: sys.implementation._machine; where a board and its variant have the same one,
    it is taken for the board.
    """
    boards = list(all_boards(folder))
    for board in boards:
        if board.name == build:
            return board.name
    for board in boards:
        if machine in board.value("machine").values():
            return board.name
    return None


def refusal(board: Board, release: str | None = None) -> str | None:
    """Return why the library can not work there, as one sentence, or None.

    release: of MicroPython, as "1.26.1"; None leaves it out.
    """
    if board.value("refused"):
        return f"{board.name} is refused: {board.value('refused')}"
    oldest = board.value("oldest_release")
    if release is not None and _release(release) < _release(oldest):
        return (
            f"MicroPython {release} is too old to authenticate a server; install {oldest} or "
            f"newer on {board.name}"
        )
    return None


def _release(text: str) -> tuple[int, int]:
    found = _RELEASE.match(text)
    if not found:
        raise ToolError(f"{text[:20]!r} is no release of MicroPython; one looks like 1.26.1")
    return int(found[1]), int(found[2])


def _unknown(what: str, name: str, wanted: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
    return UsageError(f"no profile for {what} called {name!r}; {hint}")


def _board(folder: Path, name: str, document: dict[str, Any], facts: dict[str, Fact]) -> Board:
    path = folder / name / "board.toml"
    title = document.get("title")
    if not isinstance(title, str) or not title:
        raise _damaged(path, "no title")
    needed = _ALWAYS if "refused" in facts else _ALWAYS + _IF_NOT_REFUSED
    absent = [field for field in needed if field not in facts]
    if absent:
        raise _damaged(path, f"nothing says {', '.join(absent)}")
    fat = "file_system" in facts and facts["file_system"].value == "FAT"
    in_order = {
        field: facts[field]
        for field in FIELDS
        if field in facts and not (fat and field in _OF_LITTLEFS)
    }
    return Board(name, folder / name, title, in_order)


def _variant(
    folder: Path, name: str, variant: str, document: dict[str, Any], facts: dict[str, Fact]
) -> Board:
    path = folder / name / "board.toml"
    own = document["variants"][variant]
    facts = {field: fact for field, fact in facts.items() if field not in _NOT_OF_A_VARIANT}
    found = _board(folder, name, own, facts | _facts(path, own, {"title", "facts"}))
    return Board(f"{name}-{variant}", found.folder, found.title, found.facts)


def _read(folder: Path, name: str, depth: int = 0) -> tuple[dict[str, Any], dict[str, Fact]]:
    """Return a file as it is, and its facts together with those that it builds on."""
    path = folder / f"{name}.toml"
    try:
        document = tomllib.loads(read_bounded(path, "a board profile").decode())
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from None
    keys = {"builds_on", "facts"} | ({"title", "variants"} if depth == 0 else set())
    facts = _facts(path, document, keys)
    below = document.get("builds_on")
    if below is not None:
        if depth == 4 or not isinstance(below, str):
            raise _damaged(path, "builds_on")
        facts = _read(folder, below, depth + 1)[1] | facts
    variants = document.get("variants", {})
    if not isinstance(variants, dict) or not all(isinstance(v, dict) for v in variants.values()):
        raise _damaged(path, "variants")
    return document, facts


def _facts(path: Path, document: dict[str, Any], keys: set[str]) -> dict[str, Fact]:
    """Return the facts that this file, or a variant in it, states itself."""
    if document.keys() - keys:
        raise _damaged(path, f"{min(document.keys() - keys)} means nothing")
    groups = document.get("facts", [])
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise _damaged(path, "facts")
    facts: dict[str, Fact] = {}
    for group in groups:
        how, source = group.get("how"), group.get("source")
        if how not in HOW or not isinstance(source, str) or not source:
            raise _damaged(path, "a fact without how or without a source")
        for name, value in group.items():
            if name in ("how", "source"):
                continue
            if name in facts:
                raise _damaged(path, f"{name} is there twice")
            why = _wrong(name, value, how)
            if why:
                raise _damaged(path, why)
            value = tuple(value) if isinstance(value, list) else value
            facts[name] = Fact(name, value, how, source)
    return facts


def _wrong(name: str, value: object, how: str) -> str | None:
    """Return what is wrong with a fact."""
    field = FIELDS.get(name)
    if field is None:
        return f"{name} means nothing"
    if type(value) is not field.kind or value in ("", [], {}):
        return f"{name} is no {field.kind.__name__} or says nothing"
    if isinstance(value, int) and value < 0:
        return f"{name} is below 0"
    if field.choices and value not in field.choices:
        return f"{name} is none of {', '.join(field.choices)}"
    if isinstance(value, list | dict) and not all(
        isinstance(item, str) and item
        for item in (value if isinstance(value, list) else value.values())
    ):
        return f"{name} holds something else than words"
    if isinstance(value, dict) and not all(_RELEASES.fullmatch(key) for key in value):
        return f"{name} is for no range of releases"
    if name.endswith("_release") and not _RELEASE.fullmatch(str(value)):
        return f"{name} is no release"
    if name in _MUST_BE_KNOWN and how == "inferred":
        return f"{name} refuses, and is only inferred"
    return None


def _damaged(path: Path, why: str) -> ToolError:
    return ToolError(f"{path} is damaged ({why}); install ats-trust again")
