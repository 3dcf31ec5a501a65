"""The files of a project folder, read with bounds and without following any link.

Rules: only regular files, never more than MAX_FILE bytes of one and MAX_FILES in all; what is left
out although it may matter is said. Folders of tools, of other people's packages and of builds are
none of the project.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..errors import UsageError
from .rules import Finding

MAX_FILE = 1 << 20
MAX_FILES = 5000
_MAX_TOTAL = 64 << 20
_MAX_ENTRIES = 100_000
_MAX_DEPTH = 30
_SKIPPED = frozenset(
    ".git .hg .svn .venv venv env node_modules build dist __pycache__ site-packages .tox "
    ".nox .mypy_cache .pytest_cache .ruff_cache .eggs .idea .vscode .pio".split()
)
_MUST_READ = frozenset((".py", ".pem", ".crt", ".cer", ".cert", ".der", ".key"))


@dataclass(frozen=True)
class Item:
    """One file. name: as shown, with /; mode: permission bits, None where there are none."""

    name: str
    data: bytes
    mode: int | None = None

    @property
    def suffix(self) -> str:
        """The last part of its name, in lower case, with its dot."""
        return PurePosixPath(self.name).suffix.lower()


@dataclass
class Reading:
    """What was read. repositories: folders, relative, that are the top of a git checkout.

    pem_keys: files that hold a key in PEM and stay where they are, on a board.
    """

    items: list[Item] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    repositories: list[str] = field(default_factory=list)
    pem_keys: list[str] = field(default_factory=list)

    def skip(self, name: str, why: str) -> None:
        """Note a file that should have been read and was not."""
        self.findings.append(Finding(name, 0, "not-read", why))


def read_project(path: Path) -> Reading:
    """Return the files of a folder, or the one file. Raises UsageError when there is neither."""
    reading = Reading()
    try:
        top = Path(os.path.realpath(path))
        if not top.is_dir():
            _read(reading, top, path.name)
            if reading.findings:
                raise UsageError(f"{path}: {reading.findings[0].detail}")
            return reading
        _walk(reading, top)
    except OSError as error:
        raise UsageError(f"can not read {path}: {error.strerror or error}") from None
    reading.items.sort(key=lambda item: item.name)
    return reading


def must_read(name: str) -> bool:
    """Whether a file has to be read by its name; of others, large ones may be left out."""
    return PurePosixPath(name).suffix.lower() in _MUST_READ


def _walk(reading: Reading, top: Path) -> None:
    ahead = [(top, "", 0)]
    entries = total = 0
    while ahead:
        folder, prefix, depth = ahead.pop()
        try:
            # The top's own failure is the caller's.
            with os.scandir(folder) as scan:
                found = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise
            reading.skip(prefix, error.strerror or "the folder can not be read")
            continue
        names = {entry.name for entry in found}
        if ".git" in names:
            reading.repositories.append(prefix)
        if prefix and "pyvenv.cfg" in names:
            continue
        entries += len(found)
        for entry in found:
            name = prefix + entry.name
            if entry.is_symlink():
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name in _SKIPPED:
                    continue
                if depth >= _MAX_DEPTH:
                    reading.skip(name, f"deeper than {_MAX_DEPTH} folders")
                else:
                    ahead.append((Path(entry.path), name + "/", depth + 1))
            elif entry.is_file(follow_symlinks=False):
                total += _read(reading, Path(entry.path), name)
            if len(reading.items) >= MAX_FILES or total > _MAX_TOTAL:
                reading.skip(name, "more files than an audit reads; what comes after is not read")
                return
        if entries > _MAX_ENTRIES:
            reading.skip(prefix, "more files than an audit looks at; what comes after is not read")
            return


def _read(reading: Reading, path: Path, name: str) -> int:
    """Read one file; return its size."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                reading.skip(name, "no regular file")
                return 0
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        reading.skip(name, error.strerror or "it can not be read")
        return 0
    if len(data) > MAX_FILE:
        if must_read(name):
            reading.skip(name, f"larger than {MAX_FILE} bytes")
        return 0
    mode = None if os.name == "nt" else stat.S_IMODE(status.st_mode)
    reading.items.append(Item(name, data, mode))
    return len(data)
