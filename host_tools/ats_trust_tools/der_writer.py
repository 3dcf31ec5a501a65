"""The handful of DER encodings (X.690) that bundles, blobs and trimmed certificates are made of.

Why not a library: what is needed are seven functions; `cryptography`'s own declarative ASN.1 is
declared unstable by its documentation, and the other candidates bring thousands of lines. Reading
is not done here: the device library's reader (`ats_trust.der`) reads on the host as well, so that
what is written here is always checked by the very code that boards run.
"""

import hashlib
from datetime import UTC, datetime

from . import der_tags


def element(tag: int, *parts: bytes) -> bytes:
    """Return one element: its tag, the shortest length, and the parts one after another."""
    value = b"".join(parts)
    size = len(value)
    if size < 0x80:
        return b"%c%c%b" % (tag, size, value)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE of elements that are encoded already."""
    return element(der_tags.SEQUENCE, *parts)


def integer(value: int) -> bytes:
    """Return an INTEGER; negative ones have no use here."""
    if value < 0:
        raise ValueError("a negative INTEGER has no place in these formats")
    return element(der_tags.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return element(der_tags.OCTET_STRING, value)


def utf8_string(value: str) -> bytes:
    """Return a UTF8String."""
    return element(der_tags.UTF8_STRING, value.encode())


def bit_string(value: bytes) -> bytes:
    """Return a BIT STRING of whole bytes; empty means zero bits."""
    return element(der_tags.BIT_STRING, b"\0", value)


def boolean(value: bool) -> bytes:
    """Return a BOOLEAN."""
    return element(der_tags.BOOLEAN, b"\xff" if value else b"\0")


def with_digest(body: bytes, *more: bytes) -> bytes:
    """Return the frame of bundles and device blobs: SEQUENCE { body, SHA-256 of the body, ... }.

    more: elements that follow, as the signature of a bundle.
    """
    return sequence(body, octet_string(hashlib.sha256(body).digest()), *more)


def generalized_time(moment: datetime) -> bytes:
    """Return a GeneralizedTime to the second, in UTC, as RFC 5280 (4.1.2.5.2) wants it."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is ambiguous")
    text = moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    return element(der_tags.GENERALIZED_TIME, text.encode())
