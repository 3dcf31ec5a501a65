"""Pins: what is taken as the SHA-256 of a public key, and what is refused."""

import binascii
import unittest

from _made import refusal

from ats_trust.errors import ConfigError
from ats_trust.pins import parse

_DIGEST = bytes(range(100, 132))


def _base64(data):
    return binascii.b2a_base64(data).strip().decode()


class TestPins(unittest.TestCase):
    def test_forms(self):
        """Bytes, hexadecimal digits and sha256/BASE64, with one slash or two, are the same pin."""
        digits = binascii.hexlify(_DIGEST).decode()
        text = _base64(_DIGEST)
        for pin in (_DIGEST, digits, digits.upper(), "sha256/" + text, "sha256//" + text):
            self.assertEqual(parse([pin]), [_DIGEST])
            self.assertEqual(parse(pin), [_DIGEST])
        self.assertEqual(parse((_DIGEST, bytes(32))), [_DIGEST, bytes(32)])

    def test_digest_that_begins_with_a_slash(self):
        """BASE64 that itself begins with a slash or two is read whole."""
        for first in (b"\xfc", b"\xff\xf0", b"\xff\xff"):
            digest = first + _DIGEST[len(first) :]
            for prefix in ("sha256/", "sha256//"):
                self.assertEqual(parse(prefix + _base64(digest)), [digest])

    def test_whole_root(self):
        """The hash of a whole root certificate of AWS is refused as such."""
        for digits in (
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
            "1465fa205397b876faa6f0a9958e5590e40fcc7faa4fb7c2c8677521fb5fb658",
            "9acfab7e43c8d880d06b262a94deeee4b4659989c3d0caf19baf6405e41ab7df",
        ):
            error = refusal(self, ConfigError, "whole_certificate_pin", parse, [_DIGEST, digits])
            self.assertIn("SubjectPublicKeyInfo", str(error))

    def test_key_of_a_root(self):
        """The hash of the same root's SubjectPublicKeyInfo is taken."""
        digits = "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2"
        self.assertEqual(parse(digits), [binascii.unhexlify(digits)])

    def test_fingerprints(self):
        """Fingerprints as browsers and openssl show them are whole-certificate hashes."""
        for pin in (
            ":".join(["AB"] * 32),
            ":".join(["ab"] * 20),
            "ab" * 20,
            bytes(20),
            "sha256/" + _base64(bytes(20)),
        ):
            refusal(self, ConfigError, "whole_certificate_pin", parse, [pin])

    def test_refused(self):
        """What is no 32 bytes in one of these forms is refused."""
        for pin in (
            "",
            "sha256/",
            "sha256//",
            "sha1/" + _base64(bytes(32)),
            "sha256/" + _base64(bytes(31)),
            "sha256/" + _base64(bytes(33)),
            "sha256/" + "!" * 44,
            "sha256/A" + _base64(_DIGEST),
            "ab" * 31,
            "ab" * 31 + "a",
            "ab" * 33,
            "zz" * 32,
            "\u00e4" * 64,
            "sha256/" + "\u00e4" * 44,
            b"",
            bytes(31),
            bytearray(32),
            None,
            7,
        ):
            with self.subTest(pin=pin):
                refusal(self, ConfigError, "bad_pin", parse, [pin])

    def test_no_pins(self):
        """An empty list is refused: it would pin nothing."""
        refusal(self, ConfigError, "bad_pin", parse, [])
        refusal(self, ConfigError, "bad_pin", parse, ())


if __name__ == "__main__":
    unittest.main()
