"""Certificates put together part by part, so that any one part may break any one rule.

`cryptography` makes keys and signatures. The rest is written here by hand, since its builder, for
good reason, refuses most of what these certificates are for. Rules kept here: a Draft that nobody
changed is a certificate as a public CA issues it, and whatever is changed is still signed.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ats_trust_tools import der_tags
from ats_trust_tools.der_writer import (
    bit_string,
    element,
    generalized_time,
    integer,
    octet_string,
    sequence,
)
from ats_trust_tools.emulate.keys import PrivateKey, generate

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
CRITICAL = element(der_tags.BOOLEAN, b"\xff")
NULL = b"\x05\x00"
TRUE = CRITICAL

Signer = Callable[[bytes], bytes]


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for number in (40 * first + second, *rest):
        groups = [number & 127]
        while number := number >> 7:
            groups.insert(0, number & 127 | 128)
        content += bytes(groups)
    return element(der_tags.OID, content)


ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))
RSA_SHA256 = sequence(oid("1.2.840.113549.1.1.11"), NULL)
SERVER_AUTH = oid("1.3.6.1.5.5.7.3.1")
CLIENT_AUTH = oid("1.3.6.1.5.5.7.3.2")
CODE_SIGNING = oid("1.3.6.1.5.5.7.3.3")
_COMMON_NAME = oid("2.5.4.3")
_ORGANIZATION = oid("2.5.4.10")


@dataclass(frozen=True)
class Extension:
    """One extension: `critical` is whatever stands between its OID and its value."""

    oid: str
    value: bytes
    critical: bytes = b""

    @property
    def encoded(self) -> bytes:
        return sequence(oid(self.oid), self.critical, octet_string(self.value))


@dataclass
class Draft:
    """A certificate before it is signed; each part is DER, whole elements, and may be replaced.

    extensions: by name, in their order; None leaves out the whole field. after_key: what stands
    between key and extensions. sign: makes the signature over the tbsCertificate. trailer: what
    follows the certificate.
    """

    subject: bytes
    issuer: bytes
    key: bytes
    sign: Signer
    version: bytes = element(0xA0, integer(2))
    serial: bytes = integer(0x5AFE_0000_0000_0000_1234_5678_9ABC_DEF0)
    algorithm: bytes = ECDSA_SHA256
    outer_algorithm: bytes | None = None  # None: the same.
    starts: bytes = b""
    ends: bytes = b""
    after_key: bytes = b""
    extensions: dict[str, Extension] | None = field(default_factory=dict)
    encode_tbs: Callable[..., bytes] = sequence
    trailer: bytes = b""

    def __post_init__(self) -> None:
        self.starts = self.starts or utc_time(TODAY - 30 * DAY)
        self.ends = self.ends or utc_time(TODAY + 60 * DAY)

    def signed(self) -> bytes:
        """The certificate."""
        extensions = b""
        if self.extensions is not None:
            listed = sequence(*(one.encoded for one in self.extensions.values()))
            extensions = element(0xA3, listed)
        tbs = self.encode_tbs(
            self.version,
            self.serial,
            self.algorithm,
            self.issuer,
            sequence(self.starts, self.ends),
            self.subject,
            self.key,
            self.after_key,
            extensions,
        )
        outer = self.algorithm if self.outer_algorithm is None else self.outer_algorithm
        return sequence(tbs, outer, bit_string(self.sign(tbs))) + self.trailer

    def put(self, name: str, value: bytes | None = None, critical: bytes | None = None) -> None:
        """Give an extension that is there another value or mark."""
        assert self.extensions is not None
        old = self.extensions[name]
        self.extensions[name] = dataclasses.replace(
            old,
            value=old.value if value is None else value,
            critical=old.critical if critical is None else critical,
        )

    def add(self, name: str, extension: Extension) -> None:
        """Add one more at the end, whose name no other has."""
        assert self.extensions is not None and name not in self.extensions
        self.extensions[name] = extension

    def drop(self, name: str) -> None:
        """Leave an extension out."""
        assert self.extensions is not None
        del self.extensions[name]


@cache
def key(name: str, kind: str = "p256") -> PrivateKey:
    """The private key of that name, made once; kinds as in ats_trust_tools.emulate.keys."""
    curves: dict[str, type[ec.EllipticCurve]] = {
        "p521": ec.SECP521R1,
        "brainpool": ec.BrainpoolP256R1,
    }
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    return generate(kind)


def spki(private: PrivateKey) -> bytes:
    """Its SubjectPublicKeyInfo."""
    form = PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(Encoding.DER, form)


def rsa_spki(n: int, e: int, parameters: bytes = NULL) -> bytes:
    """The SubjectPublicKeyInfo of any two numbers (RFC 3279, 2.3.1)."""
    algorithm = sequence(oid("1.2.840.113549.1.1.1"), parameters)
    return sequence(algorithm, bit_string(sequence(integer(n), integer(e))))


def key_identifier(info: bytes) -> bytes:
    """Twenty octets that name a key."""
    return hashlib.sha256(info).digest()[:20]


def signer(private: PrivateKey, digest: hashes.HashAlgorithm | None = None) -> Signer:
    """Signs with ECDSA or RSA PKCS#1 v1.5."""
    chosen = digest or hashes.SHA256()

    def sign(data: bytes) -> bytes:
        if isinstance(private, rsa.RSAPrivateKey):
            return private.sign(data, padding.PKCS1v15(), chosen)
        return private.sign(data, ec.ECDSA(chosen))

    return sign


