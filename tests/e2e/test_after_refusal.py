"""What a program can still do after a refusal: nothing that sends a byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ats_trust_tools.emulate import IMPOSTORS
from e2e.device_run import DEVICE, Interpreter, Job, job_for, run_job, run_jobs
from e2e.doors import Door, Doors
from e2e.test_impostors import EXPECTED, expected_of, record_types
from interpreters import MicroPython

_UMQTT_CALLS = DEVICE / "umqtt_calls"
# Refused before, in and after the chain; the second and third by ats_trust alone.
_IMPOSTORS = (
    "plain-tcp",
    "common-name-only",
    "name-constraint-violated",
    "unknown-ca",
    "stolen-chain",
)


def job_of(door: Door, way: str) -> Job:
    door.visits()
    return {**job_for(door), "way": way}


def sent_nothing(door: Door, visits: int = 1) -> bool:
    """Whether all that a client sent on so many connections was its part of a handshake."""
    found = door.visits()
    assert len(found) == visits
    return all(
        seen.application_bytes == 0 and record_types(seen.head) <= {20, 21, 22} for seen in found
    )


@pytest.mark.parametrize("name", _IMPOSTORS)
def test_umqtt_simple(doors: Doors, micropython: MicroPython, name: str) -> None:
    """After a refused connect, publish() and all other calls of umqtt.simple send not one byte."""
    door = doors.open("rsa", impostor=name)
    report = run_job(micropython, "refused", job_of(door, "umqtt_simple"), path=[_UMQTT_CALLS])
    assert (report["class"], report.get("code")) == EXPECTED[name][:2], report
    assert report["later"] == ["OSError"] * 4 + ["OSError"]
    assert sent_nothing(door)


@pytest.mark.parametrize("name", ["unknown-ca", "plain-tcp", "stolen-chain"])
def test_umqtt_simple_over_stock_tls(doors: Doors, micropython: MicroPython, name: str) -> None:
    """The control: over MicroPython's own TLS, with CERT_REQUIRED and the right root, the same
    calls send the message in clear to the impostor that was just refused."""
    door = doors.open("rsa", impostor=name)
    report = run_job(micropython, "refused", stock_job(door, "umqtt_simple"), path=[_UMQTT_CALLS])
    assert report["class"] in ("ValueError", "OSError")
    assert report["later"][0] == "accepted"
    [seen] = door.visits()
    assert b"\x00\x05topicsecret" in seen.plaintext


def stock_job(door: Door, way: str) -> Job:
    root = door.folder / "root.der"
    root.write_bytes(door.root("rsa"))
    return {**job_of(door, way), "tls": "required", "root": root, "timeout": 1}


@pytest.mark.parametrize("name", _IMPOSTORS)
def test_umqtt_simple2(
    doors: Doors, micropython: MicroPython, mqtt_client: Callable[[str], Path], name: str
) -> None:
    """So with umqtt.simple2 from PyPI."""
    door = doors.open("rsa", impostor=name)
    report = run_job(
        micropython,
        "refused",
        job_of(door, "umqtt_simple2"),
        path=[mqtt_client("umqtt.simple2")],
    )
    assert (report["class"], report.get("code")) == EXPECTED[name][:2], report
    assert "accepted" not in report["later"][:3]
    assert sent_nothing(door)


@pytest.mark.parametrize("name", _IMPOSTORS)
def test_umqtt_robust(doors: Doors, micropython: MicroPython, name: str) -> None:
    """A refusal ends umqtt.robust's loop at the first try."""
    door = doors.open("rsa", impostor=name)
    report = run_job(micropython, "refused", job_of(door, "umqtt_robust"), path=[_UMQTT_CALLS])
    assert (report["class"], report.get("code")) == EXPECTED[name][:2], report
    assert sent_nothing(door)


