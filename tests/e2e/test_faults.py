"""Whatever breaks inside the device, nothing is accepted that should not be, and nothing is sent.

And whatever breaks is not reported as the server's fault.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from e2e.device_run import CPython, Interpreter, job_for, run_job, run_jobs
from e2e.doors import Door, Doors
from e2e.test_impostors import EXPECTED
from interpreters import MicroPython

# The one that Mbed TLS accepts: the judge alone stands between it and the application.
_IMPOSTOR = "common-name-only"


def sent_nothing(door: Door) -> bool:
    """Whether somebody came since the door was last asked, and nobody sent a message."""
    found = door.visits()
    assert found, "nobody came, so nothing was tested"
    return sum(seen.application_bytes for seen in found) == 0


def meet(doors: Doors, interpreter: Interpreter, fault: str, name: str | None) -> Any:
    """The report of a fault against a door, on which nothing may arrive but what is accepted."""
    door = doors.open("rsa", impostor=name)
    door.visits()
    report = run_job(interpreter, "faults", {**job_for(door), "fault": fault})
    assert report["class"] == "accepted", report
    if name is not None:
        assert sent_nothing(door)
    return report["reports"]


@pytest.mark.parametrize("fault", ["exceptions_in_the_judge", "exceptions_around_the_judge"])
def test_exceptions_with_an_impostor(doors: Doors, interpreter: Interpreter, fault: str) -> None:
    """No exception inside the library makes it accept an impostor."""
    reports = meet(doors, interpreter, fault, _IMPOSTOR)
    assert len(reports) >= 15
    assert [key for key, report in reports.items() if report["class"] == "accepted"] == []


@pytest.mark.parametrize("fault", ["exceptions_in_the_judge", "exceptions_around_the_judge"])
def test_exceptions_with_the_genuine_server(
    doors: Doors, interpreter: Interpreter, fault: str
) -> None:
    """A lack of memory inside the library is never blamed on the server; a bug says that it is
    one, or comes out as it is."""
    for key, report in meet(doors, interpreter, fault, None).items():
        if key.endswith("MemoryError"):
            assert report["class"] in ("HeapError", "MemoryError"), (key, report)
        elif report["class"] == "PeerRejected" and not key.startswith("_check "):
            # After the last step an exception can not be told from one of the TLS.
            assert report["code"] == "internal", (key, report)


@pytest.mark.parametrize("name", [None, _IMPOSTOR])
def test_locked_heap(doors: Doors, micropython: MicroPython, name: str | None) -> None:
    """While no byte can be allocated an impostor is refused and the server is not blamed."""
    allowed = {"HeapError", "MemoryError"} | ({"accepted"} if name is None else set())
    reports = meet(doors, micropython, "locked_heap", name)
    for key, report in reports.items():
        if name is None or report["class"] != "PeerRejected":
            assert report["class"] in allowed, (key, report)
        else:
            assert report["code"] == "name_not_in_san", (key, report)
    assert "HeapError" in {report["class"] for report in reports.values()}


@pytest.mark.parametrize("name", [None, _IMPOSTOR, "unknown-ca", "same-name-other-key"])
def test_little_memory(doors: Doors, micropython: MicroPython, name: str | None) -> None:
    """With any amount of free heap, from next to none to ample, an impostor is refused, and what
    is for lack of memory says so: it is neither the server's fault nor the network's."""
    door = doors.open("rsa", impostor=name)
    door.visits()
    job = {**job_for(door), "from": 2_000, "to": 34_000, "step": 128}
    options = ("-X", "heapsize=320k")
    report = run_job(micropython, "starved", job, options=options, timeout=120)
    outcomes = report["outcomes"]
    good = "accepted" if name is None else EXPECTED[name][1]
    assert outcomes.keys() <= {good, "heap", "MemoryError"}, outcomes
    assert outcomes[good] > 20 and outcomes["heap"] > 20, outcomes
    if name is not None:
        assert sent_nothing(door)


@pytest.mark.parametrize("name", [None, _IMPOSTOR])
def test_small_heaps(doors: Doors, newest_micropython: MicroPython, name: str | None) -> None:
    """So with a Python heap in which the library is loaded at all, or is not."""
    door = doors.open("rsa", impostor=name)
    door.visits()
    job = job_for(door)
    codes = set()
    for heap in range(30_000, 120_000, 1_500):
        options = ("-X", f"heapsize={heap}")
        reports = run_jobs(newest_micropython, "connect", [job], options=options, complete=False)
        codes |= {report.get("code", report["class"]) for report in reports}
    assert codes <= {"accepted" if name is None else "name_not_in_san", "heap", "MemoryError"}
    assert len(codes) > 1
    if name is not None:
        assert sent_nothing(door)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (_IMPOSTOR, "MemoryError"),
        (_IMPOSTOR, "KeyError"),
        ("same-name-other-key", "MemoryError"),
    ],
)
def test_exception_at_every_line_with_an_impostor(doors: Doors, name: str, error: str) -> None:
    """Whichever line of the library raises, an impostor is refused and gets nothing."""
    outcomes = _at_every_line(doors, name, error)
    assert [place for place, outcome in outcomes if outcome == "accepted"] == []
    assert sent_nothing(doors.open("rsa", impostor=name))


def test_no_memory_at_every_line(doors: Doors) -> None:
    """Whichever line runs out of memory, the server is not blamed for it."""
    outcomes = _at_every_line(doors, None, "MemoryError")
    assert {outcome for _, outcome in outcomes} <= {"accepted", "heap", "MemoryError"}, outcomes


def _at_every_line(doors: Doors, name: str | None, error: str) -> list[tuple[str, str]]:
    door = doors.open("rsa", impostor=name)
    door.visits()
    report = run_job(CPython(), "traced", {**job_for(door), "error": error}, timeout=120)
    outcomes: list[tuple[str, str]] = report["outcomes"]
    assert len(outcomes) > 300
    return outcomes


_BUNDLE_FAULTS = {
    "deleted_bundle": ("BundleError", "bundle_missing"),
    "cut_bundle": ("BundleError", "bundle_damaged"),
    "flipped_bit_in_bundle": ("BundleError", "bundle_damaged"),
    "empty_bundle": ("BundleError", "bundle_damaged"),
    "directory_for_bundle": ("BundleError", None),  # The port decides whether it opens.
    "other_bundle": ("PeerRejected", "unknown_issuer"),
}


@pytest.mark.parametrize("fault", _BUNDLE_FAULTS)
def test_bundle_changes_before_the_handshake(
    doors: Doors, interpreter: Interpreter, fault: str, tmp_path: Path
) -> None:
    """A bundle that vanishes, breaks or changes after the context was made is found out."""
    door = doors.open("rsa", tail="none")
    door.visits()
    bundle = tmp_path / "roots.bin"
    shutil.copy(door.bundle, bundle)
    other = door.write_bundle("other.bin", "rsa-4096")
    job = {**job_for(door, bundle=bundle), "fault": fault, "other": other}
    report = run_job(interpreter, "faults", job)
    expected, code = _BUNDLE_FAULTS[fault]
    assert report["class"] == expected, report
    assert code in (None, report["code"])
    assert sent_nothing(door)


def test_disk_errors(doors: Doors, interpreter: Interpreter) -> None:
    """A read from flash that fails, whichever it is, is a BundleError and no connection."""
    reports = meet(doors, interpreter, "disk_errors", None)
    assert len(reports) > 20
    assert {report["class"] for report in reports[:-1]} == {"BundleError"}, reports
    assert reports[-1]["class"] == "accepted"


@pytest.mark.parametrize("name", [None, _IMPOSTOR, "unknown-ca"])
def test_lying_tls(doors: Doors, interpreter: Interpreter, name: str | None) -> None:
    """A TLS that verifies less than it says is not used, whoever answers."""
    reports = meet(doors, interpreter, "lying_tls", name)
    assert len(reports) == 8
    if name is None:
        # The judge was asked, and the server is the genuine one.
        assert reports.pop("IgnoresAnswer")["class"] == "accepted"
    # Its anchor is whole and signed this chain, so it can only have been a lack of memory.
    assert reports.pop("LoadsNothing")["code"] in ("heap", "unknown_issuer")
    for lie, report in reports.items():
        assert report["class"] in ("ConfigError", "PeerRejected"), (lie, report)
    assert {lie for lie, report in reports.items() if report["code"] == "no_verification"} == {
        "DropsMode",
        "KnowsNoSuites",
        "CanNotLoad",
    }
