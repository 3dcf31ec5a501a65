"""The judge: small real chains fed by hand from the anchor to the leaf, one deviation each."""

import hashlib
import unittest

import data_chains as chains
import data_roots as roots
from _made import NOW, refusal, trimmed
from _pace import paced

from ats_trust import judge
from ats_trust.bundle import name_keys
from ats_trust.der import DerError
from ats_trust.errors import ConfigError, PeerRejected
from ats_trust.judge import Judge
from ats_trust.x509 import Certificate

_HOST = "board.test.example"
_EC = trimmed(roots.EC_ROOT)
_RSA = trimmed(roots.RSA_ROOT)
_GOOD = (_EC, chains.EC_INT, chains.LEAF)


def _sha256(data):
    return hashlib.sha256(data).digest()


def _spki(certificate):
    found = Certificate(certificate)
    return _sha256(certificate[found.spki[0] : found.spki[1]])


def _judge(*certificates, host=_HOST, now=NOW, pins=None, anchors=None):
    """The Judge after it has seen these, the anchor first."""
    anchors = [_EC, _RSA] if anchors is None else anchors
    seen = Judge(host, now, pins, [_sha256(each) for each in anchors])
    for above, certificate in enumerate(certificates):
        data = bytearray(certificate)
        seen.see(memoryview(data), len(certificates) - 1 - above)
        for i in range(len(data)):
            data[i] = 0  # As after a callback: its bytes are gone.
    return seen


class _Case(unittest.TestCase):
    def accepted(self, *certificates, **options):
        self.assertTrue(_judge(*certificates, **options).accepted)

    def rejected(self, code, *certificates, **options):
        error = refusal(self, PeerRejected, code, _judge, *certificates, **options)
        self.assertEqual(error.stage, "certificate")
        return error

    def leaf(self, code, leaf, **options):
        return self.rejected(code, _EC, chains.EC_INT, leaf, **options)


class TestAccepted(_Case):
    def test_chains(self):
        """Good chains are accepted: RSA, ECDSA, cross-signed, and directly below the anchor."""
        self.accepted(*_GOOD)
        self.accepted(_RSA, chains.RSA_INT, chains.RSA_LEAF)
        self.accepted(_RSA, chains.EC_CROSS, chains.EC_INT, chains.LEAF)
        self.accepted(roots.EC_ROOT, chains.EC_INT, chains.LEAF, anchors=[roots.EC_ROOT])
        self.accepted(_EC, chains.LEAF)

    def test_names(self):
        """The host may stand in any dNSName, in capitals, or under a wildcard."""
        self.accepted(_RSA, chains.RSA_INT, chains.RSA_LEAF, host="other.test.example")
        self.accepted(_EC, chains.EC_INT, chains.UPPER_NAME)
        self.accepted(*_GOOD, host="any-label.wild.test.example")

    def test_usages(self):
        """A leaf for servers, for any purpose, or without a stated purpose is accepted."""
        for leaf in (chains.BOTH_USAGES, chains.ANY_USAGE, chains.NO_USAGE):
            self.accepted(_EC, chains.EC_INT, leaf)

    def test_odd_extension(self):
        """An extension that is not known here is left to Mbed TLS."""
        self.accepted(_EC, chains.EC_INT, chains.ODD_EXTENSION)

    def test_only_at_the_leaf(self):
        """Nothing is accepted before the leaf was seen."""
        self.assertFalse(_judge().accepted)
        for count in (1, 2):
            seen = Judge(_HOST, NOW, anchors=[_sha256(_EC)])
            for above in range(count):
                seen.see(_GOOD[above], 2 - above)
                self.assertFalse(seen.accepted)
            self.assertEqual(seen.lowest, 3 - count)


