"""Deviations in names, name constraints and purposes."""

from __future__ import annotations

from collections.abc import Callable

from ats_trust_tools.der_writer import element, sequence
from e2e.deviant_certificate import (
    CRITICAL,
    Extension,
    constraints,
    dns,
    name,
)
from e2e.deviant_chains import HOST, LEAF, LOWER, UPPER, Deviation, Plan, Rule

_PERMITTED = dns("deviant.test")


def _san(*entries: bytes, host: str = HOST) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        plan.host = host
        plan.leaf.put("san", sequence(*entries))

    return change


def _beside(label: str, entry: bytes | str) -> Deviation:
    """The right name, and this one beside it."""
    return Deviation(label, LEAF, "odd_name", _san(dns(HOST, entry)))


def _subject(label: str, content: bytes, tag: int, where: str = LEAF) -> Deviation:
    def change(plan: Plan) -> None:
        if where == LEAF:
            plan.leaf.subject = name(content, tag, organization=False)
        else:
            plan.lower.subject = plan.leaf.issuer = name(content, tag)

    return Deviation(label, where, "odd_name", change)


def _constrain(extension: Extension, where: str = LOWER) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        draft = plan.lower if where == LOWER else plan.upper
        draft.add("constraints", extension)

    return change


def _wildcard_over(excluded: bytes) -> Callable[[Plan], None]:
    """A leaf whose wildcard stands for a name that is excluded."""

    def change(plan: Plan) -> None:
        plan.leaf.put("san", sequence(dns("*.deviant.test")))
        plan.lower.add("constraints", constraints(excluded=excluded))

    return change


