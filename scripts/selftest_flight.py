"""Writes what `ats_trust.selftest()` reads: a test root, and what a server below it once sent.

- lib/ats_trust/selftest_root.bin: a bundle with the test root alone, of the role `own`, version 0.
- lib/ats_trust/selftest_flight.bin: ServerHello, Certificate (leaf and intermediate) and
  ServerKeyExchange of a TLS 1.2 server, as records; under 2 KB.

Rules kept here:
- The private keys are in the memory of this process and nowhere else. When it ends nobody can
  make another certificate below this root, nor prove the key of this one. So no run gives the
  same bytes again; tests/host/test_selftest_data.py checks the files for what they must be.
- The key exchange is signed for a ClientHello that no board ever sends again: a client that gets
  this far has accepted the chain, and must refuse the server for not having proved its key.
- Valid from 2000 to the end of 2099: a board whose clock was never set shall be able to tell.
- The positions that lib/ats_trust/self_test.py changes are fixed.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ats_trust_tools.bundle import Anchor, encode_bundle

HOST = "selftest.invalid"
FOLDER = Path(__file__).resolve().parent.parent / "lib" / "ats_trust"
ROOT, FLIGHT = "selftest_root.bin", "selftest_flight.bin"
START = datetime(2000, 1, 1, tzinfo=UTC)
END = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)

_SUITE = b"\xc0\x2b"  # ECDHE-ECDSA with AES-128-GCM and SHA-256: RFC 5289.
# renegotiation_info, empty (RFC 5746): without it OpenSSL refuses a server.
_EXTENSIONS = b"\xff\x01\x00\x01\x00"
_P256 = b"\x03\x00\x17"  # named_curve, secp256r1: RFC 8422.
_ECDSA_SHA256 = b"\x04\x03"


def make() -> tuple[bytes, bytes]:
    """A new bundle and a new flight."""
    root_key, middle_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = _certificate("root", root_key, "root", root_key, *_authority(1))
    middle = _certificate("CA", middle_key, "root", root_key, *_authority(0))
    leaf = _certificate(
        "server",
        leaf_key,
        "CA",
        middle_key,
        (x509.SubjectAlternativeName([x509.DNSName(HOST)]), False),
        (_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    )
    anchor = Anchor(root, frozenset({"ecdsa"}), frozenset({"own"}))
    bundle = encode_bundle([anchor], version=0, built_at=START)

    random = os.urandom(32)
    hello = b"\x03\x03" + random + b"\x00" + _SUITE + b"\x00" + _sized(2, _EXTENSIONS)
    certificates = _sized(3, _sized(3, leaf) + _sized(3, middle))
    share = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = share.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    parameters = _P256 + _sized(1, point)
    signature = leaf_key.sign(os.urandom(32) + random + parameters, ec.ECDSA(hashes.SHA256()))
    exchange = parameters + _ECDSA_SHA256 + _sized(2, signature)
    return bundle, _record(2, hello) + _record(11, certificates) + _record(12, exchange)


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *extensions: tuple[x509.ExtensionType, bool],
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        # 20 octets always, so that what follows is always at the same place.
        .serial_number(int.from_bytes(b"\x40" + os.urandom(19)))
        .not_valid_before(START)
        .not_valid_after(END)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


def _name(of: str) -> x509.Name:
    text = f"ats_trust self-test {of}"
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _authority(below: int) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    constraints = x509.BasicConstraints(ca=True, path_length=below)
    return (constraints, True), (_usage(key_cert_sign=True), True)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sized(octets: int, data: bytes) -> bytes:
    return len(data).to_bytes(octets) + data


def _record(kind: int, body: bytes) -> bytes:
    """One handshake message as one record of TLS 1.2."""
    return b"\x16\x03\x03" + _sized(2, bytes([kind]) + _sized(3, body))


def main() -> int:
    """Write both files."""
    if sys.argv[1:]:
        print("usage: selftest_flight.py", file=sys.stderr)
        return 2
    for name, data in zip((ROOT, FLIGHT), make(), strict=True):
        (FOLDER / name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
