"""A user's shell session with `ats-trust`, for tests: type a line, look at what comes back.

Commands run in this process, in a folder of the test's own, and see none of the caller's
SOURCE_DATE_EPOCH. Nothing may end with a traceback or as a bug of the tool: either fails the test.
"""

import contextlib
import io
import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ats_trust_tools import cli


@dataclass(frozen=True)
class Result:
    """What a command left: exit status and both streams."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line on stderr of a command that was refused."""
        lines = self.err.splitlines()
        assert self.status in (1, 2), self
        assert len(lines) == 1, self.err
        assert lines[0].startswith("ats-trust: "), self.err
        assert self.out == "", self.out
        return lines[0].removeprefix("ats-trust: ")


class Shell:
    """A shell in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, line: str, **environment: str) -> Result:
        """Run `ats-trust LINE`; environment variables as keywords."""
        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.pop("SOURCE_DATE_EPOCH", None)
        os.environ.update(environment)
        try:
            with (
                contextlib.chdir(self.folder),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                try:
                    status = cli.main(shlex.split(line))
                except SystemExit as end:  # argparse ends --help and --version this way.
                    status = int(end.code or 0)
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert "a bug in ats-trust" not in err.getvalue(), err.getvalue()
        return Result(status, out.getvalue(), err.getvalue())

    def ok(self, line: str, **environment: str) -> Result:
        """Run a command that must succeed."""
        result = self.run(line, **environment)
        assert result.status == 0, result.err
        return result

    def refused(self, line: str, status: int = 1, **environment: str) -> str:
        """Run a command that must be refused; return its sentence."""
        result = self.run(line, **environment)
        assert result.status == status, result
        return result.sentence

    def path(self, name: str) -> Path:
        """Return the path of a file in the shell's folder."""
        return self.folder / name

    def files(self) -> list[str]:
        """Return the names of everything in the shell's folder."""
        return sorted(path.name for path in self.folder.iterdir())
