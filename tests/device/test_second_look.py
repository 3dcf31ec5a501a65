"""A second look at a server's chain: what it says of each certificate, whatever is sent."""

import unittest

import data_chains as chains
import data_roots as roots
from _flights import Raw, alert, certificate_message, entry, handshake, message
from _made import element, sequence, trimmed
from _pace import paced
from data_flights import EC_FLIGHT, RSA_FLIGHT

from ats_trust.bundle import name_keys
from ats_trust.der import DerError
from ats_trust.redaction import Veil
from ats_trust.second_look import SecondLook, described, name

_ABORTED = 103


def _show(data):
    return Veil("host.test.example", {}, False)(data, 40)


def looked(data, size=700, anchors=()):
    """(the lines after all of this was read, the number of the OSError or None)."""
    look = SecondLook(Raw(data))
    buffer = bytearray(size)
    try:
        while look.readinto(buffer):
            pass
    except OSError as error:
        number = error.args[0]
    else:
        number = None
    known = [name_keys(anchor)[8:] for anchor in anchors]
    return list(look.tell(lambda key: key in known, _show)), number


def _named(*values):
    """A Name with these values as common names."""
    return sequence(*[element(0x31, sequence(b"\x06\x03\x55\x04\x03", value)) for value in values])


class TestChain(unittest.TestCase):
    def test_recorded(self):
        """Of a chain as it was sent each certificate is told of, and then it breaks off."""
        for flight, count in ((EC_FLIGHT, 3), (RSA_FLIGHT, 2)):
            lines, error = looked(flight)
            self.assertEqual(error, _ABORTED)
            found = [line for line in lines if " subject " in line]
            self.assertEqual(len(found), count)
            self.assertTrue(lines[0].startswith('certificate 1: subject O="'), lines)
            self.assertEqual(len([line for line in lines if ": for " in line]), 1)

    def test_pieces(self):
        """The lines are the same in whatever pieces the chain comes."""
        expected = looked(EC_FLIGHT)[0]
        for size in paced((1, 2, 3, 5, 64, 511, 4000)):
            self.assertEqual(looked(EC_FLIGHT, size)[0], expected)

    def test_breaks_off_before_the_end(self):
        """The bytes with which the chain ends never get through, so nothing is verified."""
        data = handshake(certificate_message(entry(chains.LEAF)), 16384)
        look = SecondLook(Raw(data[:-1], data[-1:]))
        buffer = bytearray(4096)
        self.assertEqual(look.readinto(buffer), len(data) - 1)
        with self.assertRaises(OSError):
            look.readinto(buffer)

    def test_missing(self):
        """The issuers that were neither sent nor are anchors are known by number and name."""
        both = handshake(certificate_message(entry(chains.LEAF), entry(chains.EC_INT)), 16384)
        leaf = handshake(certificate_message(entry(chains.LEAF)), 16384)
        root = trimmed(roots.EC_ROOT)
        for data, anchors, number in (
            (both, (root,), None),
            (both, (), 2),
            (leaf, (root,), 1),
            (leaf, (), 1),
        ):
            lines, _ = looked(data, 700, anchors)
            lines = [line for line in lines if line.startswith("missing: ")]
            self.assertEqual(len(lines), 1 if number else 0)
            for line in lines:
                start = "missing: the issuer of certificate %d, O=" % number
                self.assertTrue(line.startswith(start), line)

    def test_nothing_to_see(self):
        """Where no chain comes there are no lines, and the end is the socket's."""
        for data in (b"", alert(2, 40), b"HTTP/1.1 200 OK\r\n", handshake(message(2, b"x"), 99)):
            lines, error = looked(data)
            self.assertEqual((lines, error), ([], None))

    def test_network(self):
        """An error of the socket is passed on as an OSError."""
        self.assertEqual(looked(b"")[1], None)
        look = SecondLook(Raw(OSError(110)))
        with self.assertRaises(OSError):
            look.readinto(bytearray(10))

    def test_too_much(self):
        """Many certificates, and a large one, are counted and not kept."""
        many = [entry(b"\x30\x00")] * 9
        lines, _ = looked(handshake(certificate_message(*many), 16384))
        self.assertEqual(len(lines), 9)
        self.assertEqual(lines[8], "certificate 9: 2 bytes, not looked at")
        lines, _ = looked(handshake(certificate_message(*many * 9), 16384))
        self.assertEqual(len(lines), 12)
        large = certificate_message(entry(bytes(4000)), entry(chains.LEAF))
        lines, error = looked(handshake(large, 16384))
        self.assertEqual(lines[0], "certificate 1: 4000 bytes, not looked at")
        self.assertTrue(lines[1].startswith("certificate 2: subject "), lines)
        self.assertEqual(error, _ABORTED)

    def test_malformed_list(self):
        """Lengths that do not fit one another end it."""
        for payload in (b"\x00\x00\x05\x00\x00\x09ab", b"\x00\x00\x03\x00\x00\x00"):
            lines, error = looked(handshake(message(11, payload), 16384))
            self.assertEqual((lines, error), ([], _ABORTED))

    def test_cut_certificates(self):
        """Wherever a certificate is cut off it is a line, and no other exception."""
        for size in paced(range(len(chains.LEAF))):
            lines, error = looked(
                handshake(certificate_message(entry(chains.LEAF[: size + 1])), 16384), 4096
            )
            self.assertEqual(error, _ABORTED)
            self.assertTrue(1 <= len(lines) <= 5, lines)
            if size + 1 < len(chains.LEAF):
                self.assertIn("can not be read", lines[-1])

    def test_changed_certificates(self):
        """Whatever byte is changed, the lines are printable and short."""
        for at in paced(range(0, len(chains.LEAF), 3)):
            data = bytearray(chains.LEAF)
            data[at] ^= 0x9F
            lines, _ = looked(handshake(certificate_message(entry(bytes(data))), 16384), 4096)
            for line in lines:
                self.assertLess(len(line), 400)
                self.assertTrue(all(31 < ord(character) < 127 for character in line), line)


