"""Reading along with the server's flight: the same is seen in whatever pieces it comes."""

import unittest

from _flights import EC_KEYS, RSA_KEYS, Raw, alert, handshake, pull, record, records, seen
from _pace import paced
from data_flights import EC_FLIGHT, NO_SUITE_FLIGHT, RSA_FLIGHT, TLS13_FLIGHT

from ats_trust.flight import Flight

_HELLO = records(EC_FLIGHT)[0]


class TestRecorded(unittest.TestCase):
    def test_ec(self):
        """Of a whole handshake chain, request for a certificate and end are seen."""
        flight = seen(EC_FLIGHT)
        self.assertEqual(flight.chain, EC_KEYS)
        self.assertEqual(flight.calls, [EC_KEYS])
        self.assertEqual((flight.not_tls, flight.oversized), (b"", 0))
        self.assertTrue(flight.asked)
        self.assertTrue(flight.finished)
        self.assertIsNone(flight.alert)
        self.assertIsNone(flight.fault)

    def test_rsa(self):
        """A server that asks for no certificate is not said to have asked."""
        flight = seen(RSA_FLIGHT)
        self.assertEqual(flight.chain, RSA_KEYS)
        self.assertFalse(flight.asked)
        self.assertTrue(flight.finished)

    def test_alerts(self):
        """The number of the server's alert is kept, in whatever pieces it comes."""
        for data, number in ((NO_SUITE_FLIGHT, 40), (TLS13_FLIGHT, 70)):
            for size in (1, 2, 3, 5, 6, 7):
                flight = seen(data, size)
                self.assertEqual((flight.alert, flight.chain), (number, b""))
                self.assertFalse(flight.finished)

    def test_warning(self):
        """A warning is no end, so it is not kept."""
        for size in (1, 2, 6, 7):
            self.assertIsNone(seen(alert(1, 112), size).alert)
            self.assertEqual(seen(alert(1, 112) + alert(2, 40), size).alert, 40)


class TestPieces(unittest.TestCase):
    def check(self, flight):
        self.assertEqual(flight.state(), self.expected)

    def setUp(self):
        self.expected = seen(EC_FLIGHT).state()

    def test_sizes(self):
        """Reads of any size see the same."""
        for size in (1, 2, 3, 4, 5, 6, 7, 11, 64, 100, 511, 512, 513, 1000, 5000):
            self.check(seen(EC_FLIGHT, size))

    def test_every_boundary(self):
        """Two reads see the same, wherever the first one ends."""
        for position in paced(range(1, len(EC_FLIGHT))):
            flight = seen(Raw(EC_FLIGHT[:position], EC_FLIGHT[position:]))
            if flight.state() != self.expected:
                self.fail("split at %d: %r" % (position, flight.state()))

    def test_as_mbedtls_reads(self):
        """A header, then its record, is how Mbed TLS reads: the same is seen."""
        flight = Flight(Raw(EC_FLIGHT), lambda keys: None)
        for each in records(EC_FLIGHT):
            pull(flight, 5)
            pull(flight, len(each) - 5)
        self.assertEqual(flight.chain, EC_KEYS)
        self.assertTrue(flight.finished)

    def test_end(self):
        """The handshake has ended with the last byte of the server's Finished, not before."""
        flight = Flight(Raw(EC_FLIGHT), lambda keys: None)
        for count in range(1, len(EC_FLIGHT) + 1):
            pull(flight, 1)
            self.assertEqual(flight.finished, count == len(EC_FLIGHT))

    def test_would_block(self):
        """Reads that would block in between change nothing."""
        pieces = []
        for start in range(0, len(EC_FLIGHT), 97):
            pieces += [None, EC_FLIGHT[start : start + 97], OSError(11)]
        self.check(seen(Raw(*pieces)))

    def test_record_sizes(self):
        """Handshake messages cut into records of any size, or joined in one, show the same."""
        parts = records(EC_FLIGHT)
        messages = b"".join([each[5:] for each in parts[:-2]])
        sizes = (1, 2, 3, 4, 5, 7, 100, 509, 1000, 16384)
        for size, reads in paced((size, reads) for size in sizes for reads in (1000, 3, 1)):
            data = handshake(messages, size) + parts[-2] + parts[-1]
            flight = seen(data, reads)
            self.assertEqual(flight.chain, EC_KEYS)
            self.assertTrue(flight.asked and flight.finished)

    def test_moment(self):
        """The anchor is asked for in the very read that brings the end of the Certificate."""
        end = len(_HELLO) + len(records(EC_FLIGHT)[1])
        at = []
        flight = Flight(Raw(EC_FLIGHT), lambda keys: at.append(count))
        for count in range(1, end + 10):
            pull(flight, 1)
            self.assertEqual(bool(at), count >= end)
        self.assertEqual(at, [end])