class TestAnchor(_Case):
    def test_none_loaded(self):
        """A chain that begins with anything but a loaded anchor is refused at the leaf."""
        self.rejected("unknown_issuer", *_GOOD, anchors=[])
        self.rejected("unknown_issuer", *_GOOD, anchors=[_RSA])
        self.rejected("unknown_issuer", chains.EC_INT, chains.LEAF)
        self.rejected("unknown_issuer", chains.LEAF)

    def test_byte_for_byte(self):
        """The whole root is another certificate than its trimmed form that was loaded."""
        self.rejected("unknown_issuer", roots.EC_ROOT, chains.EC_INT, chains.LEAF)
        self.rejected("unknown_issuer", trimmed(roots.EC_TWIN), chains.EC_INT, chains.LEAF)

    def test_anchor_in_the_middle(self):
        """An anchor that does not come first does not make a chain trusted."""
        self.rejected("unknown_issuer", chains.EC_CROSS, _EC, chains.EC_INT, chains.LEAF)

    def test_anchor_as_leaf(self):
        """The anchor itself is no server's certificate."""
        self.rejected("unknown_issuer", _EC)

    def test_remembered(self):
        """What it takes to check a signature again is kept, not the certificate."""
        seen = Judge(_HOST, NOW)
        data = bytearray(chains.EC_INT)
        seen.see(memoryview(data), 1)
        self.assertFalse(seen.accepted)
        found = Certificate(chains.EC_INT)
        expected = (
            name_keys(chains.EC_INT),
            "ecdsa-sha256",
            _sha256(chains.EC_INT[found.tbs[0] : found.tbs[1]]),
            chains.EC_INT[found.signature[0] : found.signature[1]],
            chains.EC_INT[found.spki[0] : found.spki[1]],
        )
        for i in range(len(data)):
            data[i] = 0
        self.assertEqual(seen.links, [expected])
        refusal(self, PeerRejected, "unknown_issuer", seen.see, chains.LEAF, 0)
        self.assertEqual(seen.links[0], expected)
        self.assertEqual(len(seen.links), 2)

    def test_lowest(self):
        """The depth that was seen last is kept, also when it was refused."""
        seen = Judge(_HOST, NOW)
        seen.see(chains.EC_INT, 1)
        self.assertEqual(seen.lowest, 1)
        refusal(self, PeerRejected, "unknown_issuer", seen.see, chains.LEAF, 0)
        self.assertEqual(seen.lowest, 0)
        refusal(self, DerError, "malformed", seen.see, b"", 0)


class TestName(_Case):
    def test_mismatch(self):
        """A certificate for another host is refused, and the names are told."""
        error = self.leaf("name_mismatch", chains.OTHER_NAME)
        self.assertIn(_HOST, error.detail)
        self.assertIn("other.test.example", error.detail)
        for host in (
            "board.test.example.org",
            "xboard.test.example",
            "test.example",
            "b.oard.test.example",
            "board-test.example",
            "example",
        ):
            self.leaf("name_mismatch", chains.LEAF, host=host)

    def test_wildcards(self):
        """A wildcard is one whole label, the first, and at least two labels follow it."""
        for host in ("a.b.wild.test.example", "wild.test.example"):
            self.leaf("name_mismatch", chains.LEAF, host=host)
        self.leaf("odd_name", chains.WILD_PART)
        other = chains.LEAF.replace(b"*.wild", b"x.wild")
        self.leaf("name_mismatch", other, host="y.wild.test.example")
        self.leaf("name_mismatch", other, host="long.wild.test.example")
        self.leaf("odd_name", chains.WILD_TOP, host="test.example")
        self.leaf("odd_name", chains.WILD_TOP, host="example")

    def test_common_name(self):
        """A host that stands in the common name alone is refused."""
        self.leaf("name_not_in_san", chains.NO_SAN)

    def test_odd_bytes(self):
        """Bytes of a certificate's names that are no text are not repeated."""
        found = Certificate(chains.OTHER_NAME)
        data = chains.OTHER_NAME
        at = data.find(b"other.test.example", found.spki[1])
        odd = data[:at] + b"\x1b[2J\xff\x00" + data[at + 6 :]
        error = self.leaf("odd_name", odd)
        self.assertIn("?[2j??", error.detail)


