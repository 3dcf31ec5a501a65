"""The passphrase of encrypted private keys: where it comes from.

Rules: it is typed at the terminal, unseen, or is the first line of a file; never an argument and
never in the environment, where other processes can read it. It is asked for once in a command, a
new one twice. An empty one is refused.
"""

import argparse
import getpass
import stat
import warnings
from pathlib import Path

from . import output
from .errors import ToolError, UsageError
from .files import read_bounded


def add_passphrase_argument(parser: argparse.ArgumentParser) -> None:
    """Declare --passphrase-file."""
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        type=Path,
        help="its first line is the passphrase; by default you are asked for it",
    )


class Passphrase:
    """A passphrase that is asked for when it is needed first."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known = b""

    def existing(self, what: str) -> bytes:
        """Return the passphrase that opens `what`, a file's name. Raises ToolError."""
        if not self._known:
            self._known = self._from_file() or _typed(f"Passphrase of {what}: ")
        return self._known

    def new(self, what: str) -> bytes:
        """Return a new passphrase for `what`; at the terminal it is typed twice."""
        if not self._known:
            self._known = self._from_file() or _typed_twice(what)
        return self._known

    def _from_file(self) -> bytes:
        if self._file is None:
            return b""
        content = read_bounded(self._file, "a passphrase")
        line = content.split(b"\n", 1)[0].removesuffix(b"\r")
        if not line.strip():
            raise ToolError(f"{self._file}: its first line is empty; a passphrase belongs there")
        mode = self._file.stat().st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            output.warn(f"others on this computer can read the passphrase: chmod 600 {self._file}")
        return line


def _typed_twice(what: str) -> bytes:
    passphrase = _typed(f"New passphrase for {what}: ")
    if _typed("The same again: ") != passphrase:
        raise ToolError("the two passphrases differ; nothing was written, try again")
    return passphrase


def _typed(prompt: str) -> bytes:
    try:
        with warnings.catch_warnings():
            # Where there is no terminal, getpass would read a passphrase that is shown.
            warnings.simplefilter("error", getpass.GetPassWarning)
            typed = getpass.getpass(prompt)
    except (getpass.GetPassWarning, EOFError):
        raise UsageError(
            "there is no terminal to ask for the passphrase at; give --passphrase-file FILE"
        ) from None
    if not typed.strip():
        raise ToolError("the passphrase is empty; nothing was done")
    return typed.encode("utf-8", "surrogateescape")
