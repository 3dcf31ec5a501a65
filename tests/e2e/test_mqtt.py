"""MQTT clients, unchanged, through an authenticated connection to a real broker."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.device_run import DEVICE, Interpreter, Job, Report, job_for, run_job
from e2e.doors import Door, Doors
from interpreters import REPOSITORY, MicroPython

_UMQTT_CALLS = DEVICE / "umqtt_calls"
_KINDS = ("rsa", "ecdsa")


def door_of(doors: Doors, kind: str) -> Door:
    door = doors.open(kind, mqtt=True, mutual_tls=True)
    door.visits()
    return door


def job_of(door: Door, kind: str, client: str) -> Job:
    certificate, key = door.client_certificate(kind)
    return {**job_for(door, cert=certificate, key=key), "client": client}


def check(door: Door, report: Report) -> None:
    """It published and received, over one authenticated connection, and nothing in clear."""
    assert report == {"class": "accepted", "received": ["good morning"] * 2}
    [seen] = door.visits()
    assert seen.client_certificate == "ats_trust emulator device certificate"
    assert seen.server_name == door.host
    assert seen.after_handshake > 0
    assert seen.before_handshake == 0 and seen.plaintext == b""


@pytest.mark.parametrize("kind", _KINDS)
def test_the_documented_program(
    doors: Doors, interpreter: Interpreter, kind: str, tmp_path: Path
) -> None:
    """The first program of a user, word for word, on a board as mip leaves it."""
    door = door_of(doors, kind)
    shutil.copytree(REPOSITORY / "lib" / "ats_trust", tmp_path / "ats_trust")
    shutil.copy(door.bundle, tmp_path / "ats_trust" / "roots.bin")
    shutil.copy(door.write_device("device.bin", kind=kind), tmp_path / "device.bin")
    report = run_job(
        interpreter,
        "mqtt",
        {**job_for(door), "client": "example"},
        path=[tmp_path, _UMQTT_CALLS],
        cwd=tmp_path,
    )
    check(door, report)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("client", ["umqtt_simple", "umqtt_robust"])
def test_umqtt(doors: Doors, interpreter: Interpreter, kind: str, client: str) -> None:
    """The calls of umqtt.simple and umqtt.robust."""
    door = door_of(doors, kind)
    report = run_job(interpreter, "mqtt", job_of(door, kind, client), path=[_UMQTT_CALLS])
    check(door, report)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("client", ["umqtt.simple2", "aiomqttc"])
def test_clients_from_pypi(
    doors: Doors,
    micropython: MicroPython,
    mqtt_client: Callable[[str], Path],
    kind: str,
    client: str,
) -> None:
    """MQTT clients that are on PyPI, as they are there."""
    door = door_of(doors, kind)
    report = run_job(
        micropython,
        "mqtt",
        job_of(door, kind, client.replace(".", "_")),
        path=[DEVICE / "board", mqtt_client(client)],
    )
    check(door, report)
