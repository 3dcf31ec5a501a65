"""`diagnose` against every impostor: the right code, no byte of the application, no leak."""

from __future__ import annotations

import base64
import re
import socket
import tomllib
from functools import cache
from typing import Any

import pytest

from ats_trust import diagnosis
from ats_trust_tools.emulate import IMPOSTORS
from e2e.device_run import Interpreter, Job, job_for, run_job, run_jobs
from e2e.doors import Door, Doors
from e2e.test_impostors import expected_of, record_types
from interpreters import REPOSITORY, MicroPython

# Nothing of TLS's; "policy-denied" turns a device away only when MQTT begins.
_AUTHENTICATED = {"policy-denied"}
# Servers whose chain was seen, and one that stands out in it.
_SAID = {
    "unknown-ca": "missing: the issuer of certificate 3, C=",
    "missing-intermediate": "missing: the issuer of certificate 1, C=",
    "name-constraint-critical": "certificate 2: has critical name constraints",
    "truncated-certificate": "certificate 1: 1",
    "wrong-name": "certificate 1: for *.iot.eu-west-2.amazonaws.com",
    "rsa-1024": "key rsa 1024,",
    "captive-portal": "detail: a web server answered",
}
_CLIENT_ID = "pump-station-7"
# Handshake, alert and ChangeCipherSpec; never application data (23).
_NO_APPLICATION = {20, 21, 22}


def _door(doors: Doors, name: str) -> Door:
    if name == "genuine":
        return doors.open("rsa")
    return doors.open(IMPOSTORS[name].kinds[0], impostor=name)


def _job(door: Door, name: str) -> Job:
    job = job_for(door)
    # The blob names a certificate that this door's server would ask for, with its key.
    job["device"] = door.write_device("device.bin", client_id=_CLIENT_ID)
    job["timeout"] = 1 if name == "silent" else 10
    return job


@cache
def _reports(doors: Doors, interpreter: Interpreter) -> dict[str, tuple[dict[str, Any], Any]]:
    """What this interpreter reports of every impostor and the genuine door, and what they saw."""
    met = {name: _door(doors, name) for name in (*IMPOSTORS, "genuine")}
    jobs = [_job(door, name) for name, door in met.items()]
    for door in met.values():
        door.visits()
    reports = run_jobs(interpreter, "diagnose", jobs, timeout=120)
    return {
        name: (report, door.visits())
        for (name, door), report in zip(met.items(), reports, strict=True)
    }


@pytest.mark.parametrize("name", [*IMPOSTORS, "genuine"])
def test_report(doors: Doors, interpreter: Interpreter, name: str) -> None:
    """The verdict is that of a connection, and the server never gets a byte of an application."""
    report, visits = _reports(doors, interpreter)[name]
    lines = dict(line.split(": ", 1) for line in report["lines"])
    text = "\n".join(report["lines"])
    kind, code, stage = expected_of(interpreter, name) if name in IMPOSTORS else ("", None, None)
    if name == "no-client-cert":
        assert report["result"] is True, text  # The device has what this server demands.
    elif name in _AUTHENTICATED or not kind:
        assert report["result"] is True, text
        assert lines["verdict"].startswith("authenticated, TLS-ECDHE-RSA-WITH-AES-"), text
    elif kind == "OSError":
        assert report["result"] is False
        assert lines["verdict"].startswith("the network failed: "), text
    else:
        assert report["result"] is False
        assert (lines["verdict"], lines["stage"]) == (f"{kind}, code {code}", stage), text
        assert lines["remedy"], text
    assert _SAID.get(name, "") in text, text
    if stage == "certificate" and name != "huge-chain":
        assert "certificate 1" in lines, text
    # A second connection, if there is one, is broken off when the chain has passed.
    complete = [seen.handshake_complete for seen in visits]
    assert complete in ([report["result"]], [report["result"], False])
    for seen in visits:
        assert seen.application_bytes == 0 and seen.plaintext == b""
        assert record_types(seen.head) <= _NO_APPLICATION