class TestWords(unittest.TestCase):
    def test_leaf(self):
        """A server's certificate: names, validity, key and what it is for."""
        lines = list(described(chains.LEAF, _show, True))
        self.assertEqual(len(lines), 4)
        self.assertIn(" UTC to ", lines[2])
        self.assertIn(
            "key secp256r1, signature ecdsa-sha256, %d bytes" % len(chains.LEAF), lines[2]
        )
        self.assertIn("key rsa 2048", list(described(chains.RSA_LEAF, _show))[2])
        self.assertEqual(len(list(described(chains.LEAF, _show))), 3)
        self.assertIn("no name in subjectAltName", list(described(chains.NO_SAN, _show, True))[3])

    def test_name(self):
        """Text is quoted so that it can not pretend to be more; other strings are not shown."""

        def shown(*values):
            data = _named(*values)
            return name(data, (0, len(data)), lambda text: _show(text).replace('"', "?"))

        self.assertEqual(shown(element(0x0C, b'a", CN="b')), 'CN="a?, CN=?b"')
        self.assertEqual(shown(element(0x1E, b"\x00a")), 'CN="(tag 30)"')
        self.assertEqual(shown(element(0x13, b"a\x00\x1b[2J\xff")), 'CN="a??[2J?"')
        self.assertEqual(shown(element(0x0C, b"x" * 90)), 'CN="%s..."' % ("x" * 40))
        self.assertEqual(shown(element(0x0C, b"HOST.test.example")), 'CN="<host>"')
        self.assertEqual(shown(*[element(0x0C, b"x")] * 20).count("CN="), 6)
        self.assertEqual(shown(), "without CN, O, OU and C")

    def test_other_attributes(self):
        """Attributes that are not shown do no harm, whatever they are."""
        for oid in (
            b"",
            b"\x55",
            b"\x55\x04",
            b"\x55\x04\x05",
            b"\x55\x04\x03\x03",
            b"\x2a\x03\x03",
        ):
            data = sequence(element(0x31, sequence(element(6, oid), element(0x0C, b"x"))))
            self.assertEqual(name(data, (0, len(data)), _show), "without CN, O, OU and C")

    def test_malformed_name(self):
        """A Name that is none is a DerError."""
        for data in (b"", b"\x31\x00", b"\x30\x02\x31\x05", sequence(b"\x30\x00")):
            with self.assertRaises(DerError):
                name(data, (0, len(data)), _show)

    def test_name_constraints(self):
        """Those that are not critical are not named: Mbed TLS passes them over."""
        lines = list(described(chains.CONSTRAINED, _show))
        self.assertFalse(any("constraints" in line for line in lines), lines)


if __name__ == "__main__":
    unittest.main()
