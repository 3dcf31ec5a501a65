"""Little memory, on the build whose TLS takes it from the Python heap, as boards do.

Whatever the memory is: a genuine server is authenticated or the error says that memory ran out,
an impostor is refused for what it is or for want of memory; nothing is sent to anyone who is not
authenticated, and with enough memory all is as ever.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compiled_library import compile_library

from e2e.device_run import Report, job_for, run_job
from e2e.doors import Door, Doors
from e2e.test_impostors import EXPECTED
from interpreters import MicroPython

_HEAP = ("-X", "heapsize=200k")  # A Pico W has about as much.
# From where nothing works to where everything does.
_LEAST, _MOST = 27 * 1024, 42 * 1024
_FOR_WANT_OF_MEMORY = {"HeapError heap", "MemoryError"}
_IMPOSTORS = ("same-name-other-key", "unknown-ca", "common-name-only")
_MESSAGE = 19  # Bytes that a program sends once the server is authenticated.


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for its path, with the library as a board gets it."""
    folder = tmp_path_factory.mktemp("installed")
    compile_library(folder / "ats_trust")
    return folder


def _sweep(
    small_heap: MicroPython, installed: Path, door: Door, good: str, step: int, **job: Any
) -> None:
    """With more and more memory: each step ends well or for want of memory, and both occur."""
    door.visits()
    job = {**job_for(door), "steps": list(range(_LEAST, _MOST, step)), **job}
    report = run_job(small_heap, "scarce", job, path=[installed], options=_HEAP, timeout=580)
    assert set(report["next"]) == {good}, report
    outcomes: list[str] = report["steps"]
    assert set(outcomes) <= {good, *_FOR_WANT_OF_MEMORY}
    assert outcomes[0] in _FOR_WANT_OF_MEMORY and outcomes[-1] == good
    # Nothing piles up: what is in use after the last step was in use after the tenth, up to the
    # texts of outcomes that had not occurred before.
    assert report["heap"][-1] - report["heap"][9] <= 128, report["heap"]
    authenticated = (outcomes + report["next"]).count("accepted")
    sent = [visit.application_bytes for visit in door.visits()]
    assert sorted(sent) == [0] * (len(sent) - authenticated) + [_MESSAGE] * authenticated


@pytest.mark.parametrize("layout", ["one piece", "pieces"])
@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_genuine(
    doors: Doors, small_heap: MicroPython, installed: Path, chain: str, layout: str
) -> None:
    """The server is never blamed, and never trusted unverified."""
    door = doors.open(chain)
    _sweep(small_heap, installed, door, "accepted", 96, layout=layout, loaded=False)


@pytest.mark.parametrize("layout", ["one piece", "pieces"])
@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
@pytest.mark.parametrize("name", _IMPOSTORS)
def test_impostor(
    doors: Doors,
    small_heap: MicroPython,
    installed: Path,
    name: str,
    chain: str,
    layout: str,
) -> None:
    """An impostor gets nothing, and is refused as what it is once memory allows to see it."""
    door = doors.open(chain, impostor=name)
    expected = f"PeerRejected {EXPECTED[name][1]}"
    _sweep(small_heap, installed, door, expected, 192, layout=layout, loaded=False)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("loaded", [True, False], ids=["refused before", "first refusal"])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_genuine_in_many_layouts(
    doors: Doors, small_heap: MicroPython, installed: Path, chain: str, seed: int, loaded: bool
) -> None:
    """The same with the free memory in pieces of ever other sizes and places."""
    door = doors.open(chain)
    job = {"layout": "pieces", "loaded": loaded, "seed": seed}
    _sweep(small_heap, installed, door, "accepted", 64, **job)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("loaded", [True, False], ids=["refused before", "first refusal"])
@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_genuine_at_every_block(
    doors: Doors, small_heap: MicroPython, installed: Path, chain: str, loaded: bool
) -> None:
    """The same with every amount that makes a difference: a block has 16 bytes."""
    door = doors.open(chain)
    _sweep(small_heap, installed, door, "accepted", 16, layout="one piece", loaded=loaded)


def _in_a_row(
    small_heap: MicroPython, installed: Path, door: Door, times: int, timeout: float = 170
) -> Report:
    job = {**job_for(door), "times": times, "deferred": False}
    report = run_job(small_heap, "kept", job, path=[installed], options=_HEAP, timeout=580)
    assert report["heap"][-1] == report["heap"][1] > 0, report["heap"]
    assert report["files"][-1] == report["files"][1]
    return report


@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_in_a_row(doors: Doors, small_heap: MicroPython, installed: Path, chain: str) -> None:
    """After 200 connections the heap is what it was after the second."""
    report = _in_a_row(small_heap, installed, doors.open(chain), 200)
    assert report["outcomes"] == ["accepted"]


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_thousand_in_a_row(
    doors: Doors, small_heap: MicroPython, installed: Path, chain: str
) -> None:
    """After 1,000 connections the heap is what it was after the second."""
    report = _in_a_row(small_heap, installed, doors.open(chain), 1000, timeout=590)
    assert report["outcomes"] == ["accepted"]


@pytest.mark.parametrize("name", [*_IMPOSTORS, "plain-tcp", "truncated-certificate", "expired"])
def test_refused_in_a_row(
    doors: Doors, small_heap: MicroPython, installed: Path, name: str
) -> None:
    """After ten refusals the heap is what it was after the second."""
    report = _in_a_row(small_heap, installed, doors.open("rsa", impostor=name), 10)
    assert report["outcomes"] == [EXPECTED[name][1]]
