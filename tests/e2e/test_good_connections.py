"""What must succeed does: chains, roots, device certificates, pins, roles; and what must not."""

from __future__ import annotations

import base64
import hashlib
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ats_trust_tools.bundle import Anchor, encode_bundle
from e2e.device_run import Interpreter, Report, job_for, run_job, run_jobs
from e2e.doors import Door, Doors

_ROOTS = {
    "rsa only": ("rsa",),
    "ecdsa only": ("ecdsa",),
    "all five": ("rsa", "rsa-4096", "ecdsa", "ecdsa-384", "starfield"),
    "starfield only": ("starfield",),
}
# With which suites a bundle meets a server. Against a server with both chains the server chooses,
# as AWS does: ECDSA where it is offered. Without a cross-signature nothing leads to Starfield.
_MEETS = {
    ("rsa", "rsa only"): "RSA",
    ("rsa", "ecdsa only"): "no_shared_suite",
    ("rsa", "all five"): "RSA",
    ("rsa", "starfield only"): "RSA",
    ("ecdsa", "rsa only"): "no_shared_suite",
    ("ecdsa", "ecdsa only"): "ECDSA",
    ("ecdsa", "all five"): "ECDSA",
    ("ecdsa", "starfield only"): "ECDSA",
    ("both", "rsa only"): "RSA",
    ("both", "ecdsa only"): "ECDSA",
    ("both", "all five"): "ECDSA",
    ("both", "starfield only"): "ECDSA",
}
_TAILS = ("cross-signed", "none")


def outcome(report: Report) -> str:
    """The leaf's key type of an accepted connection, or the code of the refusal."""
    if report["class"] == "accepted":
        return str(report["suite"]).split("-")[2]
    return str(report.get("code", report))


def test_chains_and_roots(doors: Doors, interpreter: Interpreter) -> None:
    """Each chain and tail is accepted with each bundle that can authenticate it, and no other;
    of all the roots on flash a handshake loads exactly one."""
    cases = [(*case, tail) for case in _MEETS for tail in _TAILS]
    jobs = []
    for chain, roots, tail in cases:
        door = doors.open(chain, tail=tail)
        bundle = door.write_bundle(f"{roots}.bin", *_ROOTS[roots])
        jobs.append(job_for(door, bundle=bundle))
    reports = run_jobs(interpreter, "connect", jobs)
    found = {case: outcome(report) for case, report in zip(cases, reports, strict=True)}
    assert found == {
        (chain, roots, tail): "unknown_issuer"
        if (roots, tail) == ("starfield only", "none")
        else _MEETS[chain, roots]
        for chain, roots, tail in cases
    }
    assert {report["loaded"] for report in reports if report["class"] == "accepted"} == {1}


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_device_certificates(doors: Doors, interpreter: Interpreter, kind: str) -> None:
    """The server gets the device's certificate: from PEM files, from PEM or DER bytes, from a
    device blob."""
    door = doors.open("both", mutual_tls=True)
    certificate, key = door.client_certificate(kind)
    blob = door.write_device(f"{kind}-device.bin", kind=kind)
    pem = {"cert": _hex(certificate.read_bytes()), "key": _hex(key.read_bytes())}
    der = {"cert": _hex(_der(certificate)), "key": _hex(_der(key))}
    jobs = [
        job_for(door, cert=certificate, key=key),
        job_for(door, **pem),
        job_for(door, **der),
        {"device": blob, "options": {"bundle": door.bundle}},
    ]
    door.visits()
    reports = run_jobs(interpreter, "connect", jobs)
    assert [report["class"] for report in reports] == ["accepted"] * 4, reports
    visits = door.visits()
    assert [seen.after_handshake for seen in visits] == [19] * 4
    assert [seen.handshake_complete for seen in visits] == [True] * 4
    assert {seen.client_certificate for seen in visits} == {
        "ats_trust emulator device certificate"
    }


def test_pins(doors: Doors, interpreter: Interpreter) -> None:
    """The pin of any key of the chain is accepted, that of another refuses the server, and the
    hash of a whole certificate is the caller's mistake."""
    door = doors.open("rsa")
    leaf, intermediate, _ = door.chain
    good = [_spki(one) for one in (leaf, intermediate, door.root("rsa"))]
    wrong = _spki(door.root("starfield"))
    pins: list[list[Any]] = [
        *([{"hex": pin.hex()}] for pin in good),
        ["sha256/" + base64.b64encode(good[0]).decode()],
        [{"hex": wrong.hex()}, good[1].hex()],
        [{"hex": wrong.hex()}],
        [hashlib.sha256(leaf).hexdigest()],
        [hashlib.sha256(intermediate).hexdigest()],
    ]
    door.visits()
    reports = run_jobs(interpreter, "connect", [job_for(door, pins=one) for one in pins])
    assert [report.get("code", report["class"]) for report in reports] == [
        *["accepted"] * 5,
        "pin_mismatch",
        *["whole_certificate_pin"] * 2,
    ]
    assert [report["class"] for report in reports[5:]] == [
        "PeerRejected",
        "ConfigError",
        "ConfigError",
    ]
    assert [seen.application_bytes for seen in door.visits()[5:]] == [0, 0, 0]


_ATS_NAME = "a0example-ats.iot.eu-central-1.amazonaws.com"
_LEGACY_NAME = "a0example.iot.eu-central-1.amazonaws.com"
_OWN_NAME = "iot.example.com"


