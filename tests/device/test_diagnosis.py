"""The report of `diagnose`: what it says when nothing can be reached, and of a recorded server."""

import unittest

import _host  # noqa: F401  On a host it puts a `tls` in place.
import data_roots as roots
from _made import bundle, trimmed, write
from _pace import paced

import ats_trust
from ats_trust import preflight, second_look, self_test, trusted_context
from ats_trust.errors import ConfigError, library_file

_HOST = "a0example-ats.iot.eu-central-1.amazonaws.com"
_RECORDED = "selftest.invalid"  # The host of which the self-test has a recording.


class _Device:
    """What load_device returns, in outline: a client id, and a context without a certificate."""

    host = _RECORDED
    client_id = "pump-7"
    path = "/thing.dev"

    def context(self, **options):
        return trusted_context.TrustedContext(self.host, **options)


class _Socket(self_test._Recording):
    """The self-test's recording, with what else a socket has."""

    opened = []

    def settimeout(self, seconds):
        pass

    def connect(self, address):
        self.opened.append(self)


class TestReport(unittest.TestCase):
    def setUp(self):
        del _Socket.opened[:]

    def change(self, place, name, value):
        self.addCleanup(setattr, place, name, getattr(place, name))
        setattr(place, name, value)

    def diagnose(self, host, *args, **options):
        """(what it returns, [(name, text)] of its lines)."""
        module = __import__("ats_trust.diagnosis", None, None, ("diagnose",))
        printed = []
        module.print = printed.append
        result = ats_trust.diagnose(host, *args, **options)
        for line in printed:
            self.assertTrue(all(31 < ord(character) < 127 for character in line), line)
            self.assertLess(len(line), 1100)
        return result, [tuple(line.split(": ", 1)) for line in printed]

    def recorded(self, host=_RECORDED, path=None, changes=self_test._AS_SENT, **options):
        """The same with the recording in place of the network."""
        self.change(
            trusted_context,
            "prepare",
            lambda made, *rest: (made, _Socket(made.host, changes), ("10.1.2.3", 8883)),
        )
        path = path or library_file("selftest_root.bin")
        found = self.diagnose(host, bundle=path, **options)
        for sock in _Socket.opened:
            self.assertTrue(sock.closed)
            self.assertFalse(sock.leaked)
            self.assertFalse(sock.greeted is False)
        return found

    def test_unusable(self):
        """Wrong arguments, roots and clocks end it, with the code, and before any connection."""
        for host, options, code in (
            ("https://" + _HOST, {}, "bad_endpoint"),
            (None, {}, "bad_endpoint"),
            (_HOST, {"bundle": "no/such.bin"}, "bundle_missing"),
            (_HOST, {"cert": "no/such.crt", "key": "no/such.key"}, "bad_credentials"),
            (_HOST, {"pins": ["x"]}, "bad_pin"),
        ):
            result, lines = self.diagnose(host, **options)
            self.assertIs(result, False)
            kinds = dict(lines)
            self.assertTrue(kinds["verdict"].endswith(", code " + code), lines)
            self.assertEqual(kinds["stage"], "setup")
            self.assertTrue(kinds["remedy"])
            self.assertFalse("tcp" in kinds)
            self.assertFalse(any("a0example" in text or "such.crt" in text for _, text in lines))

    def test_wrong_clock(self):
        """A clock before the roots were made is the verdict, and is shown."""
        self.change(preflight, "stamp", lambda *seconds: "20000101000000")
        result, lines = self.diagnose(_HOST)
        self.assertIs(result, False)
        self.assertTrue(dict(lines)["verdict"].endswith("clock_wrong"), lines)
        self.assertTrue(dict(lines)["clock"].startswith("2000-01-01 00:00 UTC"), lines)
        self.assertTrue(dict(lines)["roots"])

    def test_context_with_options(self):
        """Options beside a context are refused, as `connect` does."""
        result, lines = self.diagnose(trusted_context.TrustedContext(_HOST), bundle="x.bin")
        self.assertIs(result, False)
        self.assertTrue(dict(lines)["verdict"].endswith("bad_call"), lines)

    def test_recorded_servers(self):
        """Of a recorded server: who it is, why it is refused, and which root is missing."""
        long = {"built": "20200101000000", "end": "21991231235959"}
        other = write(self, bundle((0x42, trimmed(roots.EC_ROOT)), **long))
        for path, changes, code, missing in paced(
            (
                (other, self_test._AS_SENT, "unknown_issuer", True),
                (None, self_test._FORGED, "bad_signature", False),
                (None, self_test._OTHER_SUITE, None, False),
                (None, self_test._AS_SENT, "key_not_proven", False),
            )
        ):
            del _Socket.opened[:]
            result, lines = self.recorded(path=path, changes=changes)
            kinds = dict(lines)
            self.assertIs(result, False)
            if code:
                self.assertEqual(kinds["verdict"], "PeerRejected, code " + code)
                self.assertEqual(len(_Socket.opened), 2)
                self.assertTrue("certificate 1" in kinds, lines)
            self.assertIn("private address", kinds["address"])
            self.assertEqual("missing" in kinds, missing, lines)

    def test_left_out(self):
        """A device's names are not in the report, unless asked for."""
        for reveal in (False, True):
            _, lines = self.recorded(_Device(), reveal=reveal)
            text = " ".join([each for _, each in lines])
            self.assertEqual(_RECORDED in text, reveal, text)
            self.assertEqual("<host>" in text, not reveal, text)

    def test_files_of_a_context(self):
        """A context that is given keeps the names of its files to itself, too."""

        class Files:
            _cert = "/flash/pump7.crt"
            _key = "/flash/pump7.key"

            def __call__(self):
                raise ConfigError("bad_credentials", "cert " + self._cert + " is unusable")

        context = trusted_context.TrustedContext(_HOST, credentials=Files())
        self.change(
            trusted_context,
            "prepare",
            lambda *rest: (context, _Socket(_RECORDED, {}), ("10.1.2.3", 8883)),
        )
        result, lines = self.diagnose(context)
        self.assertIs(result, False)
        self.assertTrue(dict(lines)["verdict"].endswith("bad_credentials"), lines)
        self.assertFalse(any("pump7" in text for _, text in lines), lines)

    def test_little_memory(self):
        """Where memory ends the report says so, and there is no exception."""

        def none(*args):
            raise MemoryError

        for place, name in (
            (trusted_context, "prepare"),
            (trusted_context.TrustedContext, "wrap_socket"),
            (second_look, "name"),
        ):
            kept = getattr(place, name)
            setattr(place, name, none)
            try:
                result, lines = (
                    self.diagnose(_HOST) if name == "prepare" else self.recorded(_RECORDED)
                )
            finally:
                setattr(place, name, kept)
            self.assertIs(result, False)
            self.assertTrue(any("memory" in text for _, text in lines), lines)
            if name != "name":
                self.assertEqual(dict(lines)["verdict"], "HeapError, code heap")

    def test_unexpected(self):
        """A bug of the library is a line, an interrupt is none."""

        def wrong(*args):
            raise KeyError("of the library")

        def interrupted(*args):
            raise KeyboardInterrupt

        self.change(trusted_context, "prepare", wrong)
        result, lines = self.diagnose(_HOST)
        self.assertIs(result, False)
        self.assertIn("KeyError", dict(lines)["verdict"])
        self.change(trusted_context, "prepare", interrupted)
        with self.assertRaises(KeyboardInterrupt):
            self.diagnose(_HOST)


if __name__ == "__main__":
    unittest.main()
