"""The data and the tiny writer of the device tests, seen by other eyes than the library's own."""

import datetime
import hashlib

import data_chains
import data_flights
import data_roots
import data_signatures
import pytest
from _flights import records
from _made import (
    EC_PUBLIC_KEY,
    PRIME256V1,
    blob,
    bundle,
    certificate_for,
    ec_key,
    encrypted_pkcs8,
    pem,
    pkcs8,
    trimmed,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ats_trust.x509 import Certificate
from ats_trust_tools.bundle import Anchor, encode_bundle
from ats_trust_tools.device_blob import encode_device
from ats_trust_tools.trim import trim
from interpreters import DEVICE_TESTS

_CERTIFICATES = {
    name: getattr(module, name)
    for module in (data_roots, data_chains)
    for name in dir(module)
    if name.isupper()
}
_ROOTS = [name for name in _CERTIFICATES if hasattr(data_roots, name)]
_ISSUERS = {
    "EC_CROSS": "RSA_ROOT",
    "EC_INT": "EC_ROOT",
    "RSA_INT": "RSA_ROOT",
    "RSA_LEAF": "RSA_INT",
    "CONSTRAINED": "EC_ROOT",
    "OLD_INT": "EC_ROOT",
    "WEAK_INT": "EC_ROOT",
    **{name: name for name in _ROOTS},
}


@pytest.mark.parametrize("name", _CERTIFICATES)
def test_certificate(name: str) -> None:
    """Each certificate parses, is signed by its issuer, and the library reads the same of it."""
    der = _CERTIFICATES[name]
    certificate = x509.load_der_x509_certificate(der)
    issuer = x509.load_der_x509_certificate(_CERTIFICATES[_ISSUERS.get(name, "EC_INT")])
    certificate.verify_directly_issued_by(issuer)
    found = Certificate(der)
    assert der[found.issuer[0] : found.issuer[1]] == certificate.issuer.public_bytes()
    assert der[found.subject[0] : found.subject[1]] == certificate.subject.public_bytes()
    assert der[found.tbs[0] : found.tbs[1]] == certificate.tbs_certificate_bytes
    assert der[found.signature[0] : found.signature[1]] == certificate.signature
    assert found.not_before == certificate.not_valid_before_utc.strftime("%Y%m%d%H%M%S")
    assert found.not_after == certificate.not_valid_after_utc.strftime("%Y%m%d%H%M%S")
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        assert found.key() == ("rsa", key.public_numbers().n, key.public_numbers().e)
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name != "secp256k1":
        assert found.key()[0] == key.curve.name
    else:
        assert found.key() == ("",)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        expected = [each.encode() for each in names.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        expected = None
    assert found.dns_names() == expected


@pytest.mark.parametrize("name", _ROOTS)
def test_trimmed(name: str) -> None:
    """The device tests trim a certificate as the host tools do."""
    assert trimmed(_CERTIFICATES[name]) == trim(_CERTIFICATES[name])


def test_bundle() -> None:
    """The device tests write a bundle as the host tools do."""
    anchors = [
        Anchor(data_roots.RSA_ROOT, frozenset({"rsa", "ecdsa"}), frozenset({"ats"})),
        Anchor(data_roots.EC_ROOT, frozenset({"ecdsa"}), frozenset({"own", "legacy"})),
    ]
    encoded = encode_bundle(
        anchors, version=7, built_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    )
    assert encoded == bundle(
        (0x13, trimmed(data_roots.RSA_ROOT)), (0x62, trimmed(data_roots.EC_ROOT))
    )


def test_blob() -> None:
    """The device tests write a device blob as the host tools do."""
    host, certificate = "abc-ats.iot.eu-west-1.amazonaws.com", certificate_for(b"x")
    assert encode_device(host, 8883, "dev-1", certificate, ec_key()) == blob(certificate, ec_key())


def test_signatures() -> None:
    """The good signatures are good, and the odd ones are what their names say."""
    data = data_signatures
    ec_root = x509.load_der_x509_certificate(data_roots.EC_ROOT).public_key()
    rsa_root = x509.load_der_x509_certificate(data_roots.RSA_ROOT).public_key()
    assert isinstance(ec_root, ec.EllipticCurvePublicKey)
    assert isinstance(rsa_root, rsa.RSAPublicKey)
    ec_root.verify(data.EC_SIGNATURE, data.SIGNED, ec.ECDSA(hashes.SHA256()))
    pkcs1 = padding.PKCS1v15()
    rsa_root.verify(data.RSA_SIGNATURE, data.SIGNED, pkcs1, hashes.SHA256())
    rsa_root.verify(data.RSA_SHA384_SIGNATURE, data.SIGNED, pkcs1, hashes.SHA384())
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    rsa_root.verify(data.RSA_PSS_SIGNATURE, data.SIGNED, pss, hashes.SHA256())


def test_flights() -> None:
    """The recorded flights hold the certificates that they are said to hold."""
    for flight, names in (
        (data_flights.EC_FLIGHT, ("LEAF", "EC_INT", "EC_CROSS")),
        (data_flights.RSA_FLIGHT, ("RSA_LEAF", "RSA_INT")),
    ):
        message = records(flight)[1]
        for name in names:
            assert message.count(_CERTIFICATES[name]) == 1


def test_fake_keys_are_no_keys() -> None:
    """What stands for a private key is none: no library can load it."""
    for key, label in (
        (ec_key(), "EC PRIVATE KEY"),
        (pkcs8(EC_PUBLIC_KEY + PRIME256V1, ec_key()), "PRIVATE KEY"),
        (encrypted_pkcs8(), "ENCRYPTED PRIVATE KEY"),
    ):
        with pytest.raises((ValueError, TypeError)):
            load_pem_private_key(pem(label, key), None)


def test_no_private_key_is_committed() -> None:
    """No device test file holds a private key, neither as PEM nor beside its certificate."""
    digests = set()
    for path in DEVICE_TESTS.glob("*.py"):
        text = path.read_text()
        assert "PRIVATE KEY-----" not in text
        digests.add(hashlib.sha256(text.encode()).digest())
    assert len(digests) > 15
