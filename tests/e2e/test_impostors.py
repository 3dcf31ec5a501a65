"""Every impostor against every interpreter: its class, code and stage, and that nothing leaked."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from ats_trust_tools.emulate import IMPOSTORS
from e2e.device_run import Interpreter, Job, Report, job_for, run_jobs
from e2e.doors import Door, Doors

_Expected = tuple[str, str | None, str | None]


def _rejected(code: str, stage: str = "certificate") -> _Expected:
    return "PeerRejected", code, stage


# What ats_trust says to each, with the chain of either key type. A new impostor needs a line.
EXPECTED: dict[str, _Expected] = {
    "unknown-ca": _rejected("unknown_issuer"),
    "same-name-other-key": _rejected("bad_signature"),
    "self-signed": _rejected("unknown_issuer"),
    "missing-intermediate": _rejected("missing_intermediate"),
    "expired": _rejected("expired"),
    "not-yet-valid": _rejected("not_yet_valid"),
    "wrong-name": _rejected("name_mismatch"),
    "common-name-only": _rejected("name_not_in_san"),
    "wildcard-too-deep": _rejected("name_mismatch"),
    "client-auth-only": _rejected("wrong_usage"),
    "intermediate-not-ca": _rejected("bad_intermediate"),
    "path-too-long": _rejected("bad_intermediate"),
    "sha1": _rejected("weak_signature"),
    "rsa-1024": _rejected("weak_key"),
    "odd-curve": _rejected("weak_key"),
    "stolen-chain": _rejected("key_not_proven", "handshake"),
    "name-constraint-violated": _rejected("name_constraint"),
    "name-constraint-critical": _rejected("unsupported_extension"),
    "captive-portal": _rejected("not_tls", "hello"),
    "plain-tcp": _rejected("not_tls", "hello"),
    # The network's doing as far as anyone can tell: an MQTT client may try again.
    "close-in-hello": ("OSError", None, None),
    "silent": ("OSError", None, None),
    "garbage-after-hello": _rejected("protocol_error", "hello"),
    "truncated-certificate": _rejected("malformed"),
    "huge-chain": _rejected("chain_too_long"),
    "legacy-chain": _rejected("unknown_issuer"),
    "tls13-only": _rejected("no_common_version", "hello"),
    "no-shared-suite": _rejected("no_shared_suite", "hello"),
    "no-client-cert": ("ClientRefused", "client_refused", "handshake"),
    "inactive-cert": ("ClientRefused", "client_refused", "handshake"),
    "policy-denied": ("ClientRefused", "client_refused", "application"),
}
# A MicroPython that itself offers TLS 1.3, as no board's does, meets another refusal.
EXPECTED_OFFERING_TLS13 = {"tls13-only": _rejected("no_shared_suite", "hello")}

CASES = [(name, kind) for name, one in IMPOSTORS.items() for kind in one.kinds]
# Handshake records in clear; after CONNECT of the one that takes it, application data.
_HANDSHAKE_RECORDS = {20, 21, 22}


def door_of(doors: Doors, name: str, kind: str) -> Door:
    return doors.open(kind, impostor=name)


def job_of(doors: Doors, name: str, kind: str) -> Job:
    door = door_of(doors, name, kind)
    options: dict[str, Any] = {}
    if name == "inactive-cert":
        options["cert"], options["key"] = door.client_certificate(kind)
    job = job_for(door, **options)
    job["timeout"] = 1 if name == "silent" else 10
    job["answer"] = True
    return job


@cache
def _reports(doors: Doors, interpreter: Interpreter) -> dict[tuple[str, str], tuple[Report, Any]]:
    """What this interpreter reports of every case, and what the emulator saw; one process."""
    jobs = [job_of(doors, *case) for case in CASES]
    for case in CASES:
        door_of(doors, *case).visits()
    reports = run_jobs(interpreter, "connect", jobs, timeout=120, complete=False)
    died = [{"class": "the program died, here or before"}] * (len(CASES) - len(reports))
    return {
        case: (report, door_of(doors, *case).visits())
        for case, report in zip(CASES, reports + died, strict=True)
    }


def expected_of(interpreter: Interpreter, name: str) -> _Expected:
    if interpreter.offers_tls13 and name in EXPECTED_OFFERING_TLS13:
        return EXPECTED_OFFERING_TLS13[name]
    return EXPECTED[name]


def test_every_impostor_is_expected_to_do_something() -> None:
    """The table has a line for each impostor of the emulator and none for any other."""
    assert EXPECTED.keys() == IMPOSTORS.keys()


@pytest.mark.parametrize(("name", "kind"), CASES, ids=["-".join(case) for case in CASES])
def test_impostor(doors: Doors, interpreter: Interpreter, name: str, kind: str) -> None:
    """It is refused with the right class, code and stage, before a byte of the application."""
    report, visits = _reports(doors, interpreter)[name, kind]
    found = report["class"], report.get("code"), report.get("stage")
    assert found == expected_of(interpreter, name), report
    [seen] = visits
    if name == "policy-denied":
        assert seen.handshake_complete and seen.before_handshake == 0 and seen.plaintext == b""
        return
    assert seen.application_bytes == 0
    assert record_types(seen.head) <= _HANDSHAKE_RECORDS
    assert not seen.handshake_complete


def record_types(head: bytes) -> set[int]:
    """The types of the TLS records in the first bytes that a client sent."""
    types = set()
    while len(head) >= 5:
        types.add(head[0])
        head = head[5 + int.from_bytes(head[3:5], "big") :]
    return types
