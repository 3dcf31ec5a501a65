"""Signatures at the edges of what is one, in the manner of Wycheproof: refused or accepted.

`check` takes the digest as it is. So most signatures are made the other way round, without a
secret: from the multiples of base point and key that a verifier will add, s and the digest follow.
RSA's paddings are met with the exponent 1, where the signature is what has been padded.
"""

import unittest
from hashlib import sha256

from _made import element, integer, sequence
from _pace import PacedCase
from _signed import G, N, P, multiple
from data_signatures import RSA_MODULUS, RSA_SIGNATURE, SIGNED

from ats_trust.signature import check

_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
# The point of the curve with the least y that is not 0: 5; its x is a root of a cubic modulo p.
_LOW_Y = (0xD7325D7646CD60D80A92738CEB345F844CFFAF35841022CAB176F692DE8DE1D7, 5)
_DIGEST = b"\x01" * 32
_SHA256 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01"
_NULL = b"\x05\x00"


def _octets(number, size=32):
    return number.to_bytes(size, "big")


def _uncompressed(point):
    return b"\x04" + _octets(point[0]) + _octets(point[1])


def _on_curve(x):
    """The point with this x and an even y, which the curve must have."""
    y = pow(x * x * x - 3 * x + _B, (P + 1) // 4, P)
    return x, P - y if y & 1 else y


def _times(factor):
    """This multiple of the base point, also a negative one."""
    x, y = multiple(abs(factor))
    return x, y if factor > 0 else P - y


def _without_g(point):
    """A point less the base point, which is neither that nor its inverse."""
    x, y = point
    slope = (y + G[1]) * pow(x - G[0], P - 2, P)
    found = (slope * slope - x - G[0]) % P
    return found, (slope * (x - found) - y) % P


def _ecdsa(r, s, digest, point):
    """What `check` says to these numbers; digest: a number too."""
    signature = sequence(integer(r), integer(s))
    return check(("secp256r1", _uncompressed(point)), "ecdsa-sha256", _octets(digest), signature)


def _ending_in(point, r):
    """What `check` says when the sum is `point`; base point and key are taken once each."""
    return _ecdsa(r, r, r, _without_g(point))


class TestNumbers(PacedCase):
    """r and s are between 1 and n - 1; all of these may be met, and nothing else."""

    on_board = False

    def test_range(self):
        """What is the same modulo n, or p, as a good r or s is refused."""
        point = _without_g(_on_curve(5))
        self.assertIs(_ecdsa(5, 5, 5, point), True)
        for what, r, s in (
            ("r is 0", 0, 5),
            ("s is 0", 5, 0),
            ("both are 0", 0, 0),
            ("r is n", N, 5),
            ("s is n", 5, N),
            ("both are n", N, N),
            ("n is added to r, which is then below p", 5 + N, 5),
            ("n is added to s", 5, 5 + N),
            ("p is added to r", 5 + P, 5),
            ("a large multiple of n is added to r", 5 + (N << 256), 5),
            ("a large multiple of n is added to s", 5, 5 + (N << 256)),
            ("r has 257 bits", 5 + (1 << 256), 5),
            ("s has 257 bits", 5, 5 + (1 << 256)),
            ("r has 16,000 bits", 1 << 16000, 5),
            ("s has 16,000 bits", 5, 1 << 16000),
            ("r is p", P, 5),
            ("s has 256 bits, all of them ones", 5, (1 << 256) - 1),
        ):
            with self.subTest(what):
                self.assertIs(_ecdsa(r, s, 5, point), False)
        for what, r, s in (
            ("both are n - 1", N - 1, N - 1),
            ("r is n + 1", N + 1, 5),
            ("s is n + 1", 5, N + 1),
            ("r is n - 1", N - 1, 5),
            ("s is 1", 5, 1),
            ("r is 1", 1, 5),
            ("both are 1", 1, 1),
        ):
            with self.subTest(what):
                self.assertIs(_ecdsa(r, s, 5, point), False)

    def test_nothing_of_either(self):
        """r = 0 with a digest of 0 takes neither point: what has no x has not the x 0."""
        for s in (1, 5, N - 1):
            self.assertIs(_ecdsa(0, s, 0, G), False)
        self.assertIs(_ecdsa(N, 5, 0, G), False)

    def test_x_above_the_order(self):
        """r is x modulo n: a point's x may be n or more, and then r is small."""
        for more in (3, 4):  # The first two x from n on that are on the curve.
            large = _on_curve(N + more)
            self.assertIs(_ending_in(large, more), True)
            self.assertIs(_ecdsa(N + more, more, more, _without_g(large)), False)

    def test_x_below_the_order(self):
        """r is not x plus what p is more than n, as it would be modulo p."""
        self.assertIs(_ending_in(_on_curve(5), 5 + P - N), False)

    def test_extreme_s(self):
        """s may be 1, n - 1, or in the upper half: FIPS 186-5 has no rule for a low s."""
        # The key is G and the nonce 2: s = (digest + r) / 2.
        r = multiple(2)[0]
        for s in (N - 1, 1, 2, N // 2, N // 2 + 1, N - 2):
            self.assertIs(_ecdsa(r, s, (2 * s - r) % N, G), True)
            self.assertIs(_ecdsa(r, N - s, (2 * s - r) % N, G), True)

    def test_swapped(self):
        """s and r in the wrong order are refused."""
        r = multiple(2)[0]
        s = (7 + r) * pow(2, N - 2, N) % N
        self.assertIs(_ecdsa(r, s, 7, G), True)
        self.assertIs(_ecdsa(s, r, 7, G), False)

    def test_inverse_point(self):
        """A sum and its inverse have the same x: both are accepted, as s and n - s."""
        x, y = _on_curve(5)
        self.assertIs(_ending_in((x, y), 5), True)
        self.assertIs(_ending_in((x, P - y), 5), True)


class TestSums(PacedCase):
    """u times the base point plus v times the key, whatever these are."""

    on_board = False

    def holds(self, u, v, secret):
        """Check one sum: a point's x is accepted as r, no point at all refused."""
        total = u + v * secret
        r = _times(total)[0] % N if total else 5
        s = r * pow(v, N - 2, N) % N
        with self.subTest("u=%d, v=%d, the key is %d times G" % (u, v, secret)):
            self.assertIs(_ecdsa(r, s, u * s % N, _times(secret)), total != 0)

    def test_special(self):
        """Equal points are added, and opposite ones, at the start, on the way, and at the end."""
        self.holds(1, 1, 1)  # The key is the base point.
        self.holds(3, 1, -1)  # The key is its inverse, and their sum no point.
        self.holds(1, 1, -1)  # The end is no point.
        self.holds(2, 1, 2)  # The last addition is of a point to itself,
        self.holds(2, 1, -2)  # of a point to its inverse;
        self.holds(4, 2, 2)  # and so is the last but one,
        self.holds(5, 2, -2)  # after which it goes on from no point.
        self.holds(3, 1, 2)  # The sum of base point and key is added to its like.
        self.holds(0, 1, 3)  # Nothing of the base point.

    def test_small(self):
        """All small multiples of the base point, of keys that are small multiples of it."""
        for u, v, secret in (
            (u, v, secret)
            for u in range(5)
            for v in range(1, 5)
            for secret in (-3, -2, -1, 1, 2, 3)
        ):
            self.holds(u, v, secret)

    def test_large_opposite(self):
        """Two large multiples that are opposite have no sum: refused, whatever r is."""
        for r in (1, G[0] % N):
            self.assertIs(_ecdsa(r, 12345, N - 5 * r % N, multiple(5)), False)


class TestDigest(PacedCase):
    """The digest is a number of exactly 32 octets."""

    on_board = False

    def test_numbers(self):
        """A digest of 0, of n and more, and of ones alone is taken modulo n."""
        r = multiple(2)[0]
        for digest in ((1 << 256) - 1, 0, 1, N - 1, N, N + 1):
            s = (digest + r) * pow(2, N - 2, N) % N  # The key is G and the nonce 2.
            with self.subTest("%x" % digest):
                self.assertIs(_ecdsa(r, s, digest, G), True)
                self.assertIs(_ecdsa(r, s, digest ^ 2, G), False)

    def test_ecdsa_length(self):
        """A digest of another length is refused, though it be the same number."""
        point = ("secp256r1", _uncompressed(_without_g(_on_curve(5))))
        signature = sequence(integer(5), integer(5))
        for size in (32, 1, 20, 28, 31, 33, 48, 64):
            accepted = check(point, "ecdsa-sha256", _octets(5, size), signature)
            self.assertIs(accepted, size == 32, size)
        self.assertIs(
            check(("secp256r1", _uncompressed(G)), "ecdsa-sha256", b"", signature), False
        )

    def test_no_digest(self):
        """No octets are not the number 0: refused where 32 zeros are accepted."""
        x = G[0] % N
        signature = sequence(integer(x), integer(x))
        for digest in (bytes(32), b""):
            accepted = check(("secp256r1", _uncompressed(G)), "ecdsa-sha256", digest, signature)
            self.assertIs(accepted, len(digest) == 32)

    def test_rsa_length(self):
        """A digest of another length is refused, though the padding around it be the number."""
        name = _info(_DIGEST)[:-32]
        for size in (32, 0, 20, 31, 33):
            digest = b"\x01" * size
            padded = b"\x00\x01" + b"\xff" * (_SIZE - 54) + b"\x00" + name + digest
            signature = _octets(int.from_bytes(padded, "big"), _SIZE)
            self.assertIs(_rsa(signature, digest), size == 32, size)


class TestEncoding(PacedCase):
    """Of r and s exactly one encoding is read, the one in DER."""

    on_board = False

    def setUp(self):
        super().setUp()
        # The key is G and the nonce 4; r and s begin with a bit that is set, so with a zero octet.
        self.r, self.s = multiple(4)[0], N - 1
        self.digest = _octets((4 * self.s - self.r) % N)

    def says(self, signature, digest=None):
        key = ("secp256r1", _uncompressed(G))
        return check(key, "ecdsa-sha256", digest or self.digest, signature)

    def test_wrong(self):
        """Lengths, tags, counts, signs and order: whatever is not as DER has it is refused."""
        r, s = integer(self.r), integer(self.s)
        both = r + s
        size = bytes([len(both)])
        self.assertIs(self.says(sequence(r, s)), True)
        for what, wrong in (
            ("nothing", b""),
            ("a tag alone", b"\x30"),
            ("an empty sequence", b"\x30\x00"),
            ("an empty sequence, then both", b"\x30\x00" + both),
            ("both without a sequence", both),
            ("r alone", sequence(r)),
            ("r and an empty s", sequence(r, b"\x02\x00")),
            ("an empty r", sequence(b"\x02\x00", s)),
            ("two empty numbers", sequence(b"\x02\x00\x02\x00")),
            ("r and the tag of s", sequence(r, b"\x02")),
            ("three numbers", sequence(r, s, s)),
            ("a number before both", sequence(b"\x02\x01\x00", r, s)),
            ("a NULL after both, inside", sequence(r, s, _NULL)),
            ("an octet after both, inside", sequence(r, s, b"\x00")),
            ("an octet after both, outside", sequence(r, s) + b"\x00"),
            ("a NULL after both, outside", sequence(r, s) + _NULL),
            ("the signature twice", sequence(r, s) * 2),
            ("an octet before all", b"\x00" + sequence(r, s)),
            ("a sequence around all", sequence(sequence(r, s))),
            ("a sequence around r", sequence(sequence(r), s)),
            ("an OCTET STRING around all", element(0x04, sequence(r, s))),
            ("a BIT STRING around all", element(0x03, b"\x00", sequence(r, s))),
            ("64 octets, as IEEE P1363 has it", _octets(self.r) + _octets(self.s)),
            ("a length of two octets", b"\x30\x81" + size + both),
            ("a length of three octets", b"\x30\x82\x00" + size + both),
            ("a length of five octets", b"\x30\x84\x00\x00\x00" + size + both),
            ("a length of 128 octets", b"\x30\xff" + size + both),
            ("a length of two octets for r", sequence(b"\x02\x81", r[1:], s)),
            ("a length of two octets for s", sequence(r, b"\x02\x81", s[1:])),
            ("an indefinite length", b"\x30\x80" + both + b"\x00\x00"),
            ("an indefinite length without an end", b"\x30\x80" + both),
            ("an indefinite length for r", sequence(b"\x22\x80", r, b"\x00\x00", s)),
            ("a length one too large", b"\x30" + bytes([size[0] + 1]) + both),
            ("a length one too small", b"\x30" + bytes([size[0] - 1]) + both),
            ("a length with the highest bit", b"\x30\x84\x80\x00\x00" + size + both),
            ("the tag of a SET", element(0x31, r, s)),
            ("the tag of a sequence of another class", element(0x70, r, s)),
            ("the tag of a context", element(0xB0, r, s)),
            ("the tag of a primitive sequence", element(0x10, r, s)),
            ("a tag in two octets", b"\x3f\x10" + size + both),
            ("r as an OCTET STRING", sequence(b"\x04" + r[1:], s)),
            ("r as an ENUMERATED", sequence(b"\x0a" + r[1:], s)),
            ("r as a REAL", sequence(b"\x09" + r[1:], s)),
            ("s as a BIT STRING", sequence(r, b"\x03" + s[1:])),
            ("s as a constructed INTEGER", sequence(r, b"\x22" + s[1:])),
            ("s as a NULL", sequence(r, _NULL)),
            ("s of another class", sequence(r, b"\x82" + s[1:])),
            ("a zero octet before r", sequence(element(0x02, b"\x00", r[2:]), s)),
            ("a zero octet before s", sequence(r, element(0x02, b"\x00", s[2:]))),
            ("many zero octets before s", sequence(r, element(0x02, bytes(400), s[2:]))),
            ("r without its zero octet, so negative", sequence(element(0x02, r[3:]), s)),
            ("s without its zero octet, so negative", sequence(r, element(0x02, s[3:]))),
            ("r negative, with an octet of ones", sequence(element(0x02, b"\xff", r[3:]), s)),
            ("s is -1, which is n - 1 modulo n", sequence(r, b"\x02\x01\xff")),
            ("s is -0", sequence(r, b"\x02\x01\x80")),
            ("r is true", sequence(b"\x01\x01\xff", s)),
        ):
            with self.subTest(what):
                self.assertIs(self.says(wrong), False)

    def test_small(self):
        """Numbers of one octet have one octet, and no other in front."""
        point = ("secp256r1", _uncompressed(_without_g(_on_curve(5))))
        five = b"\x02\x01\x05"
        for what, r, s, holds in (
            ("both in one octet", five, five, True),
            ("a zero octet before r", b"\x02\x02\x00\x05", five, False),
            ("a zero octet before s", five, b"\x02\x02\x00\x05", False),
            ("32 octets, as a fixed length has it", element(0x02, _octets(5)), five, False),
        ):
            with self.subTest(what):
                signature = sequence(r, s)
                self.assertIs(check(point, "ecdsa-sha256", _octets(5), signature), holds)

    def test_cut(self):
        """Every beginning of a good signature is refused, and every end."""
        signature = sequence(integer(self.r), integer(self.s))
        for cut in range(len(signature)):
            self.assertIs(self.says(signature[:cut]), False)
            self.assertIs(self.says(signature[cut + 1 :]), False)

    def test_headers(self):
        """Another octet for a tag or a length, whichever, is refused."""
        signature = sequence(integer(self.r), integer(self.s))
        for place in (0, 1, 2, 3, 37, 38):
            for other in range(256):
                if other != signature[place]:
                    wrong = signature[:place] + bytes([other]) + signature[place + 1 :]
                    self.assertIs(self.says(wrong), False)


class TestPoint(PacedCase):
    """The key is a point of the curve, uncompressed: 4, x, y, both below p."""

    on_board = False

    def says(self, key, x):
        """What is said of a signature in which the sum is the key itself, so that r is its x."""
        signature = sequence(integer(x % P % N), integer(x % P % N))
        return check(("secp256r1", key), "ecdsa-sha256", bytes(32), signature)

    def test_edges(self):
        """Keys at the edges of the curve are keys."""
        for what, point in (
            ("the base point", G),
            ("its inverse", (G[0], P - G[1])),
            ("a small x", _on_curve(5)),
            ("a small y", _LOW_Y),
            ("a large y", (_LOW_Y[0], P - 5)),
            ("x as large as can be", _on_curve(P - 3)),
            ("x of n and more", _on_curve(N + 3)),
        ):
            with self.subTest(what):
                self.assertIs(self.says(_uncompressed(point), point[0]), True)

    def test_zero(self):
        """The point with x = 0 is a key; written as p it is none."""
        point = _on_curve(0)
        # It is the sum less the base point: r is the x of what both give.
        r = _without_g((0, P - point[1]))[0] % N
        self.assertIs(_ecdsa(r, r, r, point), True)
        self.assertIs(_ecdsa(r, r, r, (P, point[1])), False)

    def test_above_p(self):
        """Coordinates of p and more are refused, though they be those of a point modulo p."""
        low_x = _on_curve(5)
        for what, point in (
            ("p is added to x", (low_x[0] + P, low_x[1])),
            ("p is added to y", (_LOW_Y[0], _LOW_Y[1] + P)),
            ("x is all ones", ((1 << 256) - 1, low_x[1])),
            ("y is all ones", (low_x[0], (1 << 256) - 1)),
            ("both are p", (P, P)),
        ):
            with self.subTest(what):
                self.assertIs(self.says(_uncompressed(point), point[0]), False)

    def test_beside_the_curve(self):
        """No point of this curve is no key: it may be one of a curve of small order."""
        x, y = _on_curve(5)
        for what, point in (
            ("a changed y", (x, y ^ 1)),
            ("a changed x", (x ^ 1, y)),
            ("y is 0, so that twice the point is none", (x, 0)),
            ("both are 0", (0, 0)),
            ("x is 0 and y 1, as at infinity", (0, 1)),
            ("both are 1", (1, 1)),
            ("x and y exchanged", (y, x)),
            ("both of the point's are negated", (P - x, P - y)),
        ):
            with self.subTest(what):
                self.assertIs(self.says(_uncompressed(point), point[0] or 1), False)

    def test_forms(self):
        """Other forms of the very key with which the signature is good are refused."""
        x, y = G
        good = _uncompressed(G)
        self.assertIs(self.says(good, x), True)
        for what, key in (
            ("nothing", b""),
            ("infinity", b"\x00"),
            ("infinity in 65 octets", bytes(65)),
            ("a form of its own and nothing", b"\x04"),
            ("compressed", bytes([2 + (y & 1)]) + good[1:33]),
            ("compressed, the other", bytes([3 - (y & 1)]) + good[1:33]),
            ("hybrid", bytes([6 + (y & 1)]) + good[1:]),
            ("hybrid, the other", bytes([7 - (y & 1)]) + good[1:]),
            ("compressed, but with y", bytes([2 + (y & 1)]) + good[1:]),
            ("an unknown form", b"\x05" + good[1:]),
            ("the form of infinity", b"\x00" + good[1:]),
            ("a zero octet before y", good[:33] + b"\x00" + good[33:]),
            ("x and y alone, 64 octets", good[1:]),
            ("x alone", good[:33]),
            ("y one octet short", good[:-1]),
            ("an octet too many", good + b"\x00"),
            ("an octet too many in front", b"\x00" + good),
            ("a zero octet before x and y", b"\x04\x00" + good[1:33] + b"\x00" + good[33:]),
            ("an OCTET STRING around it", element(0x04, good)),
            ("a BIT STRING around it", element(0x03, b"\x00", good)),
        ):
            with self.subTest(what):
                self.assertIs(self.says(key, x), False)
        short = _uncompressed(_LOW_Y)[:33] + b"\x05"
        self.assertIs(self.says(short, _LOW_Y[0]), False, "y without its zero octets")


class TestPadding(PacedCase):
    """RSA, PKCS#1 v1.5: of all paddings of a digest one alone is right."""

    on_board = False

    def refused(self, cases):
        for what, padded in cases:
            with self.subTest(what):
                self.assertEqual(len(padded), _SIZE)
                self.assertIs(_rsa(padded), False)

    def test_good(self):
        """The one that is right."""
        self.assertIs(_rsa(_padded(_info(_DIGEST))), True)

    def test_frame(self):
        """What stands before the hash's name: 0, 1, then octets of ones to the last, then 0."""
        info = _info(_DIGEST)
        fill = b"\xff" * (_SIZE - 3 - len(info))
        end = b"\x00" + info
        random = bytes([1 + i * 7 % 255 for i in range(len(fill))])
        self.refused(
            (
                ("block type 0", b"\x00\x00" + fill + end),
                ("block type 0, filled with zeros", b"\x00\x00" + bytes(len(fill)) + end),
                ("block type 2", b"\x00\x02" + fill + end),
                ("block type 2, filled as for encryption", b"\x00\x02" + random + end),
                ("block type 255", b"\x00\xff" + fill + end),
                ("1 as the first octet", b"\x01\x01" + fill + end),
                ("the block type first", b"\x01" + fill + b"\xff" + end),
                ("128 as the first octet", b"\x80\x01" + fill + end),
                ("filled with zeros", b"\x00\x01" + bytes(len(fill)) + end),
                ("filled with anything but zeros", b"\x00\x01" + random + end),
                ("the first of the ones is 254", b"\x00\x01\xfe" + fill[1:] + end),
                ("the last of the ones is 127", b"\x00\x01" + fill[1:] + b"\x7f" + end),
                ("a zero as the first of the ones", b"\x00\x01\x00" + fill[1:] + end),
                ("a zero among the ones", b"\x00\x01" + fill[9:] + b"\x00" + fill[:8] + end),
                ("no zero after the ones", b"\x00\x01" + fill + b"\xff" + info),
                ("1 after the ones", b"\x00\x01" + fill + b"\x01" + info),
                ("two zeros after the ones", b"\x00\x01" + fill[1:] + b"\x00" + end),
                ("no ones, and zeros at the end", b"\x00\x01" + end + bytes(len(fill))),
                ("8 ones, and zeros at the end", b"\x00\x01" + fill[:8] + end + fill[8:]),
                ("8 ones, zeros, the name", b"\x00\x01" + fill[:8] + bytes(len(fill) - 8) + end),
                ("the name and digest twice", _padded(info + info)),
                ("an octet after all", _padded(info + b"\x00")),
                ("eight octets after all", _padded(info + bytes(8))),
                ("zeros alone", bytes(_SIZE)),
                ("ones alone", b"\xff" * _SIZE),
            )
        )

    def test_name(self):
        """The name of the hash and the digest: one encoding, as RFC 8017, 9.2 gives it."""
        oid = element(0x06, _SHA256)
        digest = element(0x04, _DIGEST)
        name = sequence(oid, _NULL)
        size = bytes([len(name + digest)])
        md5 = b"\x2a\x86\x48\x86\xf7\x0d\x02\x05"
        encrypts = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
        cases = (
            ("nothing", b""),
            ("the digest alone", _DIGEST),
            ("the digest as an OCTET STRING alone", digest),
            ("the name alone", name),
            ("no NULL", sequence(sequence(oid), digest)),
            ("no NULL, its length counted", sequence(b"\x30\x0d", oid, digest)),
            ("an empty sequence for NULL", sequence(sequence(oid, b"\x30\x00"), digest)),
            ("an OCTET STRING for NULL", sequence(sequence(oid, b"\x04\x00"), digest)),
            ("a NULL in BER", sequence(sequence(oid, b"\x05\x81\x00"), digest)),
            ("a NULL that is not empty", sequence(sequence(oid, b"\x05\x01\x00"), digest)),
            ("a NULL too many", sequence(sequence(oid, _NULL, _NULL), digest)),
            ("octets after NULL", sequence(sequence(oid, _NULL, bytes(9)), digest)),
            ("a long length in BER", b"\x30\x81" + size + name + digest),
            ("a longer one", b"\x30\x82\x00" + size + name + digest),
            ("an indefinite length", b"\x30\x80" + name + digest + b"\x00\x00"),
            ("a long length for the name", sequence(b"\x30\x81", name[1:], digest)),
            (
                "an indefinite length for the name",
                sequence(b"\x30\x80", name[2:], bytes(2), digest),
            ),
            ("a long length for the OID", sequence(sequence(b"\x06\x81", oid[1:], _NULL), digest)),
            ("a long length for the digest", sequence(name, b"\x04\x81", digest[1:])),
            ("a length one too large", b"\x30\x32" + name + digest),
            ("a length one too small", b"\x30\x30" + name + digest),
            ("an octet after the digest, counted", sequence(name, digest, b"\x00")),
            ("a NULL after the digest, counted", sequence(name, digest, _NULL)),
            ("the digest has 33 octets", sequence(name, element(0x04, _DIGEST, b"\x00"))),
            ("the digest has 31 octets", sequence(name, element(0x04, _DIGEST[1:]))),
            ("the digest is empty", sequence(name, b"\x04\x00")),
            ("the digest is 33 octets, 32 counted", sequence(name, digest) + _DIGEST[:1]),
            ("the digest is another", _info(_DIGEST[1:] + b"\x00")),
            ("the digest is a BIT STRING", sequence(name, element(0x03, _DIGEST))),
            ("the digest is constructed", sequence(name, element(0x24, digest))),
            ("a SET", element(0x31, name, digest)),
            ("the digest first", sequence(digest, name)),
            ("SHA-1's name", _info(_DIGEST, b"\x2b\x0e\x03\x02\x1a")),
            ("SHA-1's name and length", _info(_DIGEST[:20], b"\x2b\x0e\x03\x02\x1a")),
            ("MD5's name and length", _info(_DIGEST[:16], md5)),
            ("SHA-384's name", _info(_DIGEST, _SHA256[:-1] + b"\x02")),
            ("SHA-512's name", _info(_DIGEST, _SHA256[:-1] + b"\x03")),
            ("SHA-224's name", _info(_DIGEST, _SHA256[:-1] + b"\x04")),
            ("SHA-512/256's name", _info(_DIGEST, _SHA256[:-1] + b"\x06")),
            ("SHA3-256's name", _info(_DIGEST, _SHA256[:-1] + b"\x08")),
            ("the name of RSA with SHA-256", _info(_DIGEST, encrypts)),
            ("an OID cut off", _info(_DIGEST, _SHA256[:-1])),
            ("an OID with more", _info(_DIGEST, _SHA256 + b"\x01")),
        )
        self.refused([(what, _padded(info)) for what, info in cases])

    def test_every_octet(self):
        """Whichever octet is another one, the padding is wrong."""
        padded = _padded(_info(_DIGEST))
        for place in range(_SIZE):
            for bit in (1, 128):
                wrong = bytearray(padded)
                wrong[place] ^= bit
                self.assertIs(_rsa(bytes(wrong)), False)

    def test_lengths_of_keys(self):
        """The padding is as long as the modulus, in whole octets, whatever its bits are."""
        padded = _padded(_info(_DIGEST))
        for bits in range(8 * _SIZE - 17, 8 * _SIZE + 9):
            accepted = check(("rsa", (1 << bits) - 1, 1), "rsa-sha256", _DIGEST, padded)
            self.assertIs(accepted, 0 < bits - 8 * (_SIZE - 1) <= 8, bits)

    def test_same_number(self):
        """A signature of fewer or more octets is refused, though it be the same number."""
        padded = _padded(_info(_DIGEST))
        for signature in (padded[1:], b"\x00" + padded, bytes(9) + padded, padded + b"\x00"):
            self.assertIs(_rsa(signature), False)

    def test_same_modulo_n(self):
        """A signature plus n is refused, though it be the same number modulo n."""
        padded = _padded(_info(_DIGEST))
        n = (1 << 8 * _SIZE - 1) + 1
        for more, holds in ((0, True), (n, False)):
            signature = _octets(int.from_bytes(padded, "big") + more, _SIZE)
            accepted = check(("rsa", n, 1), "rsa-sha256", _DIGEST, signature)
            self.assertIs(accepted, holds)


class TestRsaNumbers(PacedCase):
    """RSA with the exponents that are in use."""

    on_board = False

    def test_real_key(self):
        """0, 1, n - 1 and what is not below n are signatures of nothing."""
        n = int.from_bytes(RSA_MODULUS, "big")
        digest = sha256(SIGNED).digest()
        self.assertIs(check(("rsa", n, 65537), "rsa-sha256", digest, RSA_SIGNATURE), True)
        for what, number in (
            ("0", 0),
            ("1", 1),
            ("2", 2),
            ("n - 1", n - 1),
            ("n", n),
            ("n + 1", n + 1),
            ("the largest", (1 << 2048) - 1),
            ("a good one's inverse", n - int.from_bytes(RSA_SIGNATURE, "big")),
        ):
            with self.subTest(what):
                signature = _octets(number, 256)
                self.assertIs(check(("rsa", n, 65537), "rsa-sha256", digest, signature), False)

    def test_exponent_1(self):
        """The exponent 1 is not judged here: x509 calls such a key weak, and no bundle has one."""
        self.assertIs(_rsa(_padded(_info(_DIGEST))), True)
        self.assertIs(_rsa(_padded(_info(_DIGEST)), exponent=0), False)

    def test_cube_in_front(self):
        """Bleichenbacher's forgery for the exponent 3: eight ones, name, digest, then anything."""
        front = b"\x00\x01" + b"\xff" * 8 + b"\x00" + _info(_DIGEST)
        root = _cube_root(int.from_bytes(front + bytes(256 - len(front)), "big")) + 1
        self.assertEqual(_octets(root**3, 256)[: len(front)], front)
        self.assertIs(_rsa(_octets(root, 256), exponent=3), False)

    def test_cube_at_both_ends(self):
        """The same with name and digest at the end, and anything among the ones of the padding."""
        end = b"\x00" + _info(_DIGEST)
        bits = 8 * len(end)
        wanted = int.from_bytes(end, "big")
        low = 1
        for i in range(1, bits):  # The cube root modulo a power of 2, bit by bit.
            if (low**3 - wanted) >> i & 1:
                low |= 1 << i
        root = (_cube_root((1 << 2033) - 1) >> bits) - 1 << bits | low
        cube = _octets(root**3, 256)
        self.assertEqual(cube[:10], b"\x00\x01" + b"\xff" * 8)
        self.assertEqual(cube[-len(end) :], end)
        self.assertIs(_rsa(_octets(root, 256), exponent=3), False)


_SIZE = 128


def _info(digest, oid=_SHA256):
    """DigestInfo, as RFC 8017 has it."""
    return sequence(sequence(element(0x06, oid), _NULL), element(0x04, digest))


def _padded(info):
    return b"\x00\x01" + b"\xff" * (_SIZE - 3 - len(info)) + b"\x00" + info


def _rsa(signature, digest=_DIGEST, exponent=1):
    """What `check` says with the largest modulus of as many octets."""
    size = max(_SIZE, len(signature)) if exponent == 3 else _SIZE
    return check(("rsa", (1 << 8 * size) - 1, exponent), "rsa-sha256", digest, signature)


def _cube_root(number):
    """The largest number whose cube is not above this one."""
    root = 0
    for i in range(len(hex(number)) * 4 // 3, -1, -1):
        if (root | 1 << i) ** 3 <= number:
            root |= 1 << i
    return root


if __name__ == "__main__":
    unittest.main()
