"""Certificates: the fields that a judgement needs, from whole and from cut-off bytes."""

import unittest

import data_chains as chains
import data_roots as roots
import data_signatures as signed
from _made import (
    RSA_ENCRYPTION,
    certificate,
    element,
    extensions,
    integer,
    name,
    refusal,
    sequence,
    trimmed,
)
from _pace import paced

from ats_trust import der
from ats_trust.x509 import Certificate

# The last arc of their object identifiers.
_KEY_USAGE = 15
_SUBJECT_ALT_NAME = 17
_BASIC_CONSTRAINTS = 19
_NAME_CONSTRAINTS = 30
_EXTENDED_KEY_USAGE = 37


def _all(module):
    return [(name, getattr(module, name)) for name in sorted(dir(module)) if name.isupper()]


def _with(number, value, critical=b""):
    return Certificate(certificate(extensions((number, value, critical))))


class TestFields(unittest.TestCase):
    def test_leaf(self):
        """Every field of an ordinary leaf is found."""
        found = Certificate(chains.LEAF)
        self.assertEqual(found.algorithm, "ecdsa-sha256")
        self.assertEqual((found.not_before, found.not_after), ("20240101000000", "20491231235959"))
        self.assertEqual(found.key()[0], "secp256r1")
        self.assertEqual(found.dns_names(), [b"board.test.example", b"*.wild.test.example"])
        self.assertEqual(found.extended_key_usage(), [b"\x2b\x06\x01\x05\x05\x07\x03\x01"])
        self.assertEqual(found.key_usage(), 0x80)
        self.assertFalse(found.is_ca())
        self.assertIsNone(found.dns_constraints())

    def test_root(self):
        """A root is a CA, has no host names, and ends in 2099 by a GeneralizedTime."""
        for data, algorithm in ((roots.EC_ROOT, "ecdsa-sha256"), (roots.RSA_ROOT, "rsa-sha256")):
            found = Certificate(data)
            self.assertTrue(found.is_ca())
            self.assertEqual(found.key_usage(), 0x06)
            self.assertEqual(found.algorithm, algorithm)
            self.assertEqual(found.not_after, "20991231235959")
            self.assertIsNone(found.dns_names())
            self.assertIsNone(found.extended_key_usage())
            self.assertEqual(
                data[found.issuer[0] : found.issuer[1]], data[found.subject[0] : found.subject[1]]
            )

    def test_everycertificate(self):
        """The fields of each test certificate stand in it in order and fill it."""
        for module in (roots, chains):
            for which, data in _all(module):
                with self.subTest(name=which):
                    found = Certificate(data)
                    self.assertLess(found.tbs[0], found.issuer[0])
                    self.assertLess(found.issuer[1], found.subject[0])
                    self.assertEqual(found.subject[1], found.spki[0])
                    self.assertLessEqual(found.spki[1], found.tbs[1])
                    self.assertEqual(found.signature[1], len(data))

    def test_chain_of_names(self):
        """An issuer's name is, byte for byte, the subject of who signed."""
        leaf, issuer = Certificate(chains.RSA_LEAF), Certificate(chains.RSA_INT)
        self.assertEqual(
            chains.RSA_LEAF[leaf.issuer[0] : leaf.issuer[1]],
            chains.RSA_INT[issuer.subject[0] : issuer.subject[1]],
        )

    def test_memoryview(self):
        """From a memoryview, as a callback gets it, the same is read, in bytes of its own."""
        data = bytearray(chains.LEAF)
        found = Certificate(memoryview(data))
        names, key = found.dns_names(), found.key()
        for i in range(len(data)):
            data[i] = 0
        self.assertEqual(names[0], b"board.test.example")
        self.assertEqual(key, Certificate(chains.LEAF).key())

    def test_version_1(self):
        """A trimmed anchor is read: version 1, no extensions, the original's name and key."""
        for original in (roots.EC_ROOT, roots.RSA_ROOT, roots.P384):
            data = trimmed(original)
            self.assertLess(len(data), len(original) - 150)
            found, whole = Certificate(data), Certificate(original)
            self.assertEqual(found.key(), whole.key())
            self.assertEqual(found.not_after, whole.not_after)
            self.assertFalse(found.is_ca())
            self.assertIsNone(found.dns_names())

    def test_unique_identifiers(self):
        """issuerUniqueID, subjectUniqueID and anything else than extensions are refused."""
        self.assertEqual(Certificate(certificate()).extensions, {})
        for rest in (element(0x81, b"\x00x"), element(0x82, b"\x00y"), integer(5)):
            for made in (certificate(rest), certificate(rest, extensions())):
                refusal(self, der.DerError, "malformed", Certificate, made)
        twice = certificate(extensions(), extensions())
        refusal(self, der.DerError, "malformed", Certificate, twice)

    def test_algorithms(self):
        """SHA-256 and better with RSA or ECDSA have names; all else, SHA-1 too, has none."""
        self.assertEqual(Certificate(roots.P384).algorithm, "ecdsa-sha384")
        self.assertEqual(Certificate(roots.P521).algorithm, "ecdsa-sha512")
        self.assertEqual(Certificate(roots.ED25519).algorithm, "")
        for last, expected in (
            (5, ""),
            (4, ""),
            (11, "rsa-sha256"),
            (12, "rsa-sha384"),
            (13, "rsa-sha512"),
        ):
            algorithm = sequence(
                b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" + bytes([last]) + b"\x05\x00"
            )
            self.assertEqual(Certificate(certificate(algorithm=algorithm)).algorithm, expected)

    def test_two_algorithms(self):
        """Inside and outside of the signed part the same algorithm has to stand."""
        other = sequence(b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03")
        refusal(self, der.DerError, "malformed", Certificate, certificate(outer=other))

    def test_signature_bits(self):
        """A signature that is no whole number of octets is refused; an empty one is read."""
        refusal(self, der.DerError, "malformed", Certificate, certificate(sign=b""))
        refusal(self, der.DerError, "malformed", Certificate, certificate(sign=b"\x01\x80"))
        found = Certificate(certificate(sign=b"\x00"))
        self.assertEqual(found.signature[0], found.signature[1])


class TestKeys(unittest.TestCase):
    def test_rsa(self):
        """An RSA key is its modulus and exponent."""
        modulus = int.from_bytes(signed.RSA_MODULUS, "big")
        self.assertEqual(Certificate(roots.RSA_ROOT).key(), ("rsa", modulus, 65537))

    def test_curves(self):
        """A key on a NIST curve is the curve's name and the point."""
        self.assertEqual(Certificate(roots.EC_ROOT).key(), ("secp256r1", signed.EC_POINT))
        for data, curve, size in ((roots.P384, "secp384r1", 97), (roots.P521, "secp521r1", 133)):
            key = Certificate(data).key()
            self.assertEqual((key[0], len(key[1]), key[1][0]), (curve, size, 4))

    def test_other_keys(self):
        """A key of any other kind or curve has no name."""
        for data in (roots.ED25519, chains.ODD_CURVE, chains.WEAK_INT, chains.ED_LEAF):
            self.assertEqual(Certificate(data).key(), ("",))

    def test_malformed(self):
        """A key that can not be decoded is refused when it is asked for."""
        numbers = sequence(integer(15), integer(3))
        for key in (
            sequence(sequence(RSA_ENCRYPTION), element(0x03, b"")),
            sequence(sequence(RSA_ENCRYPTION), element(0x03, b"\x01" + numbers)),
            sequence(sequence(RSA_ENCRYPTION), element(0x03, b"\x00" + numbers + b"\x00")),
            sequence(sequence(RSA_ENCRYPTION), element(0x03, b"\x00" + sequence(integer(15)))),
            sequence(sequence(RSA_ENCRYPTION), element(0x03, b"\x00")),
            sequence(sequence(RSA_ENCRYPTION), element(0x03, b"\x00" + numbers), integer(1)),
            sequence(sequence(RSA_ENCRYPTION)),
            sequence(sequence(), element(0x03, b"\x00" + numbers)),
            sequence(),
            # EC without a named curve.
            sequence(
                sequence(b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"), element(0x03, b"\x00\x04")
            ),
        ):
            with self.subTest(key=key):
                found = Certificate(certificate(key=key))
                refusal(self, der.DerError, "malformed", found.key)


class TestExtensions(unittest.TestCase):
    def test_usages(self):
        """keyUsage is its first octet, None where it is not stated, 0 where it is empty."""
        self.assertEqual(Certificate(chains.NOT_SIGNING).key_usage(), 0x08)
        self.assertIsNone(Certificate(chains.NO_USAGE).key_usage())
        self.assertEqual(_with(_KEY_USAGE, element(0x03, b"\x07\x80")).key_usage(), 0x80)
        self.assertEqual(_with(_KEY_USAGE, element(0x03, b"\x00")).key_usage(), 0)
        self.assertEqual(_with(_KEY_USAGE, element(0x03)).key_usage(), 0)

    def test_purposes(self):
        """Every purpose of extendedKeyUsage is listed in order."""
        self.assertEqual(len(Certificate(chains.BOTH_USAGES).extended_key_usage()), 2)
        self.assertEqual(
            Certificate(chains.ANY_USAGE).extended_key_usage()[1], b"\x55\x1d\x25\x00"
        )
        self.assertIsNone(Certificate(chains.NO_USAGE).extended_key_usage())

    def test_dns_names(self):
        """Of subjectAltName only the dNSNames count; no such extension is not an empty one."""
        self.assertIsNone(Certificate(chains.NO_SAN).dns_names())
        self.assertEqual(Certificate(chains.UPPER_NAME).dns_names(), [b"BOARD.TEST.EXAMPLE"])
        found = _with(
            _SUBJECT_ALT_NAME,
            sequence(
                element(0x87, b"\x7f\x00\x00\x01"),  # iPAddress
                element(0x81, b"me@test.example"),  # rfc822Name
                element(0x82, b"a.test.example"),
                element(0x86, b"urn:x"),  # URI
            ),
        )
        self.assertEqual(found.dns_names(), [b"a.test.example"])
        found = _with(_SUBJECT_ALT_NAME, sequence(element(0x87, b"\x7f\x00\x00\x01")))
        self.assertEqual(found.dns_names(), [])

    def test_constraints(self):
        """Permitted and excluded dNSName subtrees are listed; other kinds of names are not."""
        self.assertEqual(
            Certificate(chains.CONSTRAINED).dns_constraints(),
            ([b"test.example"], [b"secret.test.example"]),
        )
        address = element(0xA0, sequence(element(0x87, bytes(8))))
        self.assertIsNone(_with(_NAME_CONSTRAINTS, sequence(address)).dns_constraints())
        excluded = sequence(element(0xA1, sequence(element(0x82, b".x")), sequence(address)))
        self.assertEqual(_with(_NAME_CONSTRAINTS, excluded).dns_constraints(), ([], [b".x"]))
        permitted = sequence(element(0xA0, sequence(element(0x82, b"x"))))
        found = _with(_NAME_CONSTRAINTS, permitted)
        self.assertEqual(found.dns_constraints(), ([b"x"], []))
        constructed = sequence(element(0xA1, sequence(element(0xA2, b"x"))))
        nobody = sequence(element(0xA0, b""))
        for wrong in (sequence(), nobody, constructed, sequence(element(0xA2, b""))):
            found = _with(_NAME_CONSTRAINTS, wrong)
            refusal(self, der.DerError, "malformed", found.dns_constraints)

    def test_ca(self):
        """Only DER's TRUE makes a CA; what is neither that nor a plain no is None."""
        for value, expected in (
            (sequence(), False),
            (sequence(integer(0)), None),
            (sequence(element(0x01, b"\xff")), True),
            (sequence(element(0x01, b"\xff"), integer(0)), True),
            (sequence(element(0x01, b"\x00")), False),
            (sequence(element(0x01, b"\x01")), None),
            (sequence(element(0x01, b"\x00"), integer(0)), None),
            (sequence(element(0x01, b"")), None),
            (sequence(element(0x01, b"\xff\xff")), None),
        ):
            self.assertIs(_with(_BASIC_CONSTRAINTS, value).is_ca(), expected, value)

    def test_critical(self):
        """An extension is found whether it is critical or not, stated or by default."""
        for critical in (b"", b"\x01\x01\xff", b"\x01\x01\x00"):
            found = _with(_KEY_USAGE, element(0x03, b"\x07\x80"), critical=critical)
            self.assertEqual(found.key_usage(), 0x80)
            found = _with(_SUBJECT_ALT_NAME, sequence(), critical=critical)
            expected = (_SUBJECT_ALT_NAME,) if critical[-1:] == b"\xff" else ()
            self.assertEqual(found.critical, expected)
        for critical in (b"\x01\x01\x01", b"\x01\x00", b"\x01\x02\xff\xff"):
            bad = certificate(extensions((_KEY_USAGE, element(0x03, b"\x07\x80"), critical)))
            refusal(self, der.DerError, "malformed", Certificate, bad)

    def test_twice(self):
        """The same extension twice is refused, whichever of them was meant."""
        pair = (_KEY_USAGE, element(0x03, b"\x07\x80"))
        other = (31, sequence())  # cRLDistributionPoints, which nobody here reads.
        for one in (pair, other):
            bad = certificate(extensions(pair, other, one))
            refusal(self, der.DerError, "malformed", Certificate, bad)
        # Nor does anybody read what is not of 2.5.29.
        access = (b"\x2b\x06\x01\x05\x05\x07\x01\x01", sequence())
        self.assertEqual(len(Certificate(certificate(extensions(access, access))).extensions), 0)

    def test_key_identifiers(self):
        """Those of the certificate and of its issuer; of the latter only the keyIdentifier."""
        made = certificate(
            extensions(
                (14, element(0x04, b"own")),
                (35, sequence(element(0x80, b"above"), element(0x82, b"\x05"))),
            )
        )
        self.assertEqual(Certificate(made).key_identifiers(), (b"own", b"above"))
        self.assertEqual(
            _with(35, sequence(element(0x82, b"\x05"))).key_identifiers(), (None, None)
        )
        self.assertEqual(_with(35, sequence()).key_identifiers(), (None, None))
        refusal(self, der.DerError, "malformed", _with(14, b"own").key_identifiers)

    def test_subject(self):
        """A plain subject has three string types and no NUL."""
        for tag, text, plain in (
            (0x0C, b"test", True),
            (0x13, b"test", True),
            (0x16, b"test", True),
            (0x0C, b"", True),
            (0x0C, b"te\x00st", False),
            (0x14, b"test", False),  # TeletexString
            (0x1E, b"t", False),  # BMPString
            (0x1C, b"t", False),  # UniversalString
            (0x03, b"\x00t", False),  # BIT STRING, which Mbed TLS takes in a name.
        ):
            found = Certificate(certificate(subject=name(element(tag, text))))
            self.assertIs(found.has_plain_subject(), plain, (tag, text))
        self.assertTrue(Certificate(certificate(subject=sequence())).has_plain_subject())
        part = sequence(b"\x06\x03\x55\x04\x03", element(0x0C, b"a"))
        both = sequence(
            element(0x31, part, sequence(b"\x06\x03\x55\x04\x0a", element(0x1E, b"b")))
        )
        self.assertFalse(Certificate(certificate(subject=both)).has_plain_subject())

    def test_malformed(self):
        """Extensions of another shape than theirs are refused when they are asked for."""
        for number, method in (
            (_KEY_USAGE, "key_usage"),
            (_EXTENDED_KEY_USAGE, "extended_key_usage"),
            (_SUBJECT_ALT_NAME, "dns_names"),
            (_BASIC_CONSTRAINTS, "is_ca"),
            (_NAME_CONSTRAINTS, "dns_constraints"),
        ):
            for value in (b"", b"\x30", b"\x30\x05\x00", b"\x05\x00", sequence() + b"\x00"):
                with self.subTest(method=method, value=value):
                    found = _with(number, value)
                    refusal(self, der.DerError, "malformed", getattr(found, method))

    def test_extensions_must_fill_their_element(self):
        """Bytes after the list of extensions are refused."""
        bad = certificate(element(0xA3, sequence(), b"\x00"))
        refusal(self, der.DerError, "malformed", Certificate, bad)


class TestDamage(unittest.TestCase):
    def test_cut_off(self):
        """A certificate that is cut off anywhere, or goes on, is refused."""
        for data in (chains.LEAF, trimmed(roots.RSA_ROOT)):
            for size in paced(range(len(data))):
                refusal(self, der.DerError, "malformed", Certificate, data[:size])
            refusal(self, der.DerError, "malformed", Certificate, data + b"\x00")


if __name__ == "__main__":
    unittest.main()
