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

Name = tuple[tuple[bytes, int, bytes], ...]
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
    issuer = _name(data, *tbs.enter(0x30))
    tbs.category = Code.X509_INVALID_DATE
    validity_from = tbs.at
    dates = Reader(data, *tbs.enter(0x30), Code.X509_INVALID_DATE)
    not_before, not_after = _time(dates), _time(dates)
    dates.expect_end()
    validity_der = data[validity_from : tbs.at]
    tbs.category = Code.X509_INVALID_FORMAT
    subject_from = tbs.at
    subject_start, subject_stop = tbs.enter(0x30)
    subject = _name(data, subject_start, subject_stop) if subject_stop > subject_start else ()
    subject_der = data[subject_from : tbs.at]
    spki_der = tbs.whole(0x30)
    key = _public_key(spki_der)

    fields = _Extensions()
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


def same_name(one: Name, other: Name) -> bool:
    """Mbed TLS's comparison: printable and UTF-8 strings are equal without regard to case."""
    return _folded(one) == _folded(other)


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
OID_KEY_USAGE = bytes.fromhex("551d0f")
OID_SUBJECT_ALT_NAME = bytes.fromhex("551d11")
OID_BASIC_CONSTRAINTS = bytes.fromhex("551d13")
OID_NAME_CONSTRAINTS = bytes.fromhex("551d1e")
OID_POLICIES = bytes.fromhex("551d20")
OID_POLICY_CONSTRAINTS = bytes.fromhex("551d24")
OID_EXT_KEY_USAGE = bytes.fromhex("551d25")
OID_INHIBIT_ANY_POLICY = bytes.fromhex("551d36")
OID_ANY_POLICY = bytes.fromhex("551d2000")

_OID_SUBJECT_KEY_ID = bytes.fromhex("551d0e")
_OID_AUTHORITY_KEY_ID = bytes.fromhex("551d23")
_OID_NS_CERT_TYPE = bytes.fromhex("6086480186f8420101")
_PARSED_BY_MBEDTLS = {
    OID_KEY_USAGE,
    OID_SUBJECT_ALT_NAME,
    OID_BASIC_CONSTRAINTS,
    OID_POLICIES,
    OID_EXT_KEY_USAGE,
    _OID_SUBJECT_KEY_ID,
    _OID_AUTHORITY_KEY_ID,
    _OID_NS_CERT_TYPE,
}

_RSA = bytes.fromhex("2a864886f70d0101")
_ECDSA = bytes.fromhex("2a8648ce3d04")
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

_CASELESS_TAGS = (0x0C, 0x13)  # UTF8String, PrintableString
_NAME_TAGS = (0x03, 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E)


class _Extensions:
    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.is_ca = False
        self.path_length: int | None = None
        self.key_usage: int | None = None
        self.purposes: tuple[bytes, ...] | None = None
        self.alternative_names: tuple[tuple[int, bytes], ...] | None = None

    def read(self, extensions: Reader) -> None:
        category = Code.X509_INVALID_EXTENSIONS
        while extensions.at < extensions.stop:
            one = Reader(extensions.data, *extensions.enter(0x30), category)
            oid = one.take(0x06)
            critical = one.peek() == 0x01 and one.take(0x01) != b"\x00"
            start, stop = one.enter(0x04)
            one.expect_end()
            if oid in _PARSED_BY_MBEDTLS and oid in self.seen:
                raise MbedError(category)
            self.seen.add(oid)
            self._one(oid, critical, Reader(extensions.data, start, stop, category))

    def _one(self, oid: bytes, critical: bool, value: Reader) -> None:
        if oid == OID_BASIC_CONSTRAINTS:
            inner = Reader(value.data, *value.enter(0x30), value.category)
            if inner.peek() == 0x01:
                self.is_ca = inner.take(0x01) != b"\x00"
            if inner.at < inner.stop:
                self.path_length = int.from_bytes(inner.take(0x02), "big")
            inner.expect_end()
        elif oid == OID_KEY_USAGE:
            bits = value.take(0x03)
            if len(bits) < 2:
                raise value.fail(Asn1.INVALID_LENGTH)
            self.key_usage = bits[1]
        elif oid == OID_EXT_KEY_USAGE:
            inner = Reader(value.data, *value.enter(0x30), value.category)
            purposes = []
            while inner.at < inner.stop:
                purposes.append(inner.take(0x06))
            if not purposes:
                raise value.fail(Asn1.INVALID_LENGTH)
            self.purposes = tuple(purposes)
        elif oid == OID_SUBJECT_ALT_NAME:
            inner = Reader(value.data, *value.enter(0x30), value.category)
            names = []
            while inner.at < inner.stop:
                tag, content = inner.any()
                if tag & 0xC0 != 0x80:
                    raise value.fail(Asn1.UNEXPECTED_TAG)
                names.append((tag & 0x1F, content))
            self.alternative_names = tuple(names)
        elif oid == OID_POLICIES:
            inner = Reader(value.data, *value.enter(0x30), value.category)
            any_only = True
            while inner.at < inner.stop:
                policy = Reader(value.data, *inner.enter(0x30), value.category)
                any_only &= policy.take(0x06) == OID_ANY_POLICY
            if critical and not any_only:
                raise MbedError(Code.X509_FEATURE_UNAVAILABLE)
        elif critical and oid not in _PARSED_BY_MBEDTLS:
            raise value.fail(Asn1.UNEXPECTED_TAG)


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


def _name(data: bytes, start: int, stop: int) -> Name:
    sets = Reader(data, start, stop, Code.X509_INVALID_NAME)
    entries = []
    while True:
        members = Reader(data, *sets.enter(0x31), sets.category)
        while members.at < members.stop:
            pair = Reader(data, *members.enter(0x30), sets.category)
            oid = pair.take(0x06)
            tag, value = pair.any()
            if tag not in _NAME_TAGS:
                raise pair.fail(Asn1.UNEXPECTED_TAG)
            pair.expect_end()
            # The end of a set counts in a comparison: {A}{B} is not {A+B}.
            entries.append((oid, tag | (members.at < members.stop) << 8, value))
        if sets.at == sets.stop:
            return tuple(entries)


def _folded(name: Name) -> Name:
    return tuple(
        (oid, tag & 0x100 | 0x0C, value.lower())
        if tag & 0xFF in _CASELESS_TAGS
        else (oid, tag, value)
        for oid, tag, value in name
    )


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
    try:
        key = load_der_public_key(spki)
    except UnsupportedAlgorithm:
        raise MbedError(Code.PK_UNKNOWN_NAMED_CURVE) from None
    except ValueError:
        raise MbedError(Code.PK_INVALID_PUBKEY) from None
    if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, _CURVES):
        raise MbedError(Code.PK_UNKNOWN_NAMED_CURVE)
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return key
    raise MbedError(Code.PK_UNKNOWN_PK_ALG)
