"""Reading along with a server that does not send what it should: seen, never raised."""

import unittest

import data_chains as chains
from _flights import (
    EC_KEYS,
    Raw,
    alert,
    certificate_message,
    entry,
    handshake,
    message,
    record,
    records,
    seen,
)
from _pace import paced
from data_flights import EC_FLIGHT

_HELLO = records(EC_FLIGHT)[0]


class TestAlerts(unittest.TestCase):
    def test_after_chain(self):
        """An alert in clear after the chain is kept, with the chain."""
        data = b"".join(records(EC_FLIGHT)[:5]) + alert(2, 42)
        for size in (1, 2, 6, 5000):
            flight = seen(data, size)
            self.assertEqual((flight.alert, flight.chain), (42, EC_KEYS))

    def test_encrypted(self):
        """What comes after ChangeCipherSpec is not read as an alert."""
        data = b"".join(records(EC_FLIGHT)[:6]) + record(21, b"\x02\x28" + bytes(24))
        flight = seen(data)
        self.assertIsNone(flight.alert)
        self.assertFalse(flight.finished)

    def test_half(self):
        """Half an alert is none, and neither is a record of another kind."""
        self.assertIsNone(seen(alert(2, 40)[:-1]).alert)
        self.assertIsNone(seen(_HELLO + record(23, b"\x02\x28")).alert)

    def test_warning(self):
        """A warning after which the server goes on is not what ended the handshake."""
        for size in (1, 2, 5000):
            flight = seen(alert(1, 112) + EC_FLIGHT, size)
            self.assertIsNone(flight.alert)
            self.assertEqual(flight.chain, EC_KEYS)
            self.assertTrue(flight.finished)

    def test_not_tls(self):
        """Of a server that speaks something else the first five bytes are kept, no more."""
        for data in (
            b"HTTP/1.1 400 Bad Request\r\n",
            b"SSH-2.0-x\r\n",
            b"220 mail.test.example ESMTP\r\n",
            bytes(100),
            b"\xff" * 100,
            b"\x16\x02\x00\x00\x10" + bytes(100),
            b"\x18\x03\x03\x00\x10" + bytes(100),
        ):
            for size in (1, 3, 200):
                flight = seen(data, size)
                self.assertEqual((flight.not_tls, flight.chain), (data[:5], b""))
                self.assertIsNone(flight.fault)

    def test_not_tls_any_more(self):
        """After a record that is none nothing is looked at, whatever it looks like."""
        for bad in (b"\x18\x03\x03\x00\x00", b"\x13\x03\x03\x00\x00", b"\x16\x02\x03\x00\x00"):
            for data in (bad + EC_FLIGHT, _HELLO + bad + EC_FLIGHT):
                self.assertEqual(seen(data).chain, b"")

    def test_hung_up(self):
        """A server that hangs up is noticed, wherever in the flight."""
        for size in (0, 1, 4, 5, 6, 98, 200, 1500, len(EC_FLIGHT)):
            flight = seen(EC_FLIGHT[:size])
            self.assertTrue(flight.eof or flight.finished)
            self.assertEqual(bool(flight.chain), size >= 1500)


