"""A bounds-checked DER reader whose failures are Mbed TLS's numbers."""

from __future__ import annotations

from ats_trust_tools.micropython_tls.codes import Asn1, MbedError


class Reader:
    """Walks the DER values of one level; errors are `category` plus the ASN.1 number."""

    def __init__(self, data: bytes, start: int, stop: int, category: int) -> None:
        self.data = data
        self.at = start
        self.stop = stop
        self.category = category

    def fail(self, reason: Asn1) -> MbedError:
        return MbedError(self.category + reason)

    def peek(self) -> int:
        return self.data[self.at] if self.at < self.stop else -1

    def enter(self, tag: int) -> tuple[int, int]:
        """Step over the value with this tag; returns where its content starts and stops."""
        if self.at >= self.stop:
            raise self.fail(Asn1.OUT_OF_DATA)
        if self.data[self.at] != tag:
            raise self.fail(Asn1.UNEXPECTED_TAG)
        return self._content()

    def take(self, tag: int) -> bytes:
        start, stop = self.enter(tag)
        return self.data[start:stop]

    def whole(self, tag: int) -> bytes:
        """The value with its tag and length."""
        start = self.at
        self.enter(tag)
        return self.data[start : self.at]

    def any(self) -> tuple[int, bytes]:
        """The next value, whatever its tag."""
        tag = self.peek()
        if tag < 0:
            raise self.fail(Asn1.OUT_OF_DATA)
        start, stop = self._content()
        return tag, self.data[start:stop]

    def expect_end(self) -> None:
        if self.at != self.stop:
            raise self.fail(Asn1.LENGTH_MISMATCH)

    def _content(self) -> tuple[int, int]:
        at = self.at + 1
        if at >= self.stop:
            raise self.fail(Asn1.OUT_OF_DATA)
        length = self.data[at]
        at += 1
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise self.fail(Asn1.INVALID_LENGTH)
            if at + count > self.stop:
                raise self.fail(Asn1.OUT_OF_DATA)
            length = int.from_bytes(self.data[at : at + count], "big")
            at += count
        if length > self.stop - at:
            raise self.fail(Asn1.OUT_OF_DATA)
        self.at = at + length
        return at, self.at
