"""Certificate and key files: every form that AWS and openssl give, and nothing else."""

import binascii
import unittest

import data_chains as chains
from _made import (
    EC_PUBLIC_KEY,
    FAKE_MODULUS,
    FAKE_POINT,
    FAKE_SECRET,
    PRIME256V1,
    RSA_ENCRYPTION,
    certificate_for,
    ec_key,
    element,
    encrypted_pkcs8,
    integer,
    pem,
    pkcs8,
    refusal,
    rsa_key,
    sequence,
    write,
)
from _pace import paced

from ats_trust.credentials import Files
from ats_trust.errors import ConfigError

_RSA_CERT = certificate_for(FAKE_MODULUS)
_EC_CERT = certificate_for(FAKE_POINT)
_SECP521R1 = b"\x06\x05\x2b\x81\x04\x00\x23"
_SECRETS = (FAKE_SECRET, binascii.b2a_base64(rsa_key())[200:230], binascii.hexlify(FAKE_SECRET))


class _Case(unittest.TestCase):
    def refused(self, cert, key, *words):
        """Both are refused with all these words, and without a byte of the key."""
        error = refusal(self, ConfigError, "bad_credentials", Files, cert, key)
        for word in words:
            self.assertIn(word, error.detail)
        shown = str(error) + repr(error)
        for secret in _SECRETS:
            self.assertNotIn(secret.decode(), shown)
        self.assertLess(len(error.detail), 200)
        return error


class TestForms(_Case):
    def test_rsa(self):
        """An RSA key is given as PKCS#1 in DER, from PKCS#1 or PKCS#8, PEM or DER."""
        plain = rsa_key()
        wrapped = pkcs8(RSA_ENCRYPTION, plain)
        for key in (
            plain,
            wrapped,
            pem("RSA PRIVATE KEY", plain),
            pem("PRIVATE KEY", wrapped),
        ):
            for cert in (_RSA_CERT, pem("CERTIFICATE", _RSA_CERT)):
                self.assertEqual(Files(cert, key)(), (_RSA_CERT, plain))

    def test_ec(self):
        """An EC key is given as SEC1 with its curve, from SEC1 or PKCS#8, PEM or DER."""
        plain = ec_key()
        wrapped = pkcs8(EC_PUBLIC_KEY + PRIME256V1, plain)
        for key in (plain, wrapped, pem("EC PRIVATE KEY", plain), pem("PRIVATE KEY", wrapped)):
            self.assertEqual(Files(_EC_CERT, key)(), (_EC_CERT, plain))

    def test_curve_from_outside(self):
        """Where SEC1 inside PKCS#8 does not name the curve, the one outside is put in."""
        algorithm = EC_PUBLIC_KEY + PRIME256V1
        for point in (FAKE_POINT, None):
            wrapped = pkcs8(algorithm, ec_key(point=point, curve=None))
            self.assertEqual(Files(_EC_CERT, wrapped)()[1], ec_key(point=point))

    def test_largest_curve_from_outside(self):
        """The curve fits in beside a P-521 key, too, whose length needs another octet."""
        secret = element(0x04, FAKE_SECRET * 2 + b"xx")
        point = b"\x04" + b"\x12\x34" * 66
        public = element(0xA1, element(0x03, b"\x00", point))
        inner = sequence(integer(1), secret, public)
        expected = sequence(integer(1), secret, element(0xA0, _SECP521R1), public)
        cert = certificate_for(point)
        self.assertEqual(Files(cert, pkcs8(EC_PUBLIC_KEY + _SECP521R1, inner))(), (cert, expected))

    def test_curve_nowhere(self):
        """An EC key whose curve nobody names is refused."""
        self.refused(_EC_CERT, ec_key(curve=None), "no curve")
        self.refused(_EC_CERT, pkcs8(EC_PUBLIC_KEY, ec_key(curve=None)), "no curve")

    def test_openssl_text(self):
        """What openssl writes around a PEM block is passed over: parameters, text, CRLF."""
        parameters = pem("EC PARAMETERS", PRIME256V1)
        key = b"Bag Attributes\n  friendlyName: x\n" + parameters + pem("EC PRIVATE KEY", ec_key())
        self.assertEqual(Files(_EC_CERT, key)()[1], ec_key())
        windows = pem("EC PRIVATE KEY", ec_key()).replace(b"\n", b"\r\n")
        self.assertEqual(Files(_EC_CERT, windows + b"\r\n  \r\n")()[1], ec_key())

    def test_lines(self):
        """The lines of a PEM block may have any length, its last no line end."""
        for line in (1000000, 76, 48, 4):
            key = pem("EC PRIVATE KEY", ec_key(), line)
            self.assertEqual(Files(_EC_CERT, key)()[1], ec_key())
            self.assertEqual(Files(_EC_CERT, key.rstrip())()[1], ec_key())

    def test_paths(self):
        """Paths are read anew at each call, so that a renewed file is used."""
        cert, key = write(self, pem("CERTIFICATE", _RSA_CERT)), write(self, rsa_key())
        files = Files(cert, key)
        self.assertEqual(files(), (_RSA_CERT, rsa_key()))
        with open(cert, "wb") as file:
            file.write(_EC_CERT)
        with open(key, "wb") as file:
            file.write(pem("EC PRIVATE KEY", ec_key()))
        self.assertEqual(files(), (_EC_CERT, ec_key()))

    def test_real_certificate(self):
        """A real certificate is given as it is."""
        key = ec_key(point=None)
        self.assertEqual(Files(pem("CERTIFICATE", chains.LEAF), key)(), (chains.LEAF, key))


