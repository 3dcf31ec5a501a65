"""One signature checked in Python: good ones, and every way to be almost one."""

import hashlib
import unittest

import data_chains as chains
import data_roots as roots
from _made import element, integer, sequence
from _pace import paced
from data_signatures import (
    EC_POINT,
    EC_SIGNATURE,
    RSA_MODULUS,
    RSA_PSS_SIGNATURE,
    RSA_SHA384_SIGNATURE,
    RSA_SIGNATURE,
    SIGNED,
)

from ats_trust import der
from ats_trust.signature import check
from ats_trust.x509 import Certificate

_DIGEST = hashlib.sha256(SIGNED).digest()
_RSA_KEY = ("rsa", int.from_bytes(RSA_MODULUS, "big"), 65537)
_EC_KEY = ("secp256r1", EC_POINT)
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
_PREFIX = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
# P-256's base point, as SP 800-186 gives it: the public key of the secret 1.
_G = (
    b"\x04"
    + (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296).to_bytes(32, "big")
    + (0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5).to_bytes(32, "big")
)


def _rsa(signature, key=_RSA_KEY, digest=_DIGEST, algorithm="rsa-sha256"):
    return check(key, algorithm, digest, signature)


def _ecdsa(signature, key=_EC_KEY, digest=_DIGEST, algorithm="ecdsa-sha256"):
    return check(key, algorithm, digest, signature)


def _pair(signature=EC_SIGNATURE):
    start, stop = der.only(signature, 0, len(signature))
    r, start = der.integer(signature, start, stop)
    return r, der.integer(signature, start, stop)[0]


class TestRsa(unittest.TestCase):
    def test_good(self):
        """A good signature over the digest is one."""
        self.assertIs(_rsa(RSA_SIGNATURE), True)

    def test_chain(self):
        """The signatures of real certificates are verified by their issuers' keys."""
        for issuer, certificate in (
            (roots.RSA_ROOT, roots.RSA_ROOT),
            (roots.RSA_ROOT, chains.RSA_INT),
            (roots.RSA_ROOT, chains.EC_CROSS),
            (chains.RSA_INT, chains.RSA_LEAF),
            (roots.EC_ROOT, chains.EC_INT),
            (chains.EC_INT, chains.LEAF),
        ):
            found = Certificate(certificate)
            digest = hashlib.sha256(certificate[found.tbs[0] : found.tbs[1]]).digest()
            signature = certificate[found.signature[0] : found.signature[1]]
            key = Certificate(issuer).key()
            self.assertIs(check(key, found.algorithm, digest, signature), True)
            wrong = Certificate(roots.RSA_TWIN if key[0] == "rsa" else roots.EC_TWIN).key()
            self.assertIs(check(wrong, found.algorithm, digest, signature), False)

    def test_changed(self):
        """A changed bit in signature, digest or key makes it none."""
        for position in (0, 1, 100, 254, 255):
            changed = bytearray(RSA_SIGNATURE)
            changed[position] ^= 1
            self.assertIs(_rsa(bytes(changed)), False)
        self.assertIs(_rsa(RSA_SIGNATURE, digest=bytes(32)), False)
        self.assertIs(_rsa(RSA_SIGNATURE, key=("rsa", _RSA_KEY[1] + 2, 65537)), False)
        self.assertIs(_rsa(RSA_SIGNATURE, key=("rsa", _RSA_KEY[1], 3)), False)

    def test_length(self):
        """A signature has exactly the modulus's length: no octet more, none less."""
        for wrong in (b"", RSA_SIGNATURE[:-1], RSA_SIGNATURE[1:], b"\x00" + RSA_SIGNATURE):
            self.assertIs(_rsa(wrong), False)
        self.assertIs(_rsa(RSA_SIGNATURE + b"\x00"), False)

    def test_range(self):
        """Numbers from the modulus upward are refused, though they are the same modulo n."""
        n = _RSA_KEY[1]
        self.assertIs(_rsa(n.to_bytes(256, "big")), False)
        self.assertIs(_rsa((n - 1).to_bytes(256, "big")), False)
        self.assertIs(_rsa(bytes(256)), False)
        self.assertIs(_rsa(b"\xff" * 256), False)
        value = int.from_bytes(RSA_SIGNATURE, "big") + n
        if value < 1 << 2048:
            self.assertIs(_rsa(value.to_bytes(256, "big")), False)

    def test_one_number(self):
        """A number above the modulus is refused even if it stands for a good signature."""
        padded = b"\x00\x01" + b"\xff" * 202 + b"\x00" + _PREFIX + _DIGEST
        n = (1 << 2047) + 1
        value = int.from_bytes(padded, "big")
        self.assertIs(_rsa(padded, ("rsa", n, 1)), True)
        self.assertIs(_rsa((value + n).to_bytes(256, "big"), ("rsa", n, 1)), False)

    def test_least_padding(self):
        """Eight octets of padding are the fewest."""
        for fill, expected in ((8, True), (7, False), (0, False)):
            padded = b"\x00\x01" + b"\xff" * fill + b"\x00" + _PREFIX + _DIGEST
            key = ("rsa", (1 << 8 * len(padded)) - 1, 1)
            self.assertIs(_rsa(padded, key), expected)

    def test_padding(self):
        """Of all paddings exactly one is right; with exponent 1 the signature is the padding."""
        key = ("rsa", (1 << 2048) - 1, 1)
        hashed = _PREFIX + _DIGEST
        fill = b"\xff" * (253 - len(hashed))
        self.assertIs(_rsa(b"\x00\x01" + fill + b"\x00" + hashed, key), True)
        for wrong in (
            b"\x00\x02" + fill + b"\x00" + hashed,
            b"\x00\x00" + fill + b"\x00" + hashed,
            b"\x01\x01" + fill + b"\x00" + hashed,
            b"\x00\x01" + b"\xfe" * len(fill) + b"\x00" + hashed,
            b"\x00\x01" + fill + b"\x01" + hashed,
            b"\x00\x01" + fill[1:] + b"\x00\x00" + hashed,
            # The digest not at the end, but followed by what nobody checks.
            b"\x00\x01" + fill[:8] + b"\x00" + hashed + bytes(len(fill) - 8),
            b"\x00\x01" + fill + b"\x00" + hashed[:-1] + b"\x00",
            # Another hash's prefix, and SHA-256's without the NULL.
            b"\x00\x01"
            + fill
            + b"\x00"
            + _PREFIX.replace(b"\x02\x01\x05", b"\x02\x02\x05")
            + _DIGEST,
            b"\x00\x01" + fill + b"\xff\xff\x00" + _PREFIX.replace(b"\x05\x00", b"") + _DIGEST,
            b"\x00\x01" + fill + b"\xff" * 19 + b"\x00" + _DIGEST,
        ):
            self.assertEqual(len(wrong), 256)
            self.assertIs(_rsa(wrong, key), False)

    def test_other_schemes(self):
        """A good signature with PSS, or with another hash, is none here."""
        self.assertIs(_rsa(RSA_PSS_SIGNATURE), False)
        self.assertIs(_rsa(RSA_SHA384_SIGNATURE), False)

    def test_small_keys(self):
        """Keys too small for the padding, and no key at all, verify nothing."""
        for n in (0, 1, 3, 255, 1 << 300, (1 << 480) - 1):
            size = (len(hex(n)) - 1) // 2
            for signature in (b"", b"\x00", b"\x01", bytes(size), b"\x01" * size):
                self.assertIs(_rsa(signature, ("rsa", n, 3)), False)
                self.assertIs(_rsa(signature, ("rsa", n, 0)), False)