NAME_RULES = (
    Rule(
        "The name stands in subjectAltName",
        "RFC 9525, 2; Baseline Requirements 7.1.2.7.12",
        "A server is identified by a dNSName of subjectAltName, never by the common name.",
        (
            Deviation("common-name-only", LEAF, "name_not_in_san", lambda p: p.leaf.drop("san")),
            Deviation("san-ip-only", LEAF, "name_not_in_san", _san(element(0x87, b"\x7f\0\0\1"))),
            Deviation(
                "san-uri-only",
                LEAF,
                "name_not_in_san",
                _san(element(0x86, b"mqtts://" + HOST.encode())),
            ),
            Deviation("san-empty", LEAF, "name_not_in_san", _san()),
        ),
    ),
    Rule(
        "Wildcards",
        "RFC 9525, 6.3; Baseline Requirements 3.2.2.6",
        "A star is the whole first label, stands for exactly one label, and has two labels or "
        "more to its right.",
        (
            Deviation("wildcard-part-of-label", LEAF, "odd_name", _san(dns("b*.deviant.test"))),
            Deviation("wildcard-not-first", LEAF, "odd_name", _san(dns("board.*.test"))),
            Deviation("wildcard-twice", LEAF, "odd_name", _san(dns("*.*.test"))),
            Deviation("wildcard-alone", LEAF, "odd_name", _san(dns("*"))),
            Deviation(
                "wildcard-one-label", LEAF, "odd_name", _san(dns("*.test"), host="board.test")
            ),
            Deviation(
                "wildcard-in-a-label",
                LEAF,
                "odd_name",
                _san(dns("xn--*.deviant.test"), host="xn--b.deviant.test"),
            ),
            Deviation(
                "wildcard-over-two-labels",
                LEAF,
                "name_mismatch",
                _san(dns("*.deviant.test"), host="one.board.deviant.test"),
            ),
            _beside("wildcard-one-label-beside", "*.test"),
            _beside("wildcard-part-of-label-beside", "b*.deviant.test"),
        ),
    ),
    Rule(
        "A dNSName is a DNS name",
        "RFC 5280, 4.2.1.6; RFC 1034, 3.5; RFC 5890, 2.3; Baseline Requirements 7.1.2.7.12",
        "Labels of 1 to 63 letters, digits and hyphens (an underscore is let pass) in ASCII, "
        "others as A-labels; no IP address, no NUL; not only in the entry that matches.",
        (
            Deviation("dns-nul", LEAF, "odd_name", _san(dns(HOST.encode() + b"\0.evil.test"))),
            _beside("dns-nul-beside", HOST.encode() + b"\0.evil.test"),
            _beside("dns-u-label", "b\u00fccher.deviant.test"),
            _beside("dns-space", "board two.deviant.test"),
            _beside("dns-line-break", "board\n.deviant.test"),
            _beside("dns-ip-address", "192.0.2.1"),
            _beside("dns-ipv6-address", "2001:db8::1"),
            _beside("dns-url", "https://deviant.test"),
            _beside("dns-empty", ""),
            _beside("dns-long-label", "b" * 64 + ".deviant.test"),
            _beside("dns-long-name", ("b" * 49 + ".") * 5 + "test"),
            _beside("dns-empty-label", "board..deviant.test"),
            _beside("dns-leading-dot", ".deviant.test"),
            _beside("dns-trailing-dot", "board.deviant.test."),
            _beside("dns-leading-hyphen", "-board.deviant.test"),
            _beside("dns-trailing-hyphen", "board-.deviant.test"),
        ),
    ),
    Rule(
        "Strings of the subject",
        "RFC 5280, 4.1.2.4 and 4.1.2.6",
        "UTF8String or PrintableString (IA5String where an attribute wants it), no NUL. The other "
        "types hide what they say from whoever compares or shows them.",
        (
            _subject("common-name-nul", HOST.encode() + b"\0.evil.test", 0x0C),
            _subject("common-name-bmp", HOST.encode("utf-16-be"), 0x1E),
            _subject("common-name-teletex", HOST.encode(), 0x14),
            _subject("common-name-universal", HOST.encode("utf-32-be"), 0x1C),
            _subject("intermediate-name-bmp", "lower".encode("utf-16-be"), 0x1E, LOWER),
            _subject("intermediate-name-nul", b"lower\0", 0x0C, LOWER),
        ),
    ),
    Rule(
        "Name constraints",
        "RFC 5280, 4.2.1.10 and 6.1.4 (g)",
        "Every name of the leaf is within what each CA above may vouch for, also where the "
        "extension is not critical.",
        (
            Deviation(
                "constraints-outside",
                LOWER,
                "name_constraint",
                _constrain(constraints(dns("other.test"))),
            ),
            Deviation(
                "constraints-excluded",
                LOWER,
                "name_constraint",
                _constrain(constraints(excluded=_PERMITTED)),
            ),
            Deviation(
                "constraints-excluded-in-permitted",
                LOWER,
                "name_constraint",
                _constrain(constraints(_PERMITTED, dns("board.deviant.test"))),
            ),
            Deviation(
                "constraints-excluded-by-wildcard",
                LOWER,
                "name_constraint",
                _wildcard_over(dns(HOST)),
            ),
            Deviation(
                "constraints-above",
                UPPER,
                "name_constraint",
                _constrain(constraints(dns("other.test")), UPPER),
            ),
        ),
    ),
    Rule(
        "Name constraints can be read",
        "RFC 5280, 4.2.1.10",
        "Subtrees are well formed, without `minimum` and `maximum`; a base is a DNS name.",
        (
            Deviation(
                "constraints-cut-off",
                LOWER,
                "malformed",
                _constrain(
                    Extension("2.5.29.30", sequence(element(0xA0, b"\x30\x40" + _PERMITTED)))
                ),
            ),
            Deviation(
                "constraints-empty",
                LOWER,
                "malformed",
                _constrain(Extension("2.5.29.30", sequence())),
            ),
            Deviation(
                "constraints-none-permitted",
                LOWER,
                "malformed",
                _constrain(Extension("2.5.29.30", sequence(element(0xA0, b"")))),
            ),
            Deviation(
                "constraints-constructed-name",
                LOWER,
                "malformed",
                _constrain(constraints(excluded=element(0xA2, HOST.encode()))),
            ),
            Deviation(
                "constraints-minimum",
                LOWER,
                "malformed",
                _constrain(
                    Extension(
                        "2.5.29.30",
                        sequence(element(0xA0, sequence(_PERMITTED, element(0x80, b"\1")))),
                    )
                ),
            ),
            Deviation(
                "constraints-unknown-field",
                LOWER,
                "malformed",
                _constrain(Extension("2.5.29.30", sequence(element(0xA2, sequence(_PERMITTED))))),
            ),
            Deviation(
                "constraints-odd-base",
                LOWER,
                "malformed",
                _constrain(constraints(excluded=dns("*.evil.test"))),
            ),
        ),
    ),
    Rule(
        "Critical name constraints",
        "RFC 5280, 4.2 and 4.2.1.10",
        "What is critical and unknown ends it, and Mbed TLS does not know name constraints.",
        (
            Deviation(
                "constraints-critical",
                LOWER,
                "unsupported_extension",
                _constrain(Extension("2.5.29.30", constraints(_PERMITTED).value, CRITICAL)),
            ),
        ),
    ),
)

