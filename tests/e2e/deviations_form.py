"""Deviations in the form of certificates and of the path that they make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ats_trust_tools import der_tags
from ats_trust_tools.der_writer import element, generalized_time, integer, sequence
from e2e.deviant_certificate import (
    CRITICAL,
    DAY,
    NULL,
    TODAY,
    Draft,
    Extension,
    basic_constraints,
    utc_time,
)
from e2e.deviant_chains import LEAF, LOWER, PATH, UPPER, Deviation, Plan, Rule


def _draft(plan: Plan, where: str) -> Draft:
    return {LEAF: plan.leaf, LOWER: plan.lower, UPPER: plan.upper}[where]


def _part(part: str, value: object, where: str = LEAF) -> Callable[[Plan], None]:
    """Replace one part of a draft."""
    return lambda plan: setattr(_draft(plan, where), part, value)


def _version(label: str, value: bytes, where: str = LEAF, code: str = "malformed") -> Deviation:
    return Deviation(label, where, code, _part("version", value, where))


def _serial(
    label: str, content: bytes, where: str = LEAF, code: str = "bad_certificate"
) -> Deviation:
    return Deviation(label, where, code, _part("serial", element(2, content), where))


def _marked(
    label: str, extension: str, mark: bytes, code: str | None, where: str = LEAF
) -> Deviation:
    """Another mark of criticality."""
    return Deviation(
        label, where, code, lambda plan: _draft(plan, where).put(extension, critical=mark)
    )


def _valued(
    label: str, extension: str, value: bytes, code: str | None, where: str = LEAF
) -> Deviation:
    """Another value of an extension."""
    return Deviation(label, where, code, lambda plan: _draft(plan, where).put(extension, value))


def _twice(
    label: str, extension: str, where: str = LEAF, code: str | None = "malformed"
) -> Deviation:
    def change(plan: Plan) -> None:
        draft = _draft(plan, where)
        assert draft.extensions is not None
        draft.add(extension + " again", draft.extensions[extension])

    return Deviation(label, where, code, change)


def _time(label: str, value: bytes, code: str | None) -> Deviation:
    return Deviation(label, LEAF, code, _part("starts", value))


def _text(moment: datetime, form: str) -> bytes:
    return moment.strftime(form).encode()


def _version_1(where: str) -> Callable[[Plan], None]:
    """A real one: version 1 has no extensions."""

    def change(plan: Plan) -> None:
        draft = _draft(plan, where)
        draft.version = b""
        draft.extensions = None

    return change


def _no_subject(plan: Plan) -> None:
    plan.leaf.subject = sequence()


def _long_tbs(*parts: bytes) -> bytes:
    """A SEQUENCE whose length takes an octet more than it needs."""
    content = b"".join(parts)
    return b"\x30\x83" + len(content).to_bytes(3, "big") + content


def _endless_tbs(*parts: bytes) -> bytes:
    """A SEQUENCE of indefinite length, as BER has it."""
    return b"\x30\x80" + b"".join(parts) + b"\0\0"


def _expired(plan: Plan) -> None:
    plan.lower.ends = utc_time(TODAY - DAY)


def _ordered(*names: str) -> Callable[[Plan], None]:
    return lambda plan: setattr(plan, "order", tuple(getattr(plan, one) for one in names))


_BASIC_CA = basic_constraints(True).value
_BASIC = basic_constraints(False).value
_STARTS = TODAY - 30 * DAY

FORM_RULES = (
    Rule(
        "Version 3",
        "RFC 5280, 4.1.2.1 and 6.1.4 (k)",
        "Certificates below the root are of version 3, and say so in DER.",
        (
            Deviation("version-1-leaf", LEAF, "bad_certificate", _version_1(LEAF)),
            Deviation("version-1-intermediate", LOWER, "bad_intermediate", _version_1(LOWER)),
            _version("version-1-with-extensions", b""),
            _version("version-2-with-extensions", element(0xA0, integer(1))),
            _version("version-4-leaf", element(0xA0, integer(3)), code="bad_certificate"),
            _version("version-with-more", element(0xA0, integer(2), NULL)),
            _version("version-2-intermediate", element(0xA0, integer(1)), LOWER),
        ),
    ),
    Rule(
        "Serial number",
        "RFC 5280, 4.1.2.2",
        "Positive, and at most 20 octets.",
        (
            _serial("serial-zero", b"\0"),
            _serial("serial-negative", b"\xa5" * 16, code="malformed"),
            _serial("serial-21-octets", b"\x5a" * 21),
            _serial("serial-not-minimal", b"\0\x5a", code="malformed"),
            _serial("serial-empty", b"", code="malformed"),
            _serial("serial-zero-intermediate", b"\0", LOWER),
        ),
    ),
    Rule(
        "Unique identifiers",
        "RFC 5280, 4.1.2.8",
        "CAs do not put issuerUniqueID or subjectUniqueID into certificates.",
        (
            Deviation(
                "issuer-unique-id",
                LEAF,
                "unsupported_extension",
                _part("after_key", b"\x81\2\0\1"),
            ),
            Deviation(
                "subject-unique-id",
                LEAF,
                "unsupported_extension",
                _part("after_key", b"\x82\2\0\1"),
            ),
            Deviation(
                "unique-id-intermediate",
                LOWER,
                "unsupported_extension",
                _part("after_key", b"\x81\2\0\1", LOWER),
            ),
        ),
    ),
    Rule(
        "No extension twice",
        "RFC 5280, 4.2",
        "Else two readers may follow two of them.",
        (
            _twice("san-twice", "san"),
            _twice("basic-constraints-twice", "basic"),
            _twice("basic-constraints-twice-intermediate", "basic", LOWER),
        ),
    ),
    Rule(
        "Extensions are DER and nothing more",
        "RFC 5280, 4.2; X.690, 8.2 and 11.1",
        "Nothing follows a value, TRUE is FF, no list is empty.",
        (
            _valued(
                "san-with-more", "san", b"\x30\x14\x82\x12board.deviant.test\5\0", "malformed"
            ),
            _valued(
                "basic-constraints-with-more", "basic", _BASIC + NULL, "unsupported_extension"
            ),
            _valued(
                "purposes-with-more", "purposes", b"\x30\x0a\6\x08+\6\1\5\5\7\3\1\5\0", "malformed"
            ),
            _valued("aki-empty", "aki", b"\x30\0", "malformed"),
            _valued("ski-with-more", "ski", b"\4\4ABCD\5\0", "malformed"),
            _marked("critical-is-01", "usage", b"\1\1\1", "malformed"),
            _marked("critical-of-two-octets", "usage", b"\1\2\xff\xff", "malformed"),
            _valued("ca-true-is-01", "basic", b"\x30\3\1\1\1", "bad_intermediate", LOWER),
            _valued(
                "basic-constraints-with-more-intermediate",
                "basic",
                _BASIC_CA + NULL,
                "unsupported_extension",
                LOWER,
            ),
        ),
    ),
    Rule(
        "DER, not BER",
        "RFC 5280, 4.1; X.690, 10.1",
        "Lengths are definite and as short as can be, so that there is one encoding.",
        (
            Deviation("length-not-minimal", LEAF, "malformed", _part("encode_tbs", _long_tbs)),
            Deviation("length-indefinite", LEAF, "malformed", _part("encode_tbs", _endless_tbs)),
            Deviation(
                "length-not-minimal-intermediate",
                LOWER,
                "malformed",
                _part("encode_tbs", _long_tbs, LOWER),
            ),
        ),
    ),
    Rule(
        "Marks that the standard fixes",
        "RFC 5280, 4.2.1.1, 4.2.1.2 and 4.2.1.6",
        "Key identifiers are never critical; subjectAltName is where there is no subject.",
        (
            _marked("aki-critical", "aki", CRITICAL, "bad_certificate"),
            _marked("ski-critical", "ski", CRITICAL, "bad_certificate"),
            _marked("aki-critical-intermediate", "aki", CRITICAL, "bad_certificate", LOWER),
            Deviation("no-subject", LEAF, "bad_certificate", _no_subject),
        ),
    ),
    Rule(
        "Times",
        "RFC 5280, 4.1.2.5",
        "UTCTime and GeneralizedTime in UTC, to the second.",
        (
            _time(
                "time-without-seconds", element(0x17, _text(_STARTS, "%y%m%d%H%MZ")), "malformed"
            ),
            _time(
                "time-with-offset", element(0x17, _text(_STARTS, "%y%m%d%H%M%S+0000")), "malformed"
            ),
            _time("time-without-zone", element(0x17, _text(_STARTS, "%y%m%d%H%M%S")), "malformed"),
            _time(
                "time-with-fraction", element(0x18, _text(_STARTS, "%Y%m%d%H%M%S.5Z")), "malformed"
            ),
            _time("time-of-no-day", element(0x17, b"251331000000Z"), "malformed"),
            _time("time-of-no-digits", element(0x17, b"25+1 1000000Z"), "malformed"),
            Deviation("intermediate-expired", LOWER, "expired", _expired),
        ),
    ),
    Rule(
        "The order of the certificates",
        "RFC 5246, 7.4.2",
        "Each issuer comes after what it issued; Mbed TLS looks no other way.",
        (
            Deviation(
                "out-of-order", PATH, "missing_intermediate", _ordered("leaf", "upper", "lower")
            ),
        ),
    ),
    Rule(
        "A sane number of certificates",
        "ats_trust's own; Mbed TLS: MBEDTLS_X509_MAX_INTERMEDIATE_CA",
        "At most five below the root; real chains have two or three.",
        (
            Deviation("six-below-the-root", PATH, "chain_too_long", lambda p: p.longer(3)),
            Deviation("nine-below-the-root", PATH, "chain_too_long", lambda p: p.longer(6)),
        ),
    ),
)

FORM_LEFT_OUT = (
    Rule(
        "No extension of others than the ITU twice",
        "RFC 5280, 4.2",
        "Else two readers may follow two of them.",
        (_twice("information-access-twice", "aia", code=None),),
        "Of those outside of 2.5.29 neither Mbed TLS nor ats_trust reads any; remembering them "
        "takes heap in the middle of the handshake.",
    ),
    Rule(
        "basicConstraints is critical in a CA",
        "RFC 5280, 4.2.1.9",
        "Else a reader that does not know the extension may pass over it.",
        (_marked("basic-constraints-not-critical", "basic", b"", None, LOWER),),
        "Private CAs made with old settings of OpenSSL lack the mark, Starfield's Class 2 root "
        "too; and every client of today knows the extension.",
    ),
    Rule(
        "What is the default is left out",
        "X.690, 11.2.2 and 11.5",
        "FALSE is not written, nor the zeros at the end of keyUsage.",
        (
            _marked("not-critical-written-out", "san", b"\1\1\0", None),
            _valued("key-usage-not-trimmed", "usage", b"\3\2\0\x80", None),
            _valued("ca-false-written-out", "basic", sequence(element(1, b"\0")), None),
        ),
        "Old and home-made CAs write it; there is one meaning all the same.",
    ),
    Rule(
        "UTCTime until 2049",
        "RFC 5280, 4.1.2.5",
        "GeneralizedTime begins with 2050.",
        (_time("generalized-time-early", generalized_time(_STARTS), None),),
        "Both are read to the same second, and private CAs use it.",
    ),
    Rule(
        "Short validity",
        "Baseline Requirements 6.3.2",
        "A leaf is valid for 398 days at most, from March 2026 on 200.",
        (
            Deviation(
                "valid-for-ten-years", LEAF, None, _part("ends", utc_time(TODAY + 3650 * DAY))
            ),
            Deviation(
                "valid-for-ever",
                LEAF,
                None,
                _part("ends", element(der_tags.GENERALIZED_TIME, b"99991231235959Z")),
            ),
        ),
        "A rule for public CAs, kept by their auditors and browsers; a device's own CA has years.",
    ),
    Rule(
        "Nothing but the path",
        "RFC 5246, 7.4.2; X.690, 8.1",
        "No certificate is sent that does not certify the one before it, and no stray bytes.",
        (
            Deviation("sent-twice", PATH, None, _ordered("leaf", "lower", "lower", "upper")),
            Deviation("bytes-behind-certificate", LEAF, None, _part("trailer", NULL)),
            Deviation("with-the-root", PATH, None, _ordered("leaf", "lower", "upper", "root")),
        ),
        "Servers are set up so by mistake; the path is the same, and nothing reads the rest.",
    ),
    Rule(
        "Transparency and revocation",
        "RFC 6962; RFC 7633; Baseline Requirements 7.1.2.7.6",
        "Timestamps of certificate transparency logs, must-staple, where to ask for revocation.",
        (
            Deviation("no-places-to-ask", LEAF, None, lambda p: p.leaf.drop("aia")),
            Deviation(
                "must-staple",
                LEAF,
                None,
                lambda p: p.leaf.add(
                    "staple", Extension("1.3.6.1.5.5.7.1.24", sequence(integer(5)))
                ),
            ),
        ),
        "Mbed TLS neither asks for a staple nor can a board look at a log.",
    ),
)


FORM_GOOD = (Deviation("five-below-the-root", PATH, None, lambda p: p.longer(2)),)
