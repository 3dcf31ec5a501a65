"""Run a program of tests/e2e/device/ on MicroPython or CPython and read what it reports.

A program gets a list of jobs as a JSON file and prints one line of JSON for each (device/jobs.py).
A program that dies, or that says anything else, fails the test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from e2e.doors import Door
from interpreters import REPOSITORY, MicroPython

DEVICE = Path(__file__).with_name("device")
# A stand-in for name resolution on MicroPython's path; on CPython device/jobs.py does the same.
LOOPBACK = DEVICE / "loopback"

Job = dict[str, Any]
Report = dict[str, Any]


class CPython:
    """The host's Python in place of a board's, with `tls` from ats_trust_tools."""

    version = "CPython"
    offers_tls13 = False

    def run(
        self,
        script: Path,
        *arguments: str,
        path: Iterable[Path | str] = (),
        options: Sequence[str] = (),
        timeout: float = 60,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        folders = [*map(str, path), str(REPOSITORY / "lib"), str(REPOSITORY / "host_tools")]
        return subprocess.run(
            [sys.executable, *options, str(script), *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
        )


Interpreter = MicroPython | CPython


def run_jobs(
    interpreter: Interpreter,
    program: str,
    jobs: Sequence[Job],
    path: Iterable[Path | str] = (),
    options: Sequence[str] = (),
    timeout: float = 60,
    cwd: Path | None = None,
    complete: bool = True,
) -> list[Report]:
    """The report of each job, in order.

    complete: False where the program may die (of lack of memory): the reports up to there.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(jobs, file, default=str)
        file.flush()
        if isinstance(interpreter, MicroPython):
            path = [LOOPBACK, *path]
        done = interpreter.run(
            DEVICE / f"{program}.py",
            file.name,
            path=path,
            options=options,
            timeout=timeout,
            cwd=cwd,
        )
    reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if complete:
        said = f"exit status {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        assert done.returncode == 0 and len(reports) == len(jobs), said
    return reports


def run_job(interpreter: Interpreter, program: str, job: Job, **options: Any) -> Report:
    """The report of one job."""
    return run_jobs(interpreter, program, [job], **options)[0]


def job_for(door: Door, **options: Any) -> Job:
    """A job for device/jobs.py: this door, all of its roots, and the options of a context."""
    options.setdefault("bundle", door.bundle)
    return {"host": door.host, "port": door.port, "options": options}
