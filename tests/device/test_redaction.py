"""What a report leaves out: names of an account and a device, and bytes that do not print."""

import unittest

from ats_trust.redaction import Veil, printable

_HOST = "a0example-ats.iot.eu-central-1.amazonaws.com"


class _Device:
    host = _HOST
    client_id = "Thing-42"
    path = "/secret/thing.dev"


def _veil(host=_HOST, reveal=False, **options):
    return Veil(host, options, reveal)


class TestVeil(unittest.TestCase):
    def test_endpoints(self):
        """Of each kind of endpoint that has a prefix, it is left out, and no more."""
        for host, shown in (
            (_HOST, "<prefix>-ats.iot.eu-central-1.amazonaws.com"),
            (
                "A0EXAMPLE.iot.eu-central-1.amazonaws.com",
                "<prefix>.iot.eu-central-1.amazonaws.com",
            ),
            ("c1.credentials.iot.eu-west-1.amazonaws.com", None),
            ("a0example.ats.iot.cn-north-1.amazonaws.com.cn", None),
            ("iot.eu-central-1.amazonaws.com", "iot.eu-central-1.amazonaws.com"),
            (
                "greengrass-ats.iot.eu-central-1.amazonaws.com",
                "greengrass-ats.iot.eu-central-1.amazonaws.com",
            ),
        ):
            shown = shown or "<prefix>" + host[host.find(".") :]
            self.assertEqual(_veil(host)(host), shown)

    def test_custom_domain(self):
        """Of an own domain, host and what it hangs under are left out."""
        veil = _veil("iot.factory.example")
        text = "iot.factory.example, *.factory.example, example"
        self.assertEqual(veil(text), "<host>, *.<domain>, example")
        self.assertEqual(
            _veil("factory.example")("factory.example or example"), "<host> or example"
        )

    def test_case(self):
        """Upper and lower case make no difference, nor does how often it stands there."""
        text = "A0Example a0example-ATS xa0EXAMPLEx"
        self.assertEqual(_veil()(text), "<prefix> <prefix>-ATS x<prefix>x")

    def test_device(self):
        """Of a device the client id and the file's name are left out too."""
        text = "thing-42 read /secret/thing.dev for " + _HOST
        shown = Veil(_Device(), {}, False)(text)
        self.assertEqual(shown[:35], "<client id> read <device file> for ")
        self.assertEqual(shown[35:44], "<prefix>-")

    def test_files(self):
        """Names of the files of certificate and key are left out."""
        veil = _veil(cert="/flash/pump7.crt", key="/flash/pump7.key", bundle="/roots.bin")
        text = "cert /flash/pump7.crt, key /flash/pump7.key, /roots.bin"
        self.assertEqual(veil(text), "cert <cert file>, key <key file>, /roots.bin")
        self.assertEqual(_veil(cert=b"DER", key=b"DER")("DER"), "DER")

    def test_short_word(self):
        """A short name is left out where it stands by itself, so that the rest can be read."""
        veil = _veil()
        veil.hide("7", "client id")
        veil.hide("ab", "device")
        self.assertEqual(veil("7, a table, AB/ab."), "<client id>, a table, <device>/<device>.")

    def test_longer_first(self):
        """A name that holds another one is left out as a whole."""
        veil = _veil()
        veil.hide("pump", "device")
        veil.hide("pump-station", "client id")
        self.assertEqual(veil("pump-station pump"), "<client id> <device>")

    def test_reveal(self):
        """When asked for, all is shown; what does not print is not."""
        veil = Veil(_Device(), {"cert": "a.crt"}, True)
        self.assertEqual(veil(_HOST + " Thing-42 a.crt\n"), _HOST + " Thing-42 a.crt?")

    def test_no_host_name(self):
        """What is no host name is left out as a whole; what is no text at all does no harm."""
        url = "https://a0example-ats.iot.eu-central-1.amazonaws.com/"
        self.assertEqual(_veil(url)(repr(url) + " is a URL"), "<host> is a URL")
        for host in (None, 5, b"x", ""):
            self.assertEqual(_veil(host)("text"), "text")

    def test_limit(self):
        """A text is cut after names were left out of it: no part of one remains."""
        veil = _veil()
        self.assertEqual(veil(b"012345a0example", 10), "012345<pre...")
        self.assertEqual(veil(b"0123456789", 10), "0123456789")

    def test_printable(self):
        """Control characters, and all beyond ASCII, are a question mark."""
        for octets in (b"\x00", b"\x1b[2J", b"\r\n", b"\x7f", b"\x80\xff", "\u202e"):
            shown = printable(octets)
            self.assertTrue(all(31 < ord(character) < 127 for character in shown), shown)
        self.assertEqual(printable(bytearray(b"plain ~")), "plain ~")


if __name__ == "__main__":
    unittest.main()