NAMES_LEFT_OUT = (
    Rule(
        "Constraints on other names",
        "RFC 5280, 4.2.1.10",
        "Name constraints can be on directory names, addresses and mail too.",
        (
            Deviation(
                "constraints-on-subjects",
                LOWER,
                None,
                _constrain(constraints(element(0xA4, name("someone else")))),
            ),
        ),
        "A server is asked for by its DNS name alone; its subject is not looked at.",
    ),
    Rule(
        "Underscores",
        "Baseline Requirements 7.1.2.7.12; RFC 1034, 3.5",
        "A dNSName has no underscore.",
        (Deviation("dns-underscore", LEAF, None, _san(dns(HOST, "my_board.deviant.test"))),),
        "Names of private networks have them. No host that is asked for can have one.",
    ),
    Rule(
        "The common name is one of the names",
        "Baseline Requirements 7.1.4.3",
        "A common name repeats an entry of subjectAltName.",
        (
            Deviation(
                "common-name-elsewhere",
                LEAF,
                None,
                lambda p: setattr(p.leaf, "subject", name("our gateway", organization=False)),
            ),
        ),
        "Nothing reads the common name, and private CAs write there what they like.",
    ),
    Rule(
        "Letters of a PrintableString",
        "X.680, 41.4",
        "It has no star, at sign or underscore.",
        (
            Deviation(
                "common-name-printable-star",
                LEAF,
                None,
                lambda p: setattr(
                    p.leaf, "subject", name("*.deviant.test", 0x13, organization=False)
                ),
            ),
        ),
        "CAs have long written wildcards so, and nothing reads the common name.",
    ),
    Rule(
        "No dot at the start of a constraint",
        "RFC 5280, 4.2.1.10",
        "The base of a constraint on DNS names is a name.",
        (
            Deviation(
                "constraints-leading-dot",
                LOWER,
                None,
                _constrain(constraints(dns(".deviant.test"))),
            ),
        ),
        "CAs write it so; it is read as the names below, not the name itself.",
    ),
    Rule(
        "A critical subjectAltName",
        "RFC 5280, 4.2.1.6",
        "Beside a subject it should not be critical.",
        (Deviation("san-critical", LEAF, None, lambda p: p.leaf.put("san", critical=CRITICAL)),),
        "A matter of taste: every client knows the extension.",
    ),
)

NAMES_GOOD = (
    Deviation("wildcard", LEAF, None, _san(dns("*.deviant.test"))),
    Deviation("capitals", LEAF, None, _san(dns(HOST.upper()))),
    Deviation(
        "constraints-met", LOWER, None, _constrain(constraints(_PERMITTED, dns("evil.test")))
    ),
)