class TestEcdsa(unittest.TestCase):
    def test_good(self):
        """A good signature over the digest is one, and so is the other with the same r."""
        self.assertIs(_ecdsa(EC_SIGNATURE), True)
        r, s = _pair()
        self.assertIs(_ecdsa(sequence(integer(r), integer(_N - s))), True)

    def test_known_secret(self):
        """By the secret 1 and nonces 1 and 2 anyone can compute signatures: they verify."""
        digest = int.from_bytes(_DIGEST, "big")
        gx = int.from_bytes(_G[1:33], "big")
        # s = (e + r*d) / k with d = 1 and k = 1; r is the x coordinate of k*G.
        signature = sequence(integer(gx % _N), integer((digest + gx) % _N))
        self.assertIs(_ecdsa(signature, key=("secp256r1", _G)), True)
        x2 = 0x7CF27B188D034F7E8A52380304B51AC3C08969E277F21B35A60B48FC47669978
        s2 = (digest + x2) * pow(2, _N - 2, _N) % _N
        self.assertIs(_ecdsa(sequence(integer(x2), integer(s2)), key=("secp256r1", _G)), True)
        self.assertIs(_ecdsa(sequence(integer(x2), integer(s2 + 1)), key=("secp256r1", _G)), False)

    def test_changed(self):
        """A changed bit in r, s, digest or key makes it none."""
        r, s = _pair()
        for wrong in paced(((r + 1, s), (r, s + 1), (s, r), (r ^ 1 << 200, s))):
            self.assertIs(_ecdsa(sequence(integer(wrong[0]), integer(wrong[1]))), False)
        self.assertIs(_ecdsa(EC_SIGNATURE, digest=bytes(32)), False)
        self.assertIs(_ecdsa(EC_SIGNATURE, key=("secp256r1", _G)), False)

    def test_range(self):
        """r and s lie between 1 and n - 1: zero, n, and more are refused."""
        r, s = _pair()
        for pair in (
            (0, s),
            (r, 0),
            (0, 0),
            (_N, s),
            (r, _N),
            (r + _N, s),
            (r, s + _N),
            (_P, s),
            (1 << 512, s),
            (1 << 4000, 1 << 4000),
        ):
            self.assertIs(_ecdsa(sequence(integer(pair[0]), integer(pair[1]))), False)
        for pair in paced(((1, 1), (_N - 1, _N - 1), (1, _N - 1), (r, 1))):
            self.assertIs(_ecdsa(sequence(integer(pair[0]), integer(pair[1]))), False)

    def test_negative(self):
        """Negative numbers are no numbers here."""
        r, s = _pair()
        self.assertIs(_ecdsa(sequence(element(0x02, b"\x80" + bytes(31)), integer(s))), False)
        self.assertIs(_ecdsa(sequence(integer(r), element(0x02, b"\xff"))), False)

    def test_encoding(self):
        """Only the one DER encoding of r and s is read."""
        r, s = [integer(each) for each in _pair()]
        padded = element(0x02, b"\x00" + r[2:])
        if r[2] == 0:
            padded = element(0x02, r[3:])  # Then the sign octet is missing instead.
        for wrong in (
            b"",
            b"\x30\x00",
            EC_SIGNATURE[:-1],
            EC_SIGNATURE + b"\x00",
            sequence(r),
            sequence(r, s, b"\x00"),
            sequence(r, s, s),
            sequence(padded, s),
            sequence(element(0x02, b""), s),
            sequence(r, element(0x04, s[2:])),
            element(0x31, r, s),
            b"\x30\x81" + bytes([len(r + s)]) + r + s,
            b"\x30\x80" + r + s + b"\x00\x00",
            r[2:].lstrip(b"\x00") + s[2:].lstrip(b"\x00"),
        ):
            self.assertIs(_ecdsa(wrong), False)

    def test_point(self):
        """A point that is not on the curve, or in another form, verifies nothing."""
        x, y = EC_POINT[1:33], EC_POINT[33:]
        for point in (
            b"",
            b"\x04",
            b"\x00",
            EC_POINT[:-1],
            EC_POINT + b"\x00",
            b"\x02" + x,
            b"\x06" + x + y,
            b"\x05" + x + y,
            b"\x04" + y + x,
            b"\x04" + bytes(64),
            b"\x04" + x + bytes(32),
            b"\x04" + _P.to_bytes(32, "big") + y,
            b"\x04" + x + b"\xff" * 32,
            EC_POINT[:-1] + bytes([EC_POINT[-1] ^ 1]),
        ):
            self.assertIs(_ecdsa(EC_SIGNATURE, key=("secp256r1", point)), False)

    def test_forged_by_the_point(self):
        """With a digest of zeros and r = s = x of the key, only the checks of the point refuse."""

        def forged(x, y):
            signature = sequence(integer(x % _P % _N), integer(x % _P % _N))
            point = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
            return _ecdsa(signature, ("secp256r1", point), bytes(32))

        x, y = int.from_bytes(EC_POINT[1:33], "big"), int.from_bytes(EC_POINT[33:], "big")
        self.assertIs(forged(x, y), True)
        self.assertIs(forged(x, y ^ 1), False)
        self.assertIs(forged(x ^ 1, y), False)
        self.assertIs(forged(1, 1), False)
        # The point on the curve with x = 5, whose coordinates fit in 32 octets with p added, too.
        b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
        y = pow(5 * 5 * 5 - 3 * 5 + b, (_P + 1) // 4, _P)
        self.assertIs(forged(5, y), True)
        self.assertIs(forged(5 + _P, y), False)

    def test_infinity(self):
        """A sum that is the point at infinity is no signature."""
        # With the key -G and e = r the two multiples cancel out: u*G + v*(-G) = 0.
        y = _P - int.from_bytes(_G[33:], "big")
        key = ("secp256r1", _G[:33] + y.to_bytes(32, "big"))
        digest = 12345
        signature = sequence(integer(digest), integer(7))
        self.assertIs(_ecdsa(signature, key, digest.to_bytes(32, "big")), False)

    def test_zero_digest(self):
        """A digest of zeros, or of the order, is a number like any other."""
        gx = int.from_bytes(_G[1:33], "big") % _N
        for digest in (bytes(32), _N.to_bytes(32, "big")):
            # k = 1 and d = 1 again: s = r.
            signature = sequence(integer(gx), integer(gx))
            self.assertIs(_ecdsa(signature, ("secp256r1", _G), digest), True)


class TestOthers(unittest.TestCase):
    def test_not_done_here(self):
        """Other algorithms, and keys of another kind than the algorithm's, are not judged."""
        for key, algorithm in (
            (_RSA_KEY, "rsa-sha384"),
            (_RSA_KEY, "ecdsa-sha256"),
            (_EC_KEY, "rsa-sha256"),
            (_EC_KEY, "ecdsa-sha384"),
            (("secp384r1", bytes(97)), "ecdsa-sha256"),
            (("",), "rsa-sha256"),
            (("",), ""),
            (_RSA_KEY, ""),
        ):
            self.assertIsNone(check(key, algorithm, _DIGEST, RSA_SIGNATURE))


if __name__ == "__main__":
    unittest.main()
