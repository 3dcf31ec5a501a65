"""Deviations in keys, signatures and the right to sign."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ats_trust_tools.der_writer import bit_string, element, integer, octet_string, sequence
from ats_trust_tools.emulate.keys import PrivateKey
from e2e.deviant_certificate import (
    NULL,
    RSA_SHA256,
    key,
    oid,
    rsa_spki,
    signer,
    spki,
)
from e2e.deviant_chains import LEAF, LOWER, Deviation, Plan, Rule, rsa_key

_P256 = oid("1.2.840.10045.3.1.7")
_EC = oid("1.2.840.10045.2.1")
_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_GENERATOR = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def _leaf_rsa(bits: int = 2048) -> Callable[[Plan], None]:
    return lambda plan: plan.leaf_key(spki(rsa_key("leaf", bits)), rsa_key("leaf", bits))


def _leaf_ec(kind: str) -> Callable[[Plan], None]:
    return lambda plan: plan.leaf_key(spki(key("leaf", kind)), key("leaf", kind))


def _leaf_odd_curve(kind: str) -> Callable[[Plan], None]:
    # The server's TLS has no such curve: it signs with the key that was there.
    return lambda plan: plan.leaf_key(spki(key("leaf", kind)))


@cache
def _exponent_three() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(3, 2048)


def _modulus() -> int:
    return rsa_key("leaf").public_key().public_numbers().n


def _point(private: PrivateKey, form: PublicFormat = PublicFormat.UncompressedPoint) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, form)


def _ec_spki(point: bytes, parameters: bytes = _P256) -> bytes:
    return sequence(sequence(_EC, parameters), bit_string(point))


def _explicit_curve() -> bytes:
    """P-256 spelled out (RFC 3279, 2.3.5) instead of named."""
    field = sequence(oid("1.2.840.10045.1.1"), integer(_PRIME))
    a = octet_string((_PRIME - 3).to_bytes(32, "big"))
    curve = sequence(a, octet_string(_B.to_bytes(32, "big")))
    return sequence(
        integer(1), field, curve, octet_string(_GENERATOR), integer(_ORDER), integer(1)
    )


def _off_curve() -> bytes:
    point = _point(key("leaf"))
    return point[:-1] + bytes([point[-1] ^ 1])


def _leaf_point(make: Callable[[], bytes], parameters: bytes = _P256) -> Callable[[Plan], None]:
    return lambda plan: plan.leaf_key(_ec_spki(make(), parameters))


def _forged(data: bytes) -> bytes:
    """What anybody can sign with the exponent 1: the padded digest itself (RFC 8017, 9.2)."""
    info = _SHA256_INFO + hashlib.sha256(data).digest()
    return b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info


def _pss(data: bytes) -> bytes:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return rsa_key("lower").sign(data, pss, hashes.SHA256())


def _pss_algorithm() -> bytes:
    sha256 = sequence(oid("2.16.840.1.101.3.4.2.1"), NULL)
    mask = sequence(oid("1.2.840.113549.1.1.8"), sha256)
    parameters = sequence(element(0xA0, sha256), element(0xA1, mask), element(0xA2, integer(32)))
    return sequence(oid("1.2.840.113549.1.1.10"), parameters)


def _ed25519(plan: Plan) -> None:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    plan.leaf_key(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _signed_by(
    private: PrivateKey, digest: hashes.HashAlgorithm, algorithm: bytes
) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        plan.leaf.sign, plan.leaf.algorithm = signer(private, digest), algorithm

    return change


def _rsa_lower(digest: hashes.HashAlgorithm, algorithm: bytes) -> Callable[[Plan], None]:
    private = rsa_key("lower")
    return lambda plan: plan.issuer_key(spki(private), signer(private, digest), algorithm)


def _ecdsa(last: int) -> bytes:
    return sequence(oid(f"1.2.840.10045.4.3.{last}"))


def key_rules() -> tuple[Rule, ...]:
    """The rules; a function, since their keys take a second to make."""
    return (
        Rule(
            "RSA keys",
            "Baseline Requirements 6.1.5 and 6.1.6; RFC 8017, 3.1; RFC 3279, 2.3.1",
            "2,048 bits or more; modulus and exponent odd, the exponent above 1. With 1 as the "
            "exponent anybody can sign: below the intermediate that has it, the leaf is forged.",
            (
                Deviation("rsa-1024", LEAF, "weak_key", _leaf_rsa(1024)),
                Deviation("rsa-2047", LEAF, "weak_key", _leaf_rsa(2047)),
                Deviation(
                    "rsa-exponent-1",
                    LEAF,
                    "weak_key",
                    lambda p: p.leaf_key(rsa_spki(_modulus(), 1), rsa_key("leaf")),
                ),
                Deviation(
                    "rsa-exponent-1-intermediate",
                    LOWER,
                    "weak_key",
                    lambda p: p.issuer_key(rsa_spki(_modulus(), 1), _forged),
                ),
                Deviation(
                    "rsa-exponent-even",
                    LEAF,
                    "weak_key",
                    lambda p: p.leaf_key(rsa_spki(_modulus(), 65536), rsa_key("leaf")),
                ),
                Deviation(
                    "rsa-modulus-even",
                    LEAF,
                    "weak_key",
                    lambda p: p.leaf_key(rsa_spki(_modulus() - 1, 65537), rsa_key("leaf")),
                ),
            ),
        ),
        Rule(
            "Keys on curves",
            "Baseline Requirements 6.1.5 and 7.1.3.1.2; RFC 5480, 2.1.1 and 2.2",
            "P-256, P-384 or P-521, by name, and the point whole and on the curve.",
            (
                Deviation(
                    "point-compressed",
                    LEAF,
                    "weak_key",
                    _leaf_point(lambda: _point(key("leaf"), PublicFormat.CompressedPoint)),
                ),
                Deviation("point-off-the-curve", LEAF, "weak_key", _leaf_point(_off_curve)),
                Deviation("point-at-infinity", LEAF, "weak_key", _leaf_point(lambda: b"\0")),
                Deviation(
                    "curve-written-out",
                    LEAF,
                    "weak_key",
                    _leaf_point(lambda: _point(key("leaf")), _explicit_curve()),
                ),
                Deviation("secp256k1", LEAF, "weak_key", _leaf_odd_curve("secp256k1")),
                Deviation("brainpool", LEAF, "weak_key", _leaf_odd_curve("brainpool")),
                Deviation("ed25519", LEAF, "weak_key", _ed25519),
            ),
        ),
        Rule(
            "Signature algorithms",
            "Baseline Requirements 7.1.3.2; RFC 5280, 4.1.1.2",
            "RSA (PKCS#1 v1.5) or ECDSA with SHA-256, SHA-384 or SHA-512, and said twice alike.",
            (
                Deviation(
                    "sha1",
                    LEAF,
                    "weak_signature",
                    _signed_by(key("lower"), hashes.SHA1(), sequence(oid("1.2.840.10045.4.1"))),
                ),
                Deviation(
                    "sha1-rsa",
                    LEAF,
                    "weak_signature",
                    _rsa_lower(hashes.SHA1(), sequence(oid("1.2.840.113549.1.1.5"), NULL)),
                ),
                Deviation(
                    "sha224",
                    LEAF,
                    "weak_signature",
                    _signed_by(key("lower"), hashes.SHA224(), _ecdsa(1)),
                ),
                Deviation(
                    "rsa-pss",
                    LEAF,
                    "weak_signature",
                    lambda p: p.issuer_key(spki(rsa_key("lower")), _pss, _pss_algorithm()),
                ),
                Deviation(
                    "two-algorithms",
                    LEAF,
                    "malformed",
                    lambda p: setattr(p.leaf, "outer_algorithm", _ecdsa(3)),
                ),
            ),
        ),
    )


def keys_left_out() -> tuple[Rule, ...]:
    """What is accepted, and what is left out."""
    return (
        Rule(
            "Larger exponents",
            "Baseline Requirements 6.1.6",
            "An RSA exponent should be 65537 or more.",
            (
                Deviation(
                    "rsa-exponent-3",
                    LEAF,
                    None,
                    lambda p: p.leaf_key(spki(_exponent_three()), _exponent_three()),
                ),
            ),
            "A `should`: with full padding checks 3 is sound, and Starfield's Class 2 root has "
            "it.",
        ),
        Rule(
            "RSA with NULL parameters",
            "RFC 3279, 2.3.1",
            "The algorithm of an RSA key has parameters, and they are NULL.",
            (
                Deviation(
                    "rsa-without-parameters",
                    LEAF,
                    None,
                    lambda p: p.leaf_key(rsa_spki(_modulus(), 65537, b""), rsa_key("leaf")),
                ),
            ),
            "The key is the same.",
        ),
    )


def good_keys() -> tuple[Deviation, ...]:
    """Other keys that keep every rule."""
    return (
        Deviation("rsa-2048", LEAF, None, _leaf_rsa()),
        Deviation("rsa-4096", LEAF, None, _leaf_rsa(4096)),
        Deviation("p384", LEAF, None, _leaf_ec("p384")),
        Deviation("p521", LEAF, None, _leaf_ec("p521")),
        Deviation("intermediate-rsa", LOWER, None, _rsa_lower(hashes.SHA256(), RSA_SHA256)),
    )