class TestDates(_Case):
    def test_leaf(self):
        """A leaf outside of its validity is refused, and both dates are told."""
        error = self.leaf("expired", chains.EXPIRED)
        self.assertIn("2025", error.detail)
        self.assertIn("2030", error.detail)
        self.assertIn("2048", self.leaf("not_yet_valid", chains.FUTURE).detail)

    def test_bounds(self):
        """The first and the last second belong to the validity."""
        found = Certificate(chains.LEAF)
        self.accepted(*_GOOD, now=found.not_before)
        self.accepted(*_GOOD, now=found.not_after)
        self.rejected("expired", *_GOOD, now="20500101000000")
        self.rejected("not_yet_valid", *_GOOD, now="20231231235959")

    def test_intermediate(self):
        """An intermediate that has expired is refused and said to be it."""
        error = self.rejected("expired", _EC, chains.OLD_INT, chains.LEAF)
        self.assertIn("depth 1", error.detail)

    def test_anchor(self):
        """An anchor that has expired is refused like any other certificate."""
        error = self.rejected("expired", *_GOOD, now="21000101000000")
        self.assertIn("depth 2", error.detail)


class TestKeys(_Case):
    def test_weak_keys(self):
        """RSA below 2048 bits, odd curves and other kinds of keys are refused."""
        for leaf in (chains.RSA_1024, chains.ODD_CURVE, chains.ED_LEAF):
            self.leaf("weak_key", leaf)
        error = self.rejected("weak_key", _EC, chains.WEAK_INT, chains.LEAF)
        self.assertIn("depth 1", error.detail)

    def test_weak_signatures(self):
        """SHA-1 and other algorithms are refused in every certificate but the anchor."""
        sha256, sha1 = b"\x86\xf7\x0d\x01\x01\x0b", b"\x86\xf7\x0d\x01\x01\x05"
        leaf, issuer = [each.replace(sha256, sha1) for each in (chains.RSA_LEAF, chains.RSA_INT)]
        self.rejected("weak_signature", _RSA, chains.RSA_INT, leaf)
        self.rejected("weak_signature", _RSA, issuer, chains.RSA_LEAF)
        anchor = roots.RSA_ROOT.replace(sha256, sha1)
        self.accepted(anchor, chains.RSA_INT, chains.RSA_LEAF, anchors=[anchor])

    def test_usage(self):
        """A certificate for clients alone, or whose key may not sign, is refused."""
        self.leaf("wrong_usage", chains.CLIENT_ONLY)
        self.leaf("wrong_usage", chains.NOT_SIGNING)

    def test_usage_of_an_intermediate(self):
        """An intermediate that states purposes must state servers."""
        self.rejected("wrong_usage", _EC, chains.CLIENT_ONLY, chains.LEAF)

    def test_mark_of_a_ca(self):
        """Only TRUE in basicConstraints, as DER writes it, makes an intermediate a CA."""
        at = chains.EC_INT.find(b"\x55\x1d\x13")
        at = chains.EC_INT.find(b"\x01\x01\xff", chains.EC_INT.find(b"\x04", at + 3))
        self.assertTrue(at > 0)
        for mark in (b"\x01\x01\x01", b"\x02\x01\x01", b"\x01\x01\x00"):
            issuer = chains.EC_INT[:at] + mark + chains.EC_INT[at + 3 :]
            self.rejected("bad_intermediate", _EC, issuer, chains.LEAF)


