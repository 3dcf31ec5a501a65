"""A bounds-checked reader of DER (X.690): every length is checked before it is believed.

Pure: it works on any bytes-like object and copies nothing but what the caller asks for. Only what
X.509 needs: definite, minimal lengths and tag numbers below 31. Anything else is a DerError.
"""

from .errors import TrustError

try:
    from micropython import const
except ImportError:  # CPython
    const = int

# Tags. A compiler of MicroPython puts the number in place of a name that begins with "_".
_INTEGER = const(0x02)
_OID = const(0x06)
_UTC_TIME = const(0x17)
_GENERALIZED_TIME = const(0x18)
_SEQUENCE = const(0x30)


class DerError(TrustError):
    """These bytes are not the DER structure that was expected. Its code is "malformed"."""


def fail(what):
    """Raise the DerError that says what was found."""
    raise DerError("malformed", what)


def header(data, start, stop, whole=True):
    """Return (tag, value start, value stop) of the element at data[start:stop].

    data: bytes-like. whole: False for data of which only the first part is at hand: the value may
    then reach beyond `stop`. Raises DerError when the element does not fit.
    """
    if stop > len(data) or start + 2 > stop:
        fail("cut off")
    tag = data[start]
    length = data[start + 1]
    start += 2
    if tag & 31 == 31:
        fail("tag number above 30")
    if length > 127:
        count = length & 127
        if not 0 < count < 4 or start + count > stop:
            fail("length")
        length = 0
        for _ in range(count):
            length = length << 8 | data[start]
            start += 1
        if length < 128 or length >> 8 * (count - 1) == 0:
            fail("length not minimal")
    if whole and start + length > stop:
        fail("cut off")
    return tag, start, start + length


def expect(data, start, stop, tag=_SEQUENCE):
    """Return (value start, value stop) of the element at data[start:stop], which is a `tag`."""
    found, begin, end = header(data, start, stop)
    if found != tag:
        fail("tag %d where %d belongs" % (found, tag))
    return begin, end


def only(data, start, stop, tag=_SEQUENCE):
    """As `expect`, and the element must reach exactly to `stop`: nothing may follow it."""
    begin, end = expect(data, start, stop, tag)
    if end != stop:
        fail("trailing bytes")
    return begin, end


def octets(data, start, stop, tag=_OID):
    """Return (value as bytes, position after it) of the element at data[start:stop], a `tag`."""
    begin, end = expect(data, start, stop, tag)
    return bytes(data[begin:end]), end


def integer(data, start, stop):
    """Return (int, position after it) of the non-negative INTEGER at data[start:stop]."""
    begin, end = expect(data, start, stop, _INTEGER)
    if begin == end or data[begin] > 127:
        fail("integer")
    if data[begin] == 0 and end - begin > 1 and data[begin + 1] < 128:
        fail("integer not minimal")
    return int.from_bytes(bytes(data[begin:end]), "big"), end


def moment(data, start, stop):
    """Return (time, position after it): a UTCTime or GeneralizedTime as "YYYYMMDDHHMMSS", UTC.

    Such strings compare as the moments that they stand for. RFC 5280, 4.1.2.5: both forms end in
    Z and have seconds; a two-digit year below 50 is in this century.
    """
    tag, begin, end = header(data, start, stop)
    text = bytes(data[begin : end - 1])
    if tag == _UTC_TIME and len(text) == 12:
        text = (b"20" if text < b"50" else b"19") + text
    elif tag != _GENERALIZED_TIME or len(text) != 14:
        fail("time")
    if data[end - 1] != 0x5A or not text.isdigit():
        fail("time")
    return text.decode(), end