class TestMalformed(unittest.TestCase):
    def chain(self, data):
        """The chain seen in these handshake messages; nothing raised, nothing kept as a fault."""
        result = None
        for size in paced((10000, 5, 1)):
            flight = seen(_HELLO + record(22, data), size)
            self.assertIsNone(flight.fault)
            self.assertLessEqual(len(flight.calls), 1)
            state = flight.state()
            self.assertEqual(result or state, state)
            result = state
        return flight.chain

    def test_lists(self):
        """Lists whose lengths contradict each other end the reading, without an exception."""
        leaf = entry(chains.LEAF)
        self.assertEqual(self.chain(certificate_message()), b"")
        self.assertEqual(self.chain(certificate_message(leaf, entry(b""))), EC_KEYS[:16])
        self.assertEqual(self.chain(certificate_message(entry(b""), leaf)), b"")
        self.assertEqual(self.chain(certificate_message(leaf, b"\x00\x00")), EC_KEYS[:16])
        self.assertEqual(self.chain(certificate_message(leaf, b"\xff\xff\xff")), EC_KEYS[:16])
        self.assertEqual(self.chain(message(11, b"")), b"")
        self.assertEqual(self.chain(message(11, b"\x00\x00")), b"")
        # The length of the list itself is Mbed TLS's business.
        self.assertEqual(self.chain(message(11, b"\xff\xff\xff" + leaf)), EC_KEYS[:16])

    def test_messages_around(self):
        """Messages before and after such a list are still followed."""
        bad = certificate_message(entry(chains.LEAF), b"\xff\xff\xff")
        flight = seen(_HELLO + record(22, bad + message(13, b"xyz") + message(14, b"")))
        self.assertTrue(flight.asked)

    def test_not_understood(self):
        """A certificate whose names can not be read stands in the chain as zeros."""
        for odd in (b"x", b"\x30\x00", bytes(700), b"\x30\x82\x10\x00" + bytes(4096)):
            chain = self.chain(certificate_message(entry(odd), entry(chains.EC_INT)))
            self.assertEqual(chain, bytes(16) + EC_KEYS[16:32])

    def test_every_cut(self):
        """A certificate that is cut off in the list gives its names, or zeros."""
        for size in paced(range(1, len(chains.LEAF), 5)):
            found = self.chain(certificate_message(entry(chains.LEAF[:size])))
            self.assertIn(found, (bytes(16), EC_KEYS[:16]))

    def test_two_certificate_messages(self):
        """Only the first Certificate message counts, for Mbed TLS refuses another."""
        first, second = (
            certificate_message(entry(chains.LEAF)),
            certificate_message(entry(chains.RSA_LEAF)),
        )
        self.assertEqual(self.chain(first + second), EC_KEYS[:16])

    def test_many(self):
        """Of a long chain the first ten certificates are kept."""
        data = certificate_message(*[entry(chains.LEAF)] * 14)
        flight = seen(_HELLO + record(22, data))
        self.assertEqual(flight.chain, EC_KEYS[:16] * 10)

    def test_huge(self):
        """A chain above sixteen kilobytes, in many records, is measured, not kept."""
        leaf, odd = entry(chains.LEAF), entry(bytes(9000))
        size = len(leaf) + 2 * len(odd)
        head = b"\x0b" + (size + 3).to_bytes(3, "big") + size.to_bytes(3, "big")
        cover = b"\x16\x03\x03" + len(odd).to_bytes(2, "big")
        flight = seen(Raw(_HELLO, record(22, head + leaf), cover, odd, cover, odd))
        self.assertEqual(flight.chain, EC_KEYS[:16] + bytes(32))
        self.assertEqual(flight.oversized, size + 3)

    def test_claimed_lengths(self):
        """A length that is claimed and never comes makes it wait, and reserves nothing."""
        for data in (
            b"\x16\x03\x03\xff\xff",
            _HELLO + b"\x16\x03\x03\xff\xff\x0b\xff\xff\xff\xff\xff\xf0\xff\xff\xe0",
            _HELLO + b"\x16\x03\x03\x00\x04\x0b\xff\xff\xff",
            _HELLO + b"\x17\x03\x03\xff\xff",
        ):
            flight = seen(data)
            self.assertEqual((flight.chain, flight.calls, flight.fault), (b"", [], None))
            self.assertFalse(flight.finished)

    def test_empty_records(self):
        """Empty records change nothing."""
        parts = []
        for each in records(EC_FLIGHT)[:5]:
            parts += [record(22, b""), each, record(23, b""), record(21, b"")]
        flight = seen(b"".join(parts))
        self.assertEqual((flight.chain, flight.alert, flight.fault), (EC_KEYS, None, None))


class TestAgain(unittest.TestCase):
    def test_empty_then_full(self):
        """A Certificate message without certificates is no reason not to look at the next."""
        data = certificate_message() + certificate_message(
            entry(chains.LEAF), entry(chains.EC_INT)
        )
        for size in (1, 5, 700, 5000):
            self.assertEqual(seen(handshake(data, 16000), size).chain, EC_KEYS[:32])


if __name__ == "__main__":
    unittest.main()
