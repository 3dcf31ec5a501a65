"""The certificate fields that Mbed TLS looks at, read with its strictness and its numbers.

Input is one DER certificate (trailing bytes are left alone); output is a frozen `Certificate`
or an MbedError with the number that Mbed TLS would give. Only the algorithms that MicroPython
compiles in are known; a key of another kind is refused here, as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ats_trust_tools.micropython_tls.codes import Asn1, Code, MbedError
from ats_trust_tools.micropython_tls.der import Reader
from ats_trust_tools.micropython_tls.extensions import Extensions
from ats_trust_tools.micropython_tls.names import Name, read_name

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Certificate:
    """One parsed certificate. Times are (year, month, day, hour, minute, second) in UTC."""

    raw: bytes
    version: int
    tbs: bytes
    signature_hash: hashes.HashAlgorithm
    signature_is_rsa: bool
    signature: bytes
    issuer: Name
    subject: Name
    subject_der: bytes
    not_before: tuple[int, ...]
    not_after: tuple[int, ...]
    validity_der: bytes
    spki_der: bytes
    key: PublicKey
    is_ca: bool = False
    path_length: int | None = None
    key_usage: int | None = None
    purposes: tuple[bytes, ...] | None = None
    alternative_names: tuple[tuple[int, bytes], ...] | None = None
    extensions: frozenset[bytes] = frozenset()

    @property
    def common_names(self) -> tuple[bytes, ...]:
        return tuple(value for oid, _, value in self.subject if oid == OID_COMMON_NAME)


def parse(data: bytes) -> Certificate:
    """Read the certificate at the start of `data`."""
    try:
        start, stop = Reader(data, 0, len(data), Code.X509_INVALID_FORMAT).enter(0x30)
    except MbedError:
        raise MbedError(Code.X509_INVALID_FORMAT) from None
    outer = Reader(data, start, stop, Code.X509_INVALID_FORMAT)
    tbs_from = outer.at
    tbs = Reader(data, *outer.enter(0x30), Code.X509_INVALID_FORMAT)
    signed = data[tbs_from : tbs.stop]

    version = 1
    if tbs.peek() == 0xA0:
        tbs.category = Code.X509_INVALID_VERSION
        inner = Reader(data, *tbs.enter(0xA0), Code.X509_INVALID_VERSION)
        version = 1 + int.from_bytes(inner.take(0x02), "big", signed=True)
        inner.expect_end()
    tbs.category = Code.X509_INVALID_SERIAL
    tbs.take(0x82 if tbs.peek() == 0x82 else 0x02)
    tbs.category = Code.X509_INVALID_ALG
    algorithm = tbs.whole(0x30)
    if version not in (1, 2, 3):
        raise MbedError(Code.X509_UNKNOWN_VERSION)
    signature_hash, is_rsa = _signature_algorithm(algorithm)

    tbs.category = Code.X509_INVALID_FORMAT
    issuer = read_name(data, *tbs.enter(0x30))
    tbs.category = Code.X509_INVALID_DATE
    validity_from = tbs.at
    dates = Reader(data, *tbs.enter(0x30), Code.X509_INVALID_DATE)
    not_before, not_after = _time(dates), _time(dates)
    dates.expect_end()
    validity_der = data[validity_from : tbs.at]
    tbs.category = Code.X509_INVALID_FORMAT
    subject_from = tbs.at
    subject_start, subject_stop = tbs.enter(0x30)
    subject = read_name(data, subject_start, subject_stop) if subject_stop > subject_start else ()
    subject_der = data[subject_from : tbs.at]
    spki_der = tbs.whole(0x30)
    key = _public_key(spki_der)

    fields = Extensions()
    if version > 1:
        for unique_id in (0xA1, 0xA2):
            if tbs.peek() == unique_id:
                tbs.enter(unique_id)
    if version == 3 and tbs.at < tbs.stop:
        tbs.category = Code.X509_INVALID_EXTENSIONS
        explicit = Reader(data, *tbs.enter(0xA3), Code.X509_INVALID_EXTENSIONS)
        fields.read(Reader(data, *explicit.enter(0x30), Code.X509_INVALID_EXTENSIONS))
        explicit.expect_end()
    tbs.category = Code.X509_INVALID_FORMAT
    tbs.expect_end()

    outer.category = Code.X509_INVALID_ALG
    if outer.whole(0x30) != algorithm:
        raise MbedError(Code.X509_SIG_MISMATCH)
    outer.category = Code.X509_INVALID_SIGNATURE
    bits = outer.take(0x03)
    if not bits or bits[0]:
        raise MbedError(Code.X509_INVALID_SIGNATURE + Asn1.INVALID_DATA)
    outer.category = Code.X509_INVALID_FORMAT
    outer.expect_end()

    return Certificate(
        raw=bytes(data[:stop]),
        version=version,
        tbs=signed,
        signature_hash=signature_hash,
        signature_is_rsa=is_rsa,
        signature=bits[1:],
        issuer=issuer,
        subject=subject,
        subject_der=subject_der,
        not_before=not_before,
        not_after=not_after,
        validity_der=validity_der,
        spki_der=spki_der,
        key=key,
        is_ca=fields.is_ca,
        path_length=fields.path_length,
        key_usage=fields.key_usage,
        purposes=fields.purposes,
        alternative_names=fields.alternative_names,
        extensions=frozenset(fields.seen),
    )


def signed_by(child: Certificate, parent: Certificate) -> bool:
    """Whether the parent's key made the child's signature."""
    key = parent.key
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if not child.signature_is_rsa:
                return False
            key.verify(child.signature, child.tbs, padding.PKCS1v15(), child.signature_hash)
        else:
            if child.signature_is_rsa:
                return False
            key.verify(child.signature, child.tbs, ec.ECDSA(child.signature_hash))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


OID_COMMON_NAME = bytes.fromhex("550403")

_RSA = bytes.fromhex("2a864886f70d0101")
_ECDSA = bytes.fromhex("2a8648ce3d04")
_RSA_KEY = _RSA + b"\x01"
_EC_KEY = bytes.fromhex("2a8648ce3d0201")
_SIGNATURES: dict[bytes, tuple[hashes.HashAlgorithm, bool]] = {
    _RSA + b"\x05": (hashes.SHA1(), True),
    _RSA + b"\x0e": (hashes.SHA224(), True),
    _RSA + b"\x0b": (hashes.SHA256(), True),
    _RSA + b"\x0c": (hashes.SHA384(), True),
    _RSA + b"\x0d": (hashes.SHA512(), True),
    _ECDSA + b"\x01": (hashes.SHA1(), False),
    _ECDSA + b"\x03\x01": (hashes.SHA224(), False),
    _ECDSA + b"\x03\x02": (hashes.SHA256(), False),
    _ECDSA + b"\x03\x03": (hashes.SHA384(), False),
    _ECDSA + b"\x03\x04": (hashes.SHA512(), False),
}

# Compiled into MicroPython; fewer are good enough for a certificate (see `path`).
_CURVES = (
    ec.SECP192R1,
    ec.SECP224R1,
    ec.SECP256R1,
    ec.SECP256K1,
    ec.SECP384R1,
    ec.SECP521R1,
)


def _signature_algorithm(algorithm: bytes) -> tuple[hashes.HashAlgorithm, bool]:
    reader = Reader(algorithm, 0, len(algorithm), Code.X509_INVALID_ALG)
    inner = Reader(algorithm, *reader.enter(0x30), Code.X509_INVALID_ALG)
    oid = inner.take(0x06)
    tag, parameters = inner.any() if inner.at < inner.stop else (0x05, b"")
    if oid not in _SIGNATURES and oid != _RSA + b"\x0a":
        raise MbedError(Code.X509_UNKNOWN_SIG_ALG)
    if oid not in _SIGNATURES or tag != 0x05 or parameters:
        raise MbedError(Code.X509_INVALID_ALG)  # RSASSA-PSS among them: it has parameters
    return _SIGNATURES[oid]


def _time(reader: Reader) -> tuple[int, ...]:
    tag, text = reader.any()
    if tag not in (0x17, 0x18):
        raise reader.fail(Asn1.UNEXPECTED_TAG)
    try:
        digits = text.decode("ascii").removesuffix("Z")
        if len(digits) != (12 if tag == 0x17 else 14) or not digits.isdigit():
            raise ValueError(digits)
        if tag == 0x17:
            digits = ("19" if digits >= "50" else "20") + digits
        return datetime.strptime(digits, "%Y%m%d%H%M%S").timetuple()[:6]
    except ValueError:
        raise MbedError(reader.category) from None


def _public_key(spki: bytes) -> PublicKey:
    kind = _key_algorithm(spki)
    if kind not in (_RSA_KEY, _EC_KEY):
        raise MbedError(Code.PK_UNKNOWN_PK_ALG)
    try:
        key = load_der_public_key(spki)
    except UnsupportedAlgorithm:
        raise MbedError(Code.PK_UNKNOWN_NAMED_CURVE) from None
    except ValueError:
        raise MbedError(
            Code.ECP_INVALID_KEY if kind == _EC_KEY else Code.PK_INVALID_PUBKEY
        ) from None
    if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, _CURVES):
        raise MbedError(Code.PK_UNKNOWN_NAMED_CURVE)
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return key
    raise MbedError(Code.PK_UNKNOWN_PK_ALG)


def _key_algorithm(spki: bytes) -> bytes:
    outer = Reader(spki, 0, len(spki), Code.PK_INVALID_ALG)
    inner = Reader(spki, *outer.enter(0x30), Code.PK_INVALID_ALG)
    return Reader(spki, *inner.enter(0x30), Code.PK_INVALID_ALG).take(0x06)