def name(
    common_name: bytes | str, tag: int = der_tags.UTF8_STRING, *, organization: bool = True
) -> bytes:
    """A distinguished name: O and CN, the latter as a string of the type `tag`."""
    content = common_name.encode() if isinstance(common_name, str) else common_name
    parts = [(_ORGANIZATION, element(der_tags.UTF8_STRING, b"ats_trust tests"))]
    parts = [*(parts if organization else []), (_COMMON_NAME, element(tag, content))]
    return sequence(*(element(der_tags.SET, sequence(kind, text)) for kind, text in parts))


def utc_time(moment: datetime) -> bytes:
    """A UTCTime, or from 2050 on a GeneralizedTime (RFC 5280, 4.1.2.5)."""
    if moment.year >= 2050:
        return generalized_time(moment)
    return element(der_tags.UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())


def basic_constraints(ca: bool, path_length: int | None = None) -> Extension:
    inner = (TRUE if ca else b"") + (b"" if path_length is None else integer(path_length))
    return Extension("2.5.29.19", sequence(inner), CRITICAL)


def key_usage(octet: int) -> Extension:
    """0x80 digitalSignature, 0x20 keyEncipherment, 0x08 keyAgreement, 0x04 keyCertSign."""
    return Extension("2.5.29.15", bits(octet), CRITICAL)


def bits(octet: int) -> bytes:
    """A named BIT STRING of up to eight bits, its trailing zeros left out (X.690, 11.2.2)."""
    unused = (octet & -octet).bit_length() - 1 if octet else 0
    return element(der_tags.BIT_STRING, bytes([unused]) + (bytes([octet]) if octet else b""))


def extended_usage(*purposes: bytes) -> Extension:
    return Extension("2.5.29.37", sequence(*purposes))


def subject_key(info: bytes) -> Extension:
    return Extension("2.5.29.14", octet_string(key_identifier(info)))


def authority_key(info: bytes) -> Extension:
    return Extension("2.5.29.35", sequence(element(0x80, key_identifier(info))))


def dns(*names: bytes | str) -> bytes:
    """dNSName entries."""
    return b"".join(element(0x82, one.encode() if isinstance(one, str) else one) for one in names)


def alternative_names(*entries: bytes) -> Extension:
    return Extension("2.5.29.17", sequence(*entries))


def information_access() -> Extension:
    url = element(0x86, b"http://ocsp.emulator.invalid")
    return Extension("1.3.6.1.5.5.7.1.1", sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), url)))


def constraints(permitted: bytes = b"", excluded: bytes = b"") -> Extension:
    """Name constraints of these subtrees, each a GeneralName; not critical."""
    return Extension("2.5.29.30", sequence(_trees(0xA0, permitted), _trees(0xA1, excluded)))


def _trees(tag: int, base: bytes) -> bytes:
    return element(tag, sequence(base)) if base else b""