class TestConstraints(_Case):
    def test_within(self):
        """A name that the intermediate may vouch for is accepted."""
        self.accepted(_EC, chains.CONSTRAINED, chains.LEAF)
        self.accepted(_EC, chains.CONSTRAINED, chains.UPPER_NAME)

    def test_outside(self):
        """A name outside of what is permitted, or inside of what is excluded, is refused."""
        for leaf, host in (
            (chains.OUTSIDE, "board.other.example"),
            (chains.EXCLUDED, "board.secret.test.example"),
        ):
            self.rejected("name_constraint", _EC, chains.CONSTRAINED, leaf, host=host)
            self.accepted(_EC, chains.EC_INT, leaf, host=host)

    def test_behind_a_wildcard(self):
        """A host that is excluded is refused though a wildcard stands for it."""
        host = b"a.wild.test.example"
        issuer = chains.CONSTRAINED.replace(b"secret.test.example", host)
        self.rejected("name_constraint", _EC, issuer, chains.LEAF, host=host.decode())
        self.accepted(_EC, issuer, chains.LEAF, host="b.wild.test.example")

    def test_only_excluded(self):
        """Where nothing is permitted by name, all is permitted that is not excluded."""
        issuer = chains.CONSTRAINED.replace(b"\x82\x0ctest", b"\x86\x0ctest")
        self.accepted(_EC, issuer, chains.OUTSIDE, host="board.other.example")
        host = "board.secret.test.example"
        self.rejected("name_constraint", _EC, issuer, chains.EXCLUDED, host=host)

    def test_any_intermediate(self):
        """The constraints of every intermediate hold, not those of the lowest alone."""
        self.rejected(
            "name_constraint",
            _EC,
            chains.CONSTRAINED,
            chains.EC_INT,
            chains.OUTSIDE,
            host="board.other.example",
        )

    def test_subtrees(self):
        """A subtree is a name and all below it; a leading dot excludes the name itself."""
        for name, tree, expected in (
            (b"test.example", b"test.example", True),
            (b"a.test.example", b"test.example", True),
            (b"a.b.test.example", b"TEST.example", True),
            (b"atest.example", b"test.example", False),
            (b"example", b"test.example", False),
            (b"a.test.example", b".test.example", True),
            (b"test.example", b".test.example", False),
            (b"anything", b"", True),
            (b"", b"x", False),
        ):
            self.assertEqual(judge._within(name, tree), expected, (name, tree))


class TestPins(_Case):
    def test_any_of_the_chain(self):
        """A pin of anchor, intermediate or leaf is enough."""
        for certificate in _GOOD:
            self.accepted(*_GOOD, pins=[bytes(32), _spki(certificate)])
        self.accepted(*_GOOD, pins=[_spki(roots.EC_ROOT)])

    def test_mismatch(self):
        """A chain without a pinned key is refused, though all else is right."""
        self.rejected("pin_mismatch", *_GOOD, pins=[bytes(32)])
        self.rejected("pin_mismatch", *_GOOD, pins=[_spki(roots.EC_TWIN), _spki(_RSA)])

    def test_whole_certificate(self):
        """A pin that is the hash of a whole certificate of the chain is the caller's mistake."""
        for certificate, depth in ((chains.LEAF, 0), (chains.EC_INT, 1), (_EC, 2)):
            error = refusal(
                self,
                ConfigError,
                "whole_certificate_pin",
                _judge,
                *_GOOD,
                pins=[_sha256(certificate)],
            )
            self.assertIn("depth %d" % depth if depth else "server's", error.detail)


class TestMalformed(_Case):
    def test_no_certificate(self):
        """What can not be decoded is refused at whatever depth."""
        for above in range(3):
            certificates = list(_GOOD)
            certificates[above] = b"\x30\x03\x02\x01\x01"
            refusal(self, DerError, "malformed", _judge, *certificates)

    def test_damaged_leaf(self):
        """A changed byte in the leaf raises nothing but a refusal, whichever it is."""
        data = bytearray(chains.LEAF)
        for position in paced(range(len(data))):
            for change in (0x01, 0xFF):
                data[position] ^= change
                try:
                    _judge(_EC, chains.EC_INT, data)
                except (PeerRejected, DerError):
                    pass
                data[position] ^= change


if __name__ == "__main__":
    unittest.main()