class TestStream(unittest.TestCase):
    def test_unchanged(self):
        """The bytes that come out are those that went in."""
        for size in (1, 7, 5000):
            raw = Raw(EC_FLIGHT)
            flight = Flight(raw, lambda keys: None)
            got = b""
            while not flight.finished:
                got += pull(flight, size)
            self.assertEqual(got, EC_FLIGHT[: len(got)])

    def test_held_back(self):
        """After the server's Finished reads would block, until the handshake is released."""
        flight = Flight(Raw(RSA_FLIGHT, b"application"), lambda keys: None)
        self.assertEqual(pull(flight, 5000), RSA_FLIGHT)
        buffer = bytearray(20)
        self.assertIsNone(flight.readinto(buffer))
        self.assertIsNone(flight.readinto(buffer))
        flight.release()
        self.assertEqual(flight.readinto(buffer), 11)
        self.assertEqual(bytes(buffer[:11]), b"application")

    def test_finished_in_pieces(self):
        """A Finished message in two records has passed when all of it has."""
        parts = records(RSA_FLIGHT)[:-1]
        half = record(22, bytes(24 + 8))
        raw = Raw(b"".join(parts) + half)
        flight = Flight(raw, lambda keys: None)
        pull(flight, 5000)
        self.assertFalse(flight.finished)
        flight = Flight(Raw(b"".join(parts) + half + half), lambda keys: None)
        pull(flight, 5000)
        self.assertTrue(flight.finished)

    def test_links(self):
        """What the judge noted of the chain is dropped as soon as the handshake goes on."""
        flight = Flight(Raw(EC_FLIGHT), lambda keys: setattr(flight, "links", [keys]))
        buffer = bytearray(64)
        while not flight.links:
            flight.readinto(buffer)
        flight.readinto(buffer)
        self.assertEqual(flight.links, [])

    def test_released(self):
        """Once released it only passes on: nothing more is looked at."""
        flight = Flight(Raw(EC_FLIGHT), lambda keys: self.fail())
        flight.release()
        self.assertEqual(pull(flight, 5000), EC_FLIGHT)
        self.assertEqual(flight.chain, b"")
        self.assertEqual(flight.write(b"\x16abc"), 4)
        self.assertEqual(flight.answered, 0)

    def test_answered(self):
        """Handshake records that we send after the chain are counted, alerts are not."""
        raw = Raw(EC_FLIGHT)
        flight = Flight(raw, lambda keys: None)
        flight.write(b"\x16\x03\x01\x00\x01x")
        self.assertEqual(flight.answered, 0)
        pull(flight, 5000)
        flight.finished = False
        flight.write(b"\x15\x03\x03\x00\x02\x02\x2a")
        self.assertEqual(flight.answered, 0)
        flight.write(bytearray(b"\x16\x03\x03\x00\x01x"))
        flight.write(memoryview(b"\x16\x03\x03\x00\x01x"))
        self.assertEqual(flight.answered, 2)
        self.assertEqual(flight.write(b""), 0)
        self.assertEqual(len(raw.written), 5)

    def test_errors(self):
        """An OSError comes out as a negative number, as Mbed TLS wants it, and is kept."""
        for args, expected in (
            ((104,), -104),
            ((110, "ETIMEDOUT"), -110),
            ((1,), -1),
            ((255,), -255),
            ((256,), -5),
            ((0,), -5),
            ((-104,), -5),
            ((-9984,), -5),
            (("text",), -5),
            ((), -5),
        ):
            error = OSError(*args)
            for call in (lambda each: each.readinto(bytearray(5)), lambda each: each.write(b"x")):
                flight = Flight(Raw(error, error=error), lambda keys: None)
                self.assertEqual(call(flight), expected)
                self.assertIs(flight.error, error)

    def test_would_block(self):
        """EAGAIN in the numbers of all ports is no error, but None."""
        for number in (11, 35, 10035):
            flight = Flight(Raw(OSError(number), error=OSError(number)), lambda keys: None)
            self.assertIsNone(flight.readinto(bytearray(5)))
            self.assertIsNone(flight.write(b"x"))
            self.assertIsNone(flight.error)

    def test_fault(self):
        """What on_chain raises is kept, whatever is read after it, and comes out as a number."""
        for fault in (MemoryError(), ValueError("x"), OSError(5), ZeroDivisionError()):

            def on_chain(keys, fault=fault):
                raise fault

            flight = Flight(Raw(EC_FLIGHT), on_chain)
            results = [flight.readinto(bytearray(1)) for _ in range(len(EC_FLIGHT))]
            self.assertIn(-5, results)
            self.assertIs(flight.fault, fault)
            self.assertIsNone(flight.error)
            self.assertEqual(flight.chain, EC_KEYS)

    def test_ioctl(self):
        """Closing is the owner's business, and other requests are not known."""
        flight = Flight(Raw(b""), lambda keys: None)
        self.assertEqual((flight.ioctl(4, 0), flight.ioctl(99, 0)), (0, -22))

    def test_poll(self):
        """poll answers for the socket below, each time anew."""
        import select
        import socket

        if not hasattr(socket.socket, "listen"):
            self.skipTest("this board can not be a server")
        server, client = socket.socket(), socket.socket()
        self.addCleanup(server.close)
        self.addCleanup(client.close)
        for port in range(20000, 60000, 1237):
            try:
                address = socket.getaddrinfo("127.0.0.1", port)[0][-1]
                server.bind(address)
                break
            except OSError:
                pass
        server.listen(1)
        client.connect(address)
        peer = server.accept()[0]
        self.addCleanup(peer.close)
        flight = Flight(client, lambda keys: None)
        self.assertEqual(flight.poll(select.POLLIN), 0)
        self.assertEqual(flight.ioctl(3, select.POLLOUT), select.POLLOUT)
        peer.send(b"x")
        for _ in range(1000):
            if flight.poll(select.POLLIN):
                break
        self.assertEqual(flight.poll(select.POLLIN), select.POLLIN)


if __name__ == "__main__":
    unittest.main()
