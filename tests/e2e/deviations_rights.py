"""Deviations in what a key may be used for: purposes, usage, the right to sign certificates."""

from __future__ import annotations

from collections.abc import Callable

from ats_trust_tools.der_writer import element, sequence
from e2e.deviant_certificate import (
    CLIENT_AUTH,
    CODE_SIGNING,
    CRITICAL,
    Extension,
    authority_key,
    basic_constraints,
    extended_usage,
    key,
    key_identifier,
    key_usage,
    oid,
    spki,
)
from e2e.deviant_chains import LEAF, LOWER, UPPER, Deviation, Plan, Rule


def _purposes(*purposes: bytes, where: str = LEAF) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        if where == LEAF:
            plan.leaf.put("purposes", sequence(*purposes))
        else:
            plan.lower.add("purposes", extended_usage(*purposes))

    return change


def _usage(octet: int, where: str = LEAF) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        draft = plan.leaf if where == LEAF else plan.lower
        draft.put("usage", key_usage(octet).value)

    return change


def _lower_basic(value: bytes | None) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        if value is None:
            plan.lower.drop("basic")
        else:
            plan.lower.put("basic", value)

    return change


def _another_issuer_key(where: str) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        draft = plan.leaf if where == LEAF else plan.lower
        draft.put("aki", authority_key(spki(key("another"))).value)

    return change


def _by_serial(issuer: bytes, number: int) -> bytes:
    """The value of an authorityKeyIdentifier that also names a certificate."""
    identifier = element(0x80, key_identifier(spki(key("lower"))))
    serial = element(0x82, number.to_bytes(2, "big"))
    return sequence(identifier, element(0xA1, element(0xA4, issuer)), serial)


RIGHTS_RULES = (
    Rule(
        "Who may sign certificates",
        "RFC 5280, 4.2.1.3, 4.2.1.9 and 6.1.4 (k) to (n)",
        "Each intermediate says that it is a CA, has keyCertSign where keyUsage is there, and "
        "keeps to the path lengths above it.",
        (
            Deviation("no-basic-constraints", LOWER, "bad_intermediate", _lower_basic(None)),
            Deviation(
                "ca-false",
                LOWER,
                "bad_intermediate",
                _lower_basic(basic_constraints(False).value),
            ),
            Deviation(
                "no-cert-sign",
                LOWER,
                "bad_intermediate",
                lambda p: p.lower.put("usage", key_usage(0x82).value),
            ),
            Deviation(
                "intermediate-key-usage-none",
                LOWER,
                "bad_intermediate",
                lambda p: p.lower.put("usage", key_usage(0).value),
            ),
            Deviation(
                "path-length",
                UPPER,
                "bad_intermediate",
                lambda p: p.upper.put("basic", basic_constraints(True, 0).value),
            ),
            Deviation(
                "path-length-without-ca",
                LOWER,
                "bad_intermediate",
                _lower_basic(b"\x30\3\2\1\0"),
            ),
            Deviation(
                "path-length-negative",
                LOWER,
                "malformed",
                _lower_basic(b"\x30\6\1\1\xff\2\1\xff"),
            ),
            Deviation(
                "path-length-of-31-bits",
                LOWER,
                "malformed",
                _lower_basic(b"\x30\x09\1\1\xff\2\4\x7f\xff\xff\xff"),
            ),
            Deviation(
                "key-usage-in-unused-bits",
                LOWER,
                "malformed",
                lambda p: p.lower.put("usage", b"\3\2\7\4"),
            ),
        ),
    ),
    Rule(
        "The leaf is no CA",
        "RFC 5280, 4.2.1.3 and 4.2.1.9; Baseline Requirements 7.1.2.7.8 and 7.1.2.7.11",
        "A server has no business with the right to sign certificates.",
        (
            Deviation(
                "leaf-is-ca",
                LEAF,
                "leaf_is_ca",
                lambda p: p.leaf.put("basic", basic_constraints(True).value),
            ),
            Deviation(
                "leaf-may-sign-certificates",
                LEAF,
                "leaf_is_ca",
                lambda p: p.leaf.put("usage", key_usage(0x84).value),
            ),
        ),
    ),
    Rule(
        "Key identifiers agree",
        "RFC 5280, 4.2.1.1 and 4.2.1.2",
        "The key that a certificate names as its issuer's is the one that the issuer has.",
        (
            Deviation("aki-of-another-key", LEAF, "bad_certificate", _another_issuer_key(LEAF)),
            Deviation(
                "aki-of-another-key-intermediate",
                LOWER,
                "bad_certificate",
                _another_issuer_key(LOWER),
            ),
        ),
    ),
    Rule(
        "Extended key usage",
        "RFC 5280, 4.2.1.12; Baseline Requirements 7.1.2.7.10 and 7.1.2.10.6",
        "Where it is there it names serverAuth (or any purpose), in the leaf and in each "
        "intermediate, and it is not empty.",
        (
            Deviation("leaf-for-clients", LEAF, "wrong_usage", _purposes(CLIENT_AUTH)),
            Deviation("leaf-for-nothing", LEAF, "malformed", _purposes()),
            Deviation(
                "intermediate-for-clients",
                LOWER,
                "wrong_usage",
                _purposes(CLIENT_AUTH, where=LOWER),
            ),
            Deviation(
                "intermediate-for-code", LOWER, "wrong_usage", _purposes(CODE_SIGNING, where=LOWER)
            ),
            Deviation("intermediate-for-nothing", LOWER, "malformed", _purposes(where=LOWER)),
        ),
    ),
    Rule(
        "Key usage of the leaf",
        "RFC 5280, 4.2.1.3; RFC 8422, 5.3",
        "In ECDHE suites the server's key signs: where keyUsage is there it has digitalSignature.",
        (
            Deviation("leaf-key-encipherment", LEAF, "wrong_usage", _usage(0x20)),
            Deviation("leaf-key-agreement", LEAF, "wrong_usage", _usage(0x08)),
            Deviation("leaf-key-usage-none", LEAF, "wrong_usage", _usage(0)),
        ),
    ),
    Rule(
        "Critical extensions are known",
        "RFC 5280, 4.2",
        "What is critical and unknown ends it, such as a precertificate's mark (RFC 6962, 3.1).",
        (
            Deviation(
                "unknown-critical",
                LEAF,
                "unsupported_extension",
                lambda p: p.leaf.add("odd", Extension("1.3.6.1.4.1.99999.1", b"\5\0", CRITICAL)),
            ),
            Deviation(
                "precertificate",
                LEAF,
                "unsupported_extension",
                lambda p: p.leaf.add(
                    "poison", Extension("1.3.6.1.4.1.11129.2.4.3", b"\5\0", CRITICAL)
                ),
            ),
            Deviation(
                "unknown-critical-above",
                LOWER,
                "unsupported_extension",
                lambda p: p.lower.add("odd", Extension("1.3.6.1.4.1.99999.1", b"\5\0", CRITICAL)),
            ),
        ),
    ),
)