def test_can_be_published(doors: Doors, interpreter: Interpreter) -> None:
    """Prefix, client id, the certificate's own name and every byte of the key stay out of it."""
    everything = _reports(doors, interpreter)
    assert len(everything) == len(IMPOSTORS) + 1
    for name, (report, _) in everything.items():
        door = _door(doors, name)
        text = "\n".join(report["lines"])
        assert re.fullmatch(r"[\x20-\x7e\n]+", text)
        assert "<prefix>" in text
        prefix = door.host.partition("-ats.")[0]
        for secret in (prefix, _CLIENT_ID, "device certificate", "device.bin"):
            assert secret not in text.lower(), text
        for part in door.device("rsa"):
            for shown in (part.hex(), base64.b64encode(part).decode()):
                assert not any(shown[at : at + 16] in text for at in range(0, len(shown) - 15, 16))


def test_revealed(doors: Doors, newest_micropython: MicroPython) -> None:
    """When asked for, the name is shown as it is; the key is not."""
    door = doors.open("rsa")
    job = _job(door, "genuine")
    job["options"]["reveal"] = True
    report = run_job(newest_micropython, "diagnose", job)
    text = "\n".join(report["lines"])
    assert report["result"] is True and f"endpoint: {door.host} " in text
    assert "<" not in text
    certificate, key = door.device("rsa")
    assert not any(part.hex()[40:72] in text for part in (certificate, key))
    door.visits()


@pytest.mark.parametrize(("chain", "roots"), [("ecdsa", "rsa"), ("rsa", "ecdsa")])
def test_other_leaf_key(doors: Doors, interpreter: Interpreter, chain: str, roots: str) -> None:
    """A bundle with roots for one key type says so to a server that has only the other."""
    door = doors.open(chain)
    bundle = door.write_bundle(f"only-{roots}.bin", roots)
    report = run_job(interpreter, "diagnose", job_for(door, bundle=bundle))
    lines = dict(line.split(": ", 1) for line in report["lines"])
    assert lines["verdict"] == "PeerRejected, code no_shared_suite"
    offered, missing = roots.upper(), chain.upper()
    said = f"offered: {offered} alone, as the bundle has no root for {missing}"
    assert said in lines["detail"]
    [seen] = door.visits()
    assert seen.application_bytes == 0


def test_legacy_endpoint(doors: Doors, interpreter: Interpreter) -> None:
    """A chain of the legacy root, which the bundle knows, is told from that of a stranger."""
    door = doors.open("rsa", impostor="legacy-chain")
    bundle = door.write_bundle("with-legacy.bin", "rsa", "verisign")
    report = run_job(interpreter, "diagnose", job_for(door, bundle=bundle))
    lines = dict(line.split(": ", 1) for line in report["lines"])
    assert lines["verdict"] == "PeerRejected, code legacy_endpoint"
    assert "iot:Data-ATS" in lines["remedy"]
    assert sum(seen.application_bytes for seen in door.visits()) == 0


def test_no_way_to_the_server(doors: Doors, interpreter: Interpreter) -> None:
    """A name that DNS does not know and a port where nobody listens are told apart."""
    door = doors.open("rsa")
    unknown, closed = job_for(door), job_for(door)
    unknown["address"] = "no-such-name.invalid"
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed["port"] = server.getsockname()[1]
    for job, step in ((unknown, "dns"), (closed, "tcp")):
        report = run_job(interpreter, "diagnose", job)
        lines = dict(line.split(": ", 1) for line in report["lines"])
        assert report["result"] is False
        assert lines["verdict"].startswith("the network failed: "), lines
        assert lines[step] == "failed"
        assert ("address" in lines) == (step == "tcp")


def test_version() -> None:
    """The report names the version of this package."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert project["project"]["version"] == diagnosis.VERSION
