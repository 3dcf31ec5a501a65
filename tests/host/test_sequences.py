"""Ten thousand random sequences of what can happen to a board, on each interpreter."""

import json
import os
import subprocess
import sys

import pytest

from interpreters import DEVICE_TESTS, REPOSITORY, TEST_LIBRARY, MicroPython

_PROGRAM = REPOSITORY / "tests" / "e2e" / "device" / "sequences.py"
_PARTS = 4
_SEQUENCES = 10_000 // _PARTS
_EVENTS = 8
# What has to have happened in each part, or the sequences prove little.
_KINDS = {
    "installed",
    "confirmed",
    "reverted",
    "power cut",
    "authenticated",
    "refused",
    "network",
    "reset",
    "update_older",
    "update_unsigned",
    "update_damaged",
    "update_unknown_signer",
    "update_bad_signature",
    "update_expired",
    "update_early",
}


def _check(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert json.loads(done.stdout).keys() >= _KINDS


@pytest.mark.parametrize("part", range(_PARTS))
def test_on_cpython(part: int) -> None:
    """Whatever happens, the board is in the state that the table says."""
    arguments = map(str, (part * _SEQUENCES, _SEQUENCES, _EVENTS))
    path = os.pathsep.join(map(str, (DEVICE_TESTS, REPOSITORY / "lib")))
    _check(
        subprocess.run(
            [sys.executable, _PROGRAM, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=170,
        )
    )


@pytest.mark.parametrize("part", range(_PARTS))
def test_on_micropython(part: int, newest_micropython: MicroPython) -> None:
    """The same on MicroPython, whose files are on a real LittleFS."""
    arguments = map(str, (part * _SEQUENCES, _SEQUENCES, _EVENTS))
    _check(
        newest_micropython.run(
            _PROGRAM,
            *arguments,
            path=[DEVICE_TESTS, TEST_LIBRARY],
            options=["-X", "heapsize=16m"],  # It remembers a thousand bundles.
            timeout=170,
        )
    )
