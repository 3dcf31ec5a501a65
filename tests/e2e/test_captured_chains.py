"""Chains of real servers, at dates inside their validity, with the real roots.

Path and signatures are checked by `cryptography`'s verifier, everything else by the library.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification

from ats_trust.bundle import Bundle
from ats_trust.x509 import Certificate
from ats_trust_tools.bundle import Anchor, encode_bundle
from e2e.device_run import Interpreter, Report, run_job
from interpreters import REPOSITORY

# Starfield's real root has the serial number 0, which `cryptography` warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")

_FACTORY_BUNDLE = REPOSITORY / "lib" / "ats_trust" / "roots.bin"
_ROOT_1 = "amazon-root-ca-1"
_STARFIELD = "starfield-services-g2"


class Captured(NamedTuple):
    """A chain, a name that it is for, and dates at which it was valid."""

    file: str
    host: str
    dates: tuple[str, ...]


CHAINS = (
    Captured(
        "iot.us-east-1_RSA_2022.pem",
        "a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com",
        ("20220910000000", "20230101120000", "20230810000000"),
    ),
    Captured(
        "iot.eu-central-1_RSA_2025.pem",
        "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com",
        ("20251115000000", "20260301120000", "20260730000000"),
    ),
    Captured(
        "s3.amazonaws.com_RSA_2025.pem",
        "s3.amazonaws.com",
        ("20250601000000", "20260101000000", "20260514000000"),
    ),
)
_CROSS_SIGNED = CHAINS[:2]
each_chain = pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.file[:-4])


def certificates(folder: Path, chain: Captured) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((folder / chain.file).read_bytes())


def root(name: str) -> x509.Certificate:
    return x509.load_der_x509_certificate((REPOSITORY / "certs_der" / f"{name}.der").read_bytes())


def bundle_of(folder: Path, name: str, *, leaf: str = "rsa") -> Path:
    anchor = Anchor(root(name).public_bytes(Encoding.DER), frozenset({leaf}), frozenset({"ats"}))
    path = folder / f"{name}.bin"
    built_at = datetime(2020, 1, 1, tzinfo=UTC)
    path.write_bytes(encode_bundle([anchor], version=1, built_at=built_at))
    return path


def judged(
    interpreter: Interpreter,
    chain: list[x509.Certificate],
    host: str,
    now: str,
    bundle: Path = _FACTORY_BUNDLE,
) -> Report:
    sent = [{"hex": one.public_bytes(Encoding.DER).hex()} for one in chain]
    job = {"certificates": sent, "bundle": bundle, "host": host, "now": now}
    return run_job(interpreter, "captured", job)


@each_chain
def test_signatures(shared_chains: Path, chain: Captured) -> None:
    """`cryptography` verifies the path to Amazon Root CA 1 at each date, and that root stands in
    the factory bundle with the same name and key."""
    leaf, *rest = certificates(shared_chains, chain)
    for date in chain.dates:
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store([root(_ROOT_1)]))
            .time(datetime.strptime(date, "%Y%m%d%H%M%S"))
            .build_server_verifier(x509.DNSName(chain.host))
        )
        path = verifier.verify(leaf, rest)
        assert path[-1] == root(_ROOT_1)
    # Above the intermediate stands the root's own cross-signature, where one is sent.
    for issued, issuer in zip([leaf, *rest], rest, strict=False):
        issued.verify_directly_issued_by(issuer)
    assert identity_of(root(_ROOT_1)) in identities(Bundle(str(_FACTORY_BUNDLE)))


def identity_of(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    key = certificate.public_key()
    form = PublicFormat.SubjectPublicKeyInfo
    return certificate.subject.public_bytes(), key.public_bytes(Encoding.DER, form)


def identities(bundle: Bundle) -> list[tuple[bytes, bytes]]:
    """Name and key of each of its anchors."""
    found = []
    for _, data in bundle.anchors():
        anchor = Certificate(data)
        found.append((data[slice(*anchor.subject)], data[slice(*anchor.spki)]))
    return found


@each_chain
def test_accepted(shared_chains: Path, interpreter: Interpreter, chain: Captured) -> None:
    """With the factory bundle the library accepts it for its name at each date, and loads one
    anchor for it."""
    sent = certificates(shared_chains, chain)
    for date in chain.dates:
        report = judged(interpreter, sent, chain.host, date)
        assert report == {"class": "accepted", "loaded": 1, "depths": 3, "seen": len(sent)}


@pytest.mark.parametrize("chain", _CROSS_SIGNED, ids=lambda chain: chain.file[:-4])
def test_accepted_by_the_cross_signature(
    shared_chains: Path, interpreter: Interpreter, chain: Captured, tmp_path: Path
) -> None:
    """With Starfield's root alone it is accepted too, one certificate longer."""
    sent = certificates(shared_chains, chain)
    sent[2].verify_directly_issued_by(root(_STARFIELD))
    bundle = bundle_of(tmp_path, _STARFIELD)
    report = judged(interpreter, sent, chain.host, chain.dates[0], bundle)
    assert report == {"class": "accepted", "loaded": 1, "depths": 4, "seen": len(sent)}


@each_chain
@pytest.mark.parametrize("name", ["amazon-root-ca-2", "amazon-root-ca-3"])
def test_wrong_root(
    shared_chains: Path, interpreter: Interpreter, chain: Captured, tmp_path: Path, name: str
) -> None:
    """With another root it is refused: unknown_issuer."""
    sent = certificates(shared_chains, chain)
    bundle = bundle_of(tmp_path, name)
    report = judged(interpreter, sent, chain.host, chain.dates[0], bundle)
    assert (report["class"], report["code"]) == ("PeerRejected", "unknown_issuer")


@each_chain
@pytest.mark.parametrize(
    "host",
    [
        "a1b2c3d4e5f6g7-ats.iot.eu-west-2.amazonaws.com",
        "a.b.iot.us-east-1.amazonaws.com",
        "a.b.iot.eu-central-1.amazonaws.com",
        "amazonaws.com",
        "s3.amazonaws.com.example.com",
    ],
)
def test_wrong_name(
    shared_chains: Path, interpreter: Interpreter, chain: Captured, host: str
) -> None:
    """For a name that is not in it, it is refused: name_mismatch."""
    sent = certificates(shared_chains, chain)
    report = judged(interpreter, sent, host, chain.dates[0])
    assert (report["class"], report["code"]) == ("PeerRejected", "name_mismatch")


@each_chain
def test_wrong_date(shared_chains: Path, interpreter: Interpreter, chain: Captured) -> None:
    """A second before its first and after its last it is refused, on these seconds it is not."""
    sent = certificates(shared_chains, chain)
    first, last = sent[0].not_valid_before_utc, sent[0].not_valid_after_utc
    second = timedelta(seconds=1)
    for moment, code in (
        (first - second, "not_yet_valid"),
        (first, None),
        (last, None),
        (last + second, "expired"),
    ):
        report = judged(interpreter, sent, chain.host, f"{moment:%Y%m%d%H%M%S}")
        assert report.get("code") == code


@pytest.mark.parametrize("chain", _CROSS_SIGNED, ids=lambda chain: chain.file[:-4])
def test_missing_intermediate(
    shared_chains: Path, interpreter: Interpreter, chain: Captured
) -> None:
    """Without its intermediate it is refused: missing_intermediate."""
    sent = certificates(shared_chains, chain)
    report = judged(interpreter, [sent[0], *sent[2:]], chain.host, chain.dates[0])
    assert (report["class"], report["code"]) == ("PeerRejected", "missing_intermediate")
