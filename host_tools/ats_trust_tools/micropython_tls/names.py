"""Distinguished names, read and compared as Mbed TLS does."""

from __future__ import annotations

from ats_trust_tools.micropython_tls.codes import Asn1, Code
from ats_trust_tools.micropython_tls.der import Reader

# (attribute type, tag of the value with 0x100 where the set goes on, value) for each attribute.
Name = tuple[tuple[bytes, int, bytes], ...]


def read_name(data: bytes, start: int, stop: int) -> Name:
    """The name whose sets lie between start and stop; one without any set is an error."""
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


def same_name(one: Name, other: Name) -> bool:
    """Mbed TLS's comparison: printable and UTF-8 strings are equal without regard to case."""
    return _folded(one) == _folded(other)


_CASELESS_TAGS = (0x0C, 0x13)  # UTF8String, PrintableString
_NAME_TAGS = (0x03, 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E)


def _folded(name: Name) -> Name:
    return tuple(
        (oid, tag & 0x100 | 0x0C, value.lower())
        if tag & 0xFF in _CASELESS_TAGS
        else (oid, tag, value)
        for oid, tag, value in name
    )