def test_umqtt_robust_over_stock_tls(doors: Doors, micropython: MicroPython) -> None:
    """The control: over MicroPython's own TLS it tries a stolen chain again and again."""
    door = doors.open("rsa", impostor="stolen-chain")
    report = run_job(micropython, "refused", stock_job(door, "umqtt_robust"), path=[_UMQTT_CALLS])
    assert report["class"] == "EnoughTries"
    assert len(door.visits()) == 5


@pytest.mark.parametrize("name", ["common-name-only", "stolen-chain"])
def test_aiomqttc(
    doors: Doors, micropython: MicroPython, mqtt_client: Callable[[str], Path], name: str
) -> None:
    """aiomqttc from PyPI, which turns every error into one of its own, does not get through."""
    door = doors.open("rsa", impostor=name)
    report = run_job(
        micropython,
        "refused",
        job_of(door, "aiomqttc"),
        path=[DEVICE / "board", mqtt_client("aiomqttc")],
    )
    assert report["class"] != "accepted"
    assert sent_nothing(door)


@pytest.mark.parametrize("name", _IMPOSTORS)
@pytest.mark.parametrize("way", ["read_first", "write_first", "poll_first", "asyncio_own"])
def test_deferred_handshake(doors: Doors, interpreter: Interpreter, way: str, name: str) -> None:
    """Whatever starts a deferred handshake gets the refusal, before a byte leaves."""
    if way == "poll_first" and not isinstance(interpreter, MicroPython):
        way = "read_first"  # CPython polls file descriptors only.
    door = doors.open("rsa", impostor=name)
    report = run_job(interpreter, "refused", job_of(door, way))
    assert (report["class"], report.get("code"), report.get("stage")) == EXPECTED[name]
    assert sent_nothing(door)


@pytest.mark.parametrize("name", _IMPOSTORS)
@pytest.mark.parametrize("way", ["asyncio_stock_read", "asyncio_stock_write"])
def test_asyncio(doors: Doors, micropython: MicroPython, way: str, name: str) -> None:
    """asyncio.open_connection(ssl=context) refuses at the first read or write."""
    door = doors.open("rsa", impostor=name)
    report = run_job(micropython, "refused", job_of(door, way))
    assert (report["class"], report.get("code"), report.get("stage")) == EXPECTED[name]
    assert sent_nothing(door)


def test_later_calls(doors: Doors, interpreter: Interpreter) -> None:
    """Every later call on a refused stream raises the same error; both sockets are closed,
    and nothing but a handshake and an alert was ever written to them. Every impostor, as the
    client sees it: a server may not see what a connection's reset took back."""
    names = [
        name
        for name, (_, code, stage) in EXPECTED.items()
        if code is not None and stage != "application"
    ]
    kinds = [IMPOSTORS[name].kinds[0] for name in names]
    met = [doors.open(kind, impostor=name) for kind, name in zip(kinds, names, strict=True)]
    reports = run_jobs(interpreter, "refused", [job_of(door, "later_calls") for door in met])
    for name, door, report in zip(names, met, reports, strict=True):
        assert report["code"] == expected_of(interpreter, name)[1], (name, report)
        assert report["same"] == [True] * 9, (name, report)
        assert report["closed"] is True, name
        assert 22 in report["types"] and set(report["types"]) <= {20, 21, 22}, (name, report)
        assert sent_nothing(door), name


def test_poll_after_a_refusal(doors: Doors, micropython: MicroPython) -> None:
    """select.poll reports a refused stream as ready for all that was asked."""
    door = doors.open("rsa", impostor="unknown-ca")
    report = run_job(micropython, "refused", job_of(door, "poll_after"))
    assert report["ready"] == [1 | 4]


def test_interrupted_handshake(doors: Doors, interpreter: Interpreter) -> None:
    """KeyboardInterrupt and SystemExit in the middle of a handshake come through, and the socket
    is closed."""
    door = doors.open("rsa")
    report = run_job(interpreter, "refused", job_of(door, "interrupted"))
    assert report["found"] == ["True True"] * 4
    assert sent_nothing(door, 4)
