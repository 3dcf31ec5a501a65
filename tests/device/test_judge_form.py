"""The judge's rules of form: certificates with one deviation each, without signatures.

tests/e2e/test_judge_rules.py has the same rules in real handshakes, beside what Mbed TLS does.
"""

import hashlib
import unittest

import data_chains as chains
import data_roots as roots
from _made import (
    NOW,
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

from ats_trust.der import DerError
from ats_trust.errors import PeerRejected
from ats_trust.judge import Judge
from ats_trust.x509 import Certificate

_HOST = "board.test.example"
_NAMES = (b"board.test.example",)
_ANCHOR = trimmed(roots.EC_ROOT)
_SPKI = Certificate(chains.LEAF).spki
_EC_KEY = chains.LEAF[_SPKI[0] : _SPKI[1]]
_YES = b"\x01\x01\xff"


def _san(*names):
    return 17, sequence(*[element(0x82, one) for one in names])


_USAGE = (15, element(0x03, b"\x07\x80"), _YES)
_CA_USAGE = (15, element(0x03, b"\x01\x06"), _YES)
_CA_MARK = (19, sequence(_YES), _YES)


def _leaf(*more, san=_NAMES, usage=_USAGE, **fields):
    listed = [_san(*san)] if san else []
    if usage:
        listed.append(usage)
    return certificate(extensions(*listed, *more), **dict({"key": _EC_KEY}, **fields))


def _issuer(*more, mark=_CA_MARK, usage=_CA_USAGE, **fields):
    listed = [mark]
    if usage:
        listed.append(usage)
    return certificate(extensions(*listed, *more), **dict({"key": _EC_KEY}, **fields))


def _rsa(n, e=65537):
    numbers = sequence(integer(n), integer(e))
    return sequence(sequence(RSA_ENCRYPTION), element(0x03, b"\x00", numbers))


def _point(*octets):
    start = _EC_KEY.find(b"\x03\x42\x00\x04")
    return sequence(_EC_KEY[2:start], element(0x03, b"\x00", *octets))


def _judge(*certificates, host=_HOST):
    judge = Judge(host, NOW, None, [hashlib.sha256(_ANCHOR).digest()])
    judge.see(_ANCHOR, len(certificates))
    for number, data in enumerate(certificates):
        judge.see(data, len(certificates) - 1 - number)
    return judge


class TestForm(unittest.TestCase):
    def accepted(self, *certificates, **options):
        self.assertTrue(_judge(*certificates, **options).accepted)

    def refused(self, code, *certificates, **options):
        kind = DerError if code == "malformed" else PeerRejected
        return refusal(self, kind, code, _judge, *certificates, **options)

    def both(self, code, **deviation):
        """The deviation is refused in an intermediate and in a leaf, and said whose it is."""
        errors = [
            self.refused(code, _issuer(**deviation), _leaf()),
            self.refused(code, _issuer(), _leaf(**deviation)),
        ]
        if code != "malformed":
            self.assertIn("depth 1", errors[0].detail)
            self.assertIn("server's", errors[1].detail)

    def test_without_deviation(self):
        """What the others deviate from is accepted, and so is what only looks odd."""
        self.accepted(_leaf())
        self.accepted(_issuer(), _leaf())
        self.accepted(_issuer(usage=None), _leaf(usage=None))
        self.accepted(_issuer(), _leaf((19, sequence(), _YES)))
        self.accepted(_issuer(), _leaf((19, sequence(b"\x01\x01\x00"))))
        self.accepted(_issuer(serial=integer(1 << 158)), _leaf(serial=integer(1 << 158)))
        self.accepted(_issuer(mark=(19, sequence(_YES))), _leaf())
        self.accepted(_leaf(san=(b"x--y.test.example", b"*.test.example")))
        self.accepted(_leaf(san=(b"board.test.example", b"my_board.test.example")))

    def test_version(self):
        """Versions 1, 2 and 4 are refused."""
        for version in (None, 0, 1, 3):
            self.both("bad_certificate", version=version)

    def test_serial(self):
        """A serial number is above 0 and has at most 20 octets."""
        for serial in (integer(0), integer(1 << 159), integer(1 << 200)):
            self.both("bad_certificate", serial=serial)
        for octets in (b"\x80", b"\xff\xff", b"", b"\x00\x01"):
            self.both("malformed", serial=element(0x02, octets))

    def test_subject(self):
        """A subject has no NUL and no string type of other times; an empty one a critical name."""
        for value in (element(0x0C, b"a\x00b"), element(0x1E, b"\x00a"), element(0x14, b"a")):
            self.both("odd_name", subject=name(value))
        self.refused("bad_certificate", _issuer(), _leaf(subject=sequence()))
        san = _san(*_NAMES)
        self.accepted(_leaf((san[0], san[1], _YES), san=None, subject=sequence()))

    def test_criticality(self):
        """Key identifiers are never critical."""
        own = (14, element(0x04, b"k"), _YES)
        above = (35, sequence(element(0x80, b"k")), _YES)
        for extension in (own, above):
            self.refused("bad_certificate", _issuer(extension), _leaf())
            self.refused("bad_certificate", _issuer(), _leaf(extension))

    def test_key_identifiers(self):
        """The issuer's key that a certificate states is that of the certificate above."""
        own = _issuer((14, element(0x04, b"k")))
        self.accepted(own, _leaf((35, sequence(element(0x80, b"k")))))
        self.accepted(own, _leaf((35, sequence(element(0x82, b"\x01")))))
        self.accepted(_issuer(), _leaf((35, sequence(element(0x80, b"other")))))
        self.refused("bad_certificate", own, _leaf((35, sequence(element(0x80, b"other")))))
        self.refused(
            "bad_certificate",
            own,
            _issuer((35, sequence(element(0x80, b"other"))), (14, element(0x04, b"k"))),
            _leaf((35, sequence(element(0x80, b"k")))),
        )

    def test_extensions(self):
        """None comes twice; TRUE has one form."""
        for extension in ((31, sequence()), _san(*_NAMES)):
            self.refused("malformed", _issuer(), _leaf(extension, extension))
        self.refused("malformed", _issuer(), _leaf((14, element(0x04, b"k"), b"\x01\x01\x01")))

    def test_marks_of_a_ca(self):
        """An intermediate may sign certificates, a server's certificate may not."""
        self.refused("bad_intermediate", _issuer(usage=_USAGE), _leaf())
        self.refused("bad_intermediate", _issuer(mark=(19, sequence(), _YES)), _leaf())
        for value in (sequence(_YES), sequence(b"\x01\x01\x01"), sequence(integer(0))):
            self.refused("leaf_is_ca", _leaf((19, value, _YES)))
        self.refused("leaf_is_ca", _leaf(usage=(15, element(0x03, b"\x02\x84"), _YES)))

    def test_usage(self):
        """keyUsage without digitalSignature, or without anything, is no server's."""
        for bits in (b"\x05\x20", b"\x03\x08", b"\x00\x00", b"\x00"):
            self.refused("wrong_usage", _leaf(usage=(15, element(0x03, bits), _YES)))
        self.refused("wrong_usage", _leaf((37, sequence())))

    def test_names(self):
        """Every dNSName is a host name, or a whole-label wildcard above two labels."""
        long = b"a" * 64 + b".test.example"
        for odd in (
            b"",
            b"*",
            b"*.",
            b"*.example",
            b"*.*.test.example",
            b"a*.test.example",
            b"board.*.example",
            b"xn--*.test.example",
            b"127.0.0.1",
            b"*.0.0.1",
            b"board.test.example\x00.other.example",
            b"b\xc3\xb6ard.test.example",
            b"my board.test.example",
            b"board.test.example.",
            b".test.example",
            b"-a.test.example",
            b"a-.test.example",
            long,
            b"a." * 126 + b"example",
        ):
            self.refused("odd_name", _leaf(san=(b"board.test.example", odd)))
            self.refused("odd_name", _leaf(san=(odd,)))
        self.refused("name_not_in_san", _leaf(san=None))
        self.refused("name_not_in_san", _leaf((17, sequence(element(0x87, bytes(4)))), san=None))
        self.refused("name_not_in_san", _leaf((17, sequence()), san=None))

    def test_constraints(self):
        """Constraints of a form that could match no name are refused, not passed over."""
        for tag in (0xA0, 0xA1):
            for base in (b"*.other.example", b"other example", b"..other.example", b"1.2.3.4"):
                tree = element(tag, sequence(element(0x82, base)))
                self.refused("malformed", _issuer((30, sequence(tree))), _leaf())
        minimum = element(0xA1, sequence(element(0x82, b"other.example"), element(0x80, b"\x01")))
        self.refused("malformed", _issuer((30, sequence(minimum))), _leaf())
        everything = element(0xA1, sequence(element(0x82, b"")))
        self.refused("name_constraint", _issuer((30, sequence(everything))), _leaf())

    def test_keys(self):
        """RSA has an odd modulus and an odd exponent above 1; a point is not compressed."""
        n = int.from_bytes(b"\xc1" + bytes(254) + b"\x01", "big")
        self.accepted(_leaf(key=_rsa(n)))
        self.accepted(_leaf(key=_rsa(n, 3)))
        self.accepted(_leaf(key=_point(b"\x04", bytes(64))))
        for key in (_rsa(n >> 1 | 1), _rsa(n - 1), _rsa(n, 1), _rsa(n, 2), _rsa(n, 65536)):
            self.both("weak_key", key=key)
        for point in (b"\x02" + bytes(32), b"\x06" + bytes(64), b"\x00", b""):
            self.both("weak_key", key=_point(point))

    def test_length_of_the_path(self):
        """Five certificates below the anchor are accepted, six are not."""
        self.accepted(*[_issuer()] * 4, _leaf())
        self.refused("chain_too_long", *[_issuer()] * 5, _leaf())


if __name__ == "__main__":
    unittest.main()
