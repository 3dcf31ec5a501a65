"""The device blob: what a good one gives, and that no other is believed."""

import unittest

from _made import (
    FAKE_MODULUS,
    FAKE_SECRET,
    blob,
    certificate_for,
    element,
    integer,
    refusal,
    rsa_key,
    sealed,
    sequence,
    write,
)
from _pace import paced

from ats_trust.credentials import load_device
from ats_trust.errors import ConfigError

_HOST = "abc-ats.iot.eu-west-1.amazonaws.com"
_CERT = certificate_for(FAKE_MODULUS)
_KEY = rsa_key()


class TestBlob(unittest.TestCase):
    def refused(self, data):
        error = refusal(self, ConfigError, "bad_credentials", load_device, write(self, data))
        self.assertNotIn(FAKE_SECRET.decode(), str(error) + repr(error))
        self.assertIn("ats-trust device create", str(error))
        return error

    def test_good(self):
        """A blob gives host, port, client id, and at each call certificate and key."""
        path = write(self, blob(_CERT, _KEY, port=443, client="caf\u00e9 1"))
        device = load_device(path)
        self.assertEqual((device.host, device.port, device.client_id), (_HOST, 443, "caf\u00e9 1"))
        self.assertEqual(device.credentials(), (_CERT, _KEY))

    def test_key_is_not_kept(self):
        """The key is read when it is asked for: nothing in the object holds it."""
        path = write(self, blob(_CERT, _KEY))
        device = load_device(path)
        for name in dir(device):
            self.assertNotIn(FAKE_SECRET.decode(), repr(getattr(device, name)))
        with open(path, "wb") as file:
            file.write(blob(_CERT, rsa_key(b"\x01")))
        self.assertEqual(device.credentials()[1], rsa_key(b"\x01"))

    def test_damaged_later(self):
        """A blob that is damaged after it was loaded is refused when the key is asked for."""
        path = write(self, blob(_CERT, _KEY))
        device = load_device(path)
        with open(path, "wb") as file:
            file.write(blob(_CERT, _KEY)[:-1])
        refusal(self, ConfigError, "bad_credentials", device.credentials)

    def test_every_byte(self):
        """One changed byte, wherever it is and however it changed, is found out."""
        good = blob(_CERT, rsa_key(b"\x12"))
        data = bytearray(good)
        path = write(self, good)
        for position in paced(range(len(data))):
            for change in (0x01, 0x80, 0xFF):
                data[position] ^= change
                with open(path, "wb") as file:
                    file.write(data)
                refusal(self, ConfigError, "bad_credentials", load_device, path)
                data[position] ^= change
        self.assertEqual(bytes(data), good)

    def test_cut_off(self):
        """A blob that is cut off anywhere, or goes on, is refused."""
        good = blob(_CERT, _KEY)
        path = write(self, b"")
        for size in paced(range(len(good))):
            with open(path, "wb") as file:
                file.write(good[:size])
            refusal(self, ConfigError, "bad_credentials", load_device, path)
        self.refused(good + b"\x00")

    def test_missing(self):
        """A blob that is not there is named."""
        error = refusal(self, ConfigError, "bad_credentials", load_device, "/no/such/device.bin")
        self.assertIn("/no/such/device.bin", error.detail)

    def test_folder(self):
        """A folder in place of the file is refused."""
        refusal(self, ConfigError, "bad_credentials", load_device, "/")

    def test_other_files(self):
        """Empty files, text, a key and a certificate are no blobs."""
        for data in (b"", b"\x30\x00", sequence(sequence()), b"text", _KEY, _CERT, sealed()):
            self.refused(data)

    def test_too_large(self):
        """More than 8,192 bytes are refused, exactly as many are read."""
        filler = sequence(bytes(8000))
        size = len(blob(filler, _KEY))
        exact = blob(sequence(bytes(8000 - (size - 8192))), _KEY)
        self.assertEqual(len(exact), 8192)
        self.assertEqual(load_device(write(self, exact)).host, _HOST)
        self.assertIn("too large", self.refused(blob(filler, _KEY)).detail)

    def test_fields(self):
        """A sealed blob with another format, or with fields of another kind, is refused."""
        host, client = element(0x0C, _HOST.encode()), element(0x0C, b"dev")
        key = element(0x04, _KEY)
        for parts in (
            (integer(0), host, integer(8883), client, _CERT, key),
            (integer(2), host, integer(8883), client, _CERT, key),
            (integer(1), element(0x04, b"host"), integer(8883), client, _CERT, key),
            (integer(1), host, element(0x02, b"\xff"), client, _CERT, key),
            (integer(1), host, client, integer(8883), _CERT, key),
            (integer(1), host, integer(8883), client, key),
            (integer(1), host, integer(8883), client, key, _CERT),
            (integer(1), host, integer(8883), client, _CERT),
            (integer(1), host, integer(8883), client, _CERT, key, key),
            (integer(1), host, integer(8883), client, _CERT, key, b"\x00"),
            (integer(1),),
        ):
            self.refused(sealed(*parts))

    def test_text(self):
        """Text that is no UTF-8 is refused as any other damage."""
        for bad in (b"\xff", b"\xc3", b"abc\x80", b"\xed\xa0\x80"[:2]):
            for host, client in ((bad, b"dev"), (_HOST.encode(), bad)):
                self.refused(
                    sealed(
                        integer(1),
                        element(0x0C, host),
                        integer(8883),
                        element(0x0C, client),
                        _CERT,
                        element(0x04, _KEY),
                    )
                )

    def test_digest(self):
        """A blob whose digest is another one, or none, is refused."""
        parts = (integer(1), element(0x0C, b"h"), integer(1), element(0x0C, b"d"), _CERT)
        self.assertIn("SHA-256", self.refused(sealed(*parts, digest=bytes(32))).detail)
        self.refused(sequence(sequence(*parts)))
        self.refused(sealed(*parts, digest=b"\x00"))


if __name__ == "__main__":
    unittest.main()
