"""The DER reader: what is well-formed is read, whatever is not is a DerError."""

import unittest

from _made import element, integer, moment, refusal

from ats_trust import der


class _Long:
    """Bytes of which only the first can be read: a board has no room for that many."""

    def __init__(self, head, more):
        self.head = head
        self.size = len(head) + more

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.head[index]


class TestHeader(unittest.TestCase):
    def test_lengths(self):
        """Each length form is read when it is the shortest for its length."""
        for size in (0, 1, 127, 128, 255, 256):
            data = element(0x04, bytes(size))
            self.assertEqual(der.header(data, 0, len(data)), (0x04, len(data) - size, len(data)))
        for head, size in ((b"\x04\x82\xff\xff", 65535), (b"\x04\x83\x01\x00\x00", 65536)):
            data = _Long(head, size)
            self.assertEqual(der.header(data, 0, len(data)), (0x04, len(head), len(data)))
            refusal(self, der.DerError, "malformed", der.header, data, 0, len(data) - 1)

    def test_at_a_position(self):
        """An element is read where it stands, between other bytes."""
        data = b"xyz" + element(0x0C, b"abc") + b"rest"
        self.assertEqual(der.header(data, 3, len(data)), (0x0C, 5, 8))

    def test_any_bytes_like(self):
        """bytes, bytearray and memoryview give the same."""
        data = element(0x30, integer(5))
        for view in (data, bytearray(data), memoryview(data)):
            self.assertEqual(der.header(view, 0, len(view)), (0x30, 2, 5))
            self.assertEqual(der.integer(view, 2, 5), (5, 5))

    def test_refused(self):
        """Lengths that are not minimal, indefinite, too long or too large are refused."""
        for data in (
            b"",
            b"\x04",
            b"\x04\x01",  # Its value is missing.
            b"\x04\x80",  # Indefinite.
            b"\x04\x80\x00\x00",
            b"\x04\x80" + bytes(130),
            b"\x04\x81\x7f" + bytes(127),  # Not minimal.
            b"\x04\x82\x00\xff" + bytes(255),
            _Long(b"\x04\x83\x00\xff\xff", 65535),
            b"\x04\x81",  # The length is cut off.
            b"\x04\x82\x01",
            b"\x04\x84\x00\x01\x00\x00",  # Four octets of length.
            b"\x04\xff",
            b"\x04\x83\xff\xff\xff",  # Sixteen megabytes that are not there.
            b"\x1f\x01\x00",  # A tag number above 30.
            b"\xbf\x01\x00",
        ):
            with self.subTest(length=len(data), start=bytes(data[:8])):
                refusal(self, der.DerError, "malformed", der.header, data, 0, len(data))

    def test_stop_is_the_end(self):
        """Nothing beyond `stop` is read, even if the bytes are there."""
        data = element(0x04, b"abcd") + b"more"
        self.assertEqual(der.header(data, 0, 6), (0x04, 2, 6))
        for stop in range(6):
            refusal(self, der.DerError, "malformed", der.header, data, 0, stop)
        refusal(self, der.DerError, "malformed", der.header, data, 0, len(data) + 1)
        refusal(self, der.DerError, "malformed", der.header, data, len(data), len(data))

    def test_first_part(self):
        """Of a first part, tag and length of a value are read that reaches beyond the data."""
        self.assertEqual(der.header(b"\x30\x82\x12\x34", 0, 4, False), (0x30, 4, 0x1238))
        for data in (b"\x30\x82\x12", b"\x30\x84\x12\x34\x56\x78", b"\x30\xff" + b"\x12" * 127):
            refusal(self, der.DerError, "malformed", der.header, data, 0, len(data), False)

    def test_expect(self):
        """`expect` refuses another tag than the one that belongs there."""
        data = element(0x30, integer(1))
        self.assertEqual(der.expect(data, 0, len(data), 0x30), (2, 5))
        refusal(self, der.DerError, "malformed", der.expect, data, 0, len(data), 0x31)

    def test_only(self):
        """`only` refuses what follows the element."""
        data = element(0x30, integer(1))
        self.assertEqual(der.only(data, 0, len(data), 0x30), (2, 5))
        data += b"\x00"
        refusal(self, der.DerError, "malformed", der.only, data, 0, len(data), 0x30)


class TestInteger(unittest.TestCase):
    def test_values(self):
        """Non-negative integers of any size are read."""
        for number in (0, 1, 127, 128, 255, 256, 65537, 1 << 63, 1 << 2047, (1 << 2048) - 1):
            data = integer(number)
            self.assertEqual(der.integer(data, 0, len(data)), (number, len(data)))

    def test_refused(self):
        """Empty, negative and padded integers are refused."""
        for value in (
            b"",
            b"\x80",
            b"\xff",
            b"\xff\xff",
            b"\x00\x00",
            b"\x00\x7f",
            b"\x00\x01\x00",
        ):
            data = element(0x02, value)
            with self.subTest(value=value):
                refusal(self, der.DerError, "malformed", der.integer, data, 0, len(data))

    def test_zero_octet_in_front(self):
        """A zero octet is right where it keeps the number from being negative."""
        self.assertEqual(der.integer(b"\x02\x02\x00\x80", 0, 4), (128, 4))


class TestMoment(unittest.TestCase):
    def test_forms(self):
        """Both forms of time become the same text; two-digit years turn at 50."""
        for data, expected in (
            (element(0x17, b"490102030405Z"), "20490102030405"),
            (element(0x17, b"500102030405Z"), "19500102030405"),
            (element(0x17, b"000101000000Z"), "20000101000000"),
            (element(0x17, b"991231235959Z"), "19991231235959"),
            (moment("20991231235959"), "20991231235959"),
            (moment("00010101000000"), "00010101000000"),
        ):
            self.assertEqual(der.moment(data, 0, len(data)), (expected, len(data)))

    def test_refused(self):
        """Times without seconds or Z, with a zone, fractions or other characters are refused."""
        for tag, value in (
            (0x17, b""),
            (0x17, b"Z"),
            (0x17, b"4901020304Z"),
            (0x17, b"490102030405"),
            (0x17, b"490102030405+0000"),
            (0x17, b"49010203040xZ"),
            (0x17, b"20490102030405Z"),
            (0x18, b"490102030405Z"),
            (0x18, b"20490102030405"),
            (0x18, b"20490102030405z"),
            (0x18, b"20490102030405.5Z"),
            (0x18, b"-0490102030405Z"),
            (0x18, b" 0490102030405Z"),
            (0x18, b"2049010203040\xb2Z"),
            (0x16, b"20490102030405Z"),
            (0x0C, b"490102030405Z"),
        ):
            data = element(tag, value)
            with self.subTest(tag=tag, value=value):
                refusal(self, der.DerError, "malformed", der.moment, data, 0, len(data))


if __name__ == "__main__":
    unittest.main()