RIGHTS_LEFT_OUT = (
    Rule(
        "The issuer's serial number",
        "RFC 5280, 4.2.1.1",
        "authorityKeyIdentifier may name the issuer's certificate, by issuer and serial number.",
        (
            Deviation(
                "aki-of-another-serial",
                LEAF,
                None,
                lambda p: p.leaf.put("aki", _by_serial(p.leaf.issuer, 4711)),
            ),
        ),
        "A CA whose certificate was renewed with the same key goes on, and its old leaves do.",
    ),
    Rule(
        "Any purpose in a leaf",
        "Baseline Requirements 7.1.2.7.10",
        "A server's certificate does not name anyExtendedKeyUsage.",
        (Deviation("leaf-for-anything", LEAF, None, _purposes(oid("2.5.29.37.0"))),),
        "RFC 5280 takes it as permission; private CAs use it.",
    ),
    Rule(
        "Extended key usage in a leaf",
        "Baseline Requirements 7.1.2.7.6",
        "A server's certificate has the extension.",
        (Deviation("leaf-without-purposes", LEAF, None, lambda p: p.leaf.drop("purposes")),),
        "RFC 5280 lets a certificate without it serve any purpose; small private CAs leave it "
        "out.",
    ),
    Rule(
        "Key usage and key identifiers",
        "RFC 5280, 4.2.1.1 to 4.2.1.3",
        "CAs put keyUsage, subjectKeyIdentifier and authorityKeyIdentifier into certificates.",
        (
            Deviation("leaf-without-usage", LEAF, None, lambda p: p.leaf.drop("usage")),
            Deviation("leaf-without-aki", LEAF, None, lambda p: p.leaf.drop("aki")),
            Deviation("leaf-without-ski", LEAF, None, lambda p: p.leaf.drop("ski")),
            Deviation("intermediate-without-usage", LOWER, None, lambda p: p.lower.drop("usage")),
        ),
        "Private CAs leave them out; without them nothing more can be signed or proven.",
    ),
)