class TestMistakes(_Case):
    def test_one_missing(self):
        """A certificate without a key, or a key without a certificate, is refused."""
        for cert, key in ((None, rsa_key()), (_RSA_CERT, None), ("", rsa_key()), (_RSA_CERT, b"")):
            self.refused(cert, key, "one is missing")

    def test_swapped(self):
        """Swapped files are called swapped, in PEM and in DER, RSA and EC."""
        for key, label in ((rsa_key(), "RSA PRIVATE KEY"), (ec_key(), "EC PRIVATE KEY")):
            self.refused(pem(label, key), pem("CERTIFICATE", _RSA_CERT), "cert=", "swapped")
            self.refused(key, _RSA_CERT, "cert=", "swapped")
        self.refused(pkcs8(RSA_ENCRYPTION, rsa_key()), _RSA_CERT, "cert=", "swapped")
        self.refused(_RSA_CERT, pem("CERTIFICATE", _RSA_CERT), "key=", "swapped")
        self.refused(_RSA_CERT, _RSA_CERT, "key=", "no private key")

    def test_mismatch(self):
        """A key that belongs to another certificate is refused."""
        other = rsa_key(FAKE_MODULUS[:-1] + b"\x59")
        self.refused(_RSA_CERT, other, "does not belong")
        self.refused(_RSA_CERT, pkcs8(RSA_ENCRYPTION, other), "does not belong")
        self.refused(_EC_CERT, ec_key(point=FAKE_POINT[:-1] + b"\x35"), "does not belong")
        self.refused(_EC_CERT, rsa_key(), "does not belong")
        self.refused(chains.LEAF, ec_key(), "does not belong")

    def test_encrypted(self):
        """An encrypted key is called so: old PEM, PKCS#8 PEM and PKCS#8 DER."""
        first, rest = pem("RSA PRIVATE KEY", rsa_key()).split(b"\n", 1)
        proc_type = b"\nProc-Type: 4,ENCRYPTED"
        old = first + proc_type + b"\nDEK-Info: AES-256-CBC,00112233\n\n" + rest
        for key in (
            old,
            old.replace(proc_type, b""),
            encrypted_pkcs8(),
            pem("ENCRYPTED PRIVATE KEY", encrypted_pkcs8()),
        ):
            self.refused(_RSA_CERT, key, "key=", "encrypted")

    def test_empty(self):
        """Empty files, and files with nothing in the block or only blanks, are called empty."""
        empty = write(self, b"")
        good = rsa_key()
        self.refused(empty, good, "cert=", "empty")
        self.refused(_RSA_CERT, empty, "key=", "empty")
        for text in (b"\n", b"  \r\n", b"just text\n"):
            self.refused(_RSA_CERT, text, "key=", "empty")
        self.refused(_RSA_CERT, pem("RSA PRIVATE KEY", None), "key=", "empty")
        self.refused(pem("CERTIFICATE", None), good, "cert=", "empty")
        self.refused(b"\x30\x00", good, "cert=")
        self.refused(_RSA_CERT, b"\x30\x00", "key=")

    def test_truncated(self):
        """A file cut off at any place is refused, PEM or DER."""
        text = pem("RSA PRIVATE KEY", rsa_key())
        for whole, end in ((text, text.find(b"END")), (rsa_key(), None), (ec_key(), None)):
            for size in paced(range(1, end or len(whole), 7)):
                self.refused(_RSA_CERT, whole[:size], "key=")
        certificate = pem("CERTIFICATE", _RSA_CERT)
        for size in paced(range(1, len(certificate) - 28, 3)):
            self.refused(certificate[:size], rsa_key(), "cert=")
        for size in paced(range(1, len(_RSA_CERT))):
            self.refused(_RSA_CERT[:size], rsa_key(), "cert=")

    def test_no_end_line(self):
        """A PEM block without its END line is called cut off."""
        whole = pem("RSA PRIVATE KEY", rsa_key())
        self.refused(_RSA_CERT, whole[: whole.find(b"-----END")], "cut off", "END")

    def test_trailing(self):
        """Bytes after the structure are refused."""
        self.refused(_RSA_CERT, rsa_key() + b"\x00", "key=")
        self.refused(_RSA_CERT + b"\x00", rsa_key(), "cert=")

    def test_damaged_base64(self):
        """A line that is no base64 is refused."""
        whole = pem("RSA PRIVATE KEY", rsa_key())
        self.refused(_RSA_CERT, whole[:100] + whole[101:], "key=", "base64")
        for position in (40, 100, 200):
            damaged = whole[:position] + b"!" + whole[position + 1 :]
            self.refused(_RSA_CERT, damaged, "key=")

    def test_two_of_them(self):
        """Two certificates, or two keys, in one file are refused: which is meant?"""
        one = pem("CERTIFICATE", _RSA_CERT)
        self.refused(one + one, rsa_key(), "cert=", "more than one")
        key = pem("RSA PRIVATE KEY", rsa_key())
        self.refused(_RSA_CERT, key + key, "key=", "more than one")
        self.refused(_RSA_CERT, one + key, "key=", "more than one")

    def test_other_content(self):
        """A public key, a request and a PKCS#12 file are named, or called what they are not."""
        public = sequence(sequence(RSA_ENCRYPTION), element(0x03, b"\x00"))
        self.refused(pem("PUBLIC KEY", public), rsa_key(), "cert=", "PUBLIC KEY")
        self.refused(_RSA_CERT, pem("PUBLIC KEY", public), "key=", "PUBLIC KEY")
        self.refused(pem("CERTIFICATE REQUEST", public), rsa_key(), "CERTIFICATE REQUEST")
        self.refused(_RSA_CERT, pem("OPENSSH PRIVATE KEY", b"openssh-key-v1"), "OPENSSH")
        self.refused(_RSA_CERT, public, "key=", "no private key")
        self.refused(_RSA_CERT, sequence(integer(3), sequence()), "key=")

    def test_labels(self):
        """A label that may be more than one, for want of dashes or line ends, is not shown."""
        whole = pem("EC PRIVATE KEY", ec_key())
        secret = whole.split(b"\n")[1][:20]
        for label in (
            b"EC PRIVATE KEY" + secret,
            b"EC PRIVATE KEY\n" + secret,
            b"EC PRIVATE KEY" + secret[:8],
            b"\xc1" * 30,
            secret,
        ):
            text = whole.replace(b"EC PRIVATE KEY", label)
            error = self.refused(_EC_CERT, text, "key=")
            self.assertNotIn(secret[:8].decode(), error.detail)
            self.assertIn("?", error.detail)
        error = self.refused(_EC_CERT, whole.replace(b"EC", b"E\xc1"), "key=")
        self.assertIn("E\\xc1 PRIVATE KEY", error.detail)
        self.refused(_EC_CERT, whole.replace(b"KEY-----\n", b"KEY\n", 1), "key=", "cut off")

    def test_other_algorithms(self):
        """A PKCS#8 key that is neither RSA nor EC is refused: Ed25519, DSA."""
        for oid in (b"\x06\x03\x2b\x65\x70", b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01"):
            self.refused(_RSA_CERT, pkcs8(oid, element(0x04, FAKE_SECRET)), "neither RSA nor EC")

    def test_pkcs8_in_pkcs8(self):
        """PKCS#8 inside PKCS#8 is refused at once, however deep it goes."""
        key = rsa_key()
        for depth in range(300):
            key = pkcs8(RSA_ENCRYPTION, key)
            if depth in (1, 2, 50, 240):
                self.refused(_RSA_CERT, key[:8192], "key=")

    def test_structures(self):
        """Keys of which a part is missing or of another kind are refused."""
        secret = element(0x04, FAKE_SECRET)
        curve = element(0xA0, PRIME256V1)
        for key in (
            sequence(),
            sequence(integer(0)),
            sequence(integer(1)),
            sequence(integer(0), secret, curve),  # SEC1 is version 1.
            sequence(integer(2), secret, curve),
            sequence(integer(1), element(0x0C, FAKE_SECRET), curve),
            pkcs8(EC_PUBLIC_KEY + element(0x30, bytes(60)), sequence(integer(1), secret * 6)),
            pkcs8(
                EC_PUBLIC_KEY + element(0x30, bytes(60)),
                sequence(integer(1), element(0x04, bytes(195))),
            ),
            sequence(secret, integer(1)),
            sequence(integer(1), secret, curve, b"\xa1"),
            sequence(integer(1), secret, curve, element(0xA1, integer(5))),
            sequence(integer(1), secret, curve, element(0xA1)),
            sequence(integer(0), sequence(), secret),
            sequence(integer(0), sequence(RSA_ENCRYPTION)),
            sequence(integer(0), sequence(RSA_ENCRYPTION), integer(1)),
            pkcs8(RSA_ENCRYPTION, b""),
            pkcs8(RSA_ENCRYPTION, FAKE_SECRET),
            pkcs8(EC_PUBLIC_KEY + element(0x30, bytes(150)), ec_key(curve=None)),
            sequence(element(0x02, b"\x80"), secret, curve),
            integer(5),
            secret,
        ):
            with self.subTest(key=key):
                self.refused(_EC_CERT, key, "key=")

    def test_too_large(self):
        """Files of more than any real one has are refused before they are decoded."""
        huge = sequence(integer(1), element(0x04, bytes(13000)))
        for make in (
            lambda: huge,
            lambda: pem("PRIVATE KEY", huge),
            lambda: b"x\n" * 8500,
            lambda: b"x" * 17000,
        ):
            source = make()
            self.refused(_RSA_CERT, source, "key=", "too large")
            self.refused(write(self, source), rsa_key(), "cert=", "too large")

    def test_missing_file(self):
        """A file that is not there is named."""
        self.refused("/no/such/cert.pem", rsa_key(), "cert=/no/such/cert.pem")
        self.refused(_RSA_CERT, "/no/such/key.pem", "key=/no/such/key.pem")

    def test_folder(self):
        """A folder in place of a file is refused."""
        self.refused("/", rsa_key(), "cert=/")
        self.refused(_RSA_CERT, "/", "key=/")

    def test_content_as_text(self):
        """The content itself, given as text where a path belongs, is refused and not repeated."""
        text = pem("RSA PRIVATE KEY", rsa_key()).decode()
        self.refused(_RSA_CERT, text, "key=", "bytes")
        self.refused(_RSA_CERT, text.replace("\n", ""), "key=", "bytes")
        self.refused(pem("CERTIFICATE", _RSA_CERT).decode(), rsa_key(), "cert=", "bytes")

    def test_every_byte(self):
        """A changed byte of a key never gives more than a key or a ConfigError."""
        for whole in (rsa_key(), pkcs8(EC_PUBLIC_KEY + PRIME256V1, ec_key(curve=None))):
            data = bytearray(whole)
            for position in paced(range(len(data))):
                for change in (0x01, 0x80, 0xFF):
                    data[position] ^= change
                    try:
                        self.assertIsInstance(Files(_RSA_CERT, bytes(data))()[1], bytes)
                    except ConfigError as error:
                        self.assertEqual(error.code, "bad_credentials")
                    data[position] ^= change

    def test_not_shown(self):
        """Neither the object nor what it gives away by repr holds the key."""
        files = Files(_RSA_CERT, rsa_key())
        self.assertNotIn(FAKE_SECRET.decode(), repr(files) + str(files))


if __name__ == "__main__":
    unittest.main()
