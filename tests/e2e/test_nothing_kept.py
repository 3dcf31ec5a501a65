"""Nothing is kept of a connection that is over: no heap, no open file, no socket."""

from __future__ import annotations

import pytest

from e2e.device_run import Interpreter, job_for, run_job
from e2e.doors import Doors
from e2e.test_impostors import EXPECTED
from interpreters import MicroPython

# Each ends at another point of a connection.
_NAMES = (
    None,
    "plain-tcp",
    "close-in-hello",
    "truncated-certificate",
    "unknown-ca",
    "same-name-other-key",
    "common-name-only",
    "stolen-chain",
    "no-client-cert",
)
_TIMES = 10


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("deferred", [False, True], ids=["at once", "deferred"])
def test_ten_connections(
    doors: Doors, interpreter: Interpreter, name: str | None, deferred: bool
) -> None:
    """After the tenth connection as much heap and as many files are in use as after the second;
    the first may load code that stays."""
    door = doors.open("rsa", impostor=name)
    job = {**job_for(door), "times": _TIMES, "deferred": deferred}
    report = run_job(interpreter, "kept", job)
    expected = "accepted" if name is None else EXPECTED[name][1] or "OSError"
    assert report["outcomes"] == [expected]
    assert report["files"][-1] == report["files"][1]
    if isinstance(interpreter, MicroPython):
        assert report["heap"][-1] == report["heap"][1] > 0, report["heap"]