@pytest.mark.parametrize(
    ("host", "roles", "expected"),
    [
        (_ATS_NAME, {"rsa": "ats"}, "RSA"),
        (_ATS_NAME, {"rsa": "own"}, "bundle_useless"),
        (_ATS_NAME, {"rsa": "legacy"}, "bundle_useless"),
        (_ATS_NAME, {"rsa": "own", "rsa-4096": "ats"}, "unknown_issuer"),
        (_ATS_NAME, {"rsa": "legacy", "rsa-4096": "ats"}, "legacy_endpoint"),
        (_LEGACY_NAME, {"rsa": "ats"}, "RSA"),
        (_LEGACY_NAME, {"rsa": "own", "rsa-4096": "ats"}, "legacy_endpoint"),
        (_OWN_NAME, {"rsa": "own"}, "RSA"),
        (_OWN_NAME, {"rsa": "ats"}, "RSA"),
        (_OWN_NAME, {"rsa": "legacy"}, "bundle_useless"),
        (_OWN_NAME, {"rsa": "legacy", "rsa-4096": "own"}, "legacy_endpoint"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value.values()),
)
def test_roles(
    doors: Doors, interpreter: Interpreter, host: str, roles: dict[str, str], expected: str
) -> None:
    """An anchor authenticates only the kinds of endpoint that its role allows."""
    door = doors.open("rsa", tail="none", host=host)
    door.visits()
    anchors = [_anchor(door.root(name), role) for name, role in roles.items()]
    report = run_job(interpreter, "connect", job_for(door, bundle=_bundle(door, *anchors)))
    assert outcome(report) == expected
    if expected == "bundle_useless":
        assert door.visits() == []
        assert report["class"] == "BundleError"


@pytest.mark.parametrize(
    ("host", "expected"), [(_LEGACY_NAME, "RSA"), (_ATS_NAME, "legacy_endpoint")]
)
def test_the_legacy_root(doors: Doors, interpreter: Interpreter, host: str, expected: str) -> None:
    """VeriSign's root authenticates an endpoint of before 2018 and never an ATS endpoint."""
    door = doors.open("rsa", impostor="legacy-chain", host=host)
    bundle = door.write_bundle("legacy.bin", "rsa", "verisign")
    assert outcome(run_job(interpreter, "connect", job_for(door, bundle=bundle))) == expected


def test_several_connections(doors: Doors, interpreter: Interpreter) -> None:
    """One context makes connections one after the other and two at once, also after one that
    failed, and every one is verified."""
    door = doors.open("ecdsa")
    closing = doors.open("ecdsa", impostor="close-in-hello")
    job = {**job_for(door), "closing": closing.port}
    door.visits()
    report = run_job(interpreter, "several", job)
    assert report == {"class": "accepted", "loaded": 5, "failed": "OSError"}
    assert sum(seen.handshake_complete for seen in door.visits()) == 5


def test_a_server_with_tls13(doors: Doors, interpreter: Interpreter) -> None:
    """A server with AWS's default policy, which prefers TLS 1.3, is met in TLS 1.2 by a board."""
    if interpreter.offers_tls13:
        pytest.skip("no board's MicroPython offers TLS 1.3, as this build does")
    door = doors.open("both", tls13=True)
    door.visits()
    assert outcome(run_job(interpreter, "connect", job_for(door))) == "ECDSA"
    [seen] = door.visits()
    assert (seen.version, seen.server_name) == ("TLSv1.2", door.host)


@pytest.mark.parametrize("program", ["connect", "refused"])
def test_nobody_there(doors: Doors, interpreter: Interpreter, program: str) -> None:
    """A port on which nobody listens is the network's fault: an OSError."""
    door = doors.open("rsa")
    # Bound and not listening, so that nobody else can be there meanwhile.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        job = {**job_for(door), "port": bound.getsockname()[1], "way": "asyncio_own"}
        report = run_job(interpreter, program, job)
    assert report["class"] == "OSError"


def test_clock_before_the_bundle(doors: Doors, interpreter: Interpreter) -> None:
    """A clock that stands before the bundle was built is an error before anything is sent."""
    door = doors.open("rsa")
    later = datetime.now(UTC) + timedelta(days=1)
    job = job_for(door, bundle=door.write_bundle("future.bin", "rsa", built_at=later))
    _refuses_the_clock(interpreter, door, job)


def test_clock_after_the_last_root(doors: Doors, interpreter: Interpreter) -> None:
    """A clock that stands after the last anchor's end is an error before anything is sent."""
    door = doors.open("rsa")
    ended = _ended_root()
    built_at = datetime.now(UTC) - timedelta(days=20)
    _refuses_the_clock(
        interpreter, door, job_for(door, bundle=_bundle(door, ended, built_at=built_at))
    )


def _refuses_the_clock(interpreter: Interpreter, door: Door, job: dict[str, Any]) -> None:
    door.visits()
    report = run_job(interpreter, "connect", job)
    assert (report["class"], report["code"]) == ("ClockError", "clock_wrong")
    assert "set_clock" in report["remedy"]
    assert door.visits() == []


def _anchor(certificate: bytes, role: str) -> Anchor:
    return Anchor(certificate, frozenset({"rsa"}), frozenset({role}))


def _bundle(door: Door, *anchors: Anchor, built_at: datetime | None = None) -> Path:
    moment = (built_at or datetime.now(UTC)).replace(microsecond=0)
    path = door.folder / "roles.bin"
    path.write_bytes(encode_bundle(anchors, version=1, built_at=moment))
    return path


def _ended_root() -> Anchor:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ended Root")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now - timedelta(days=10))
    )
    certificate = builder.sign(key, hashes.SHA256())
    return _anchor(certificate.public_bytes(serialization.Encoding.DER), "ats")


def _spki(certificate: bytes) -> bytes:
    key = x509.load_der_x509_certificate(certificate).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).digest()


def _der(pem: Path) -> bytes:
    return base64.b64decode("".join(pem.read_text().splitlines()[1:-1]))


def _hex(data: bytes) -> dict[str, str]:
    return {"hex": data.hex()}
