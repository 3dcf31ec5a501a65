"""The family of errors: what a program can rely on when it catches one."""

import io
import sys
import unittest

from _made import write

from ats_trust import errors

_CLASSES = (
    errors.TrustError,
    errors.ConfigError,
    errors.BundleError,
    errors.ClockError,
    errors.HeapError,
    errors.PeerRejected,
    errors.ClientRefused,
)


class TestErrors(unittest.TestCase):
    def test_class(self):
        """Every class is a TrustError and none an OSError, which MQTT clients retry for ever."""
        for kind in _CLASSES:
            error = kind("heap", "here")
            self.assertIsInstance(error, errors.TrustError)
            self.assertNotIsInstance(error, OSError)
            self.assertNotIsInstance(error, ValueError)

    def test_fields(self):
        """An error holds its code, detail and stage, and its arguments are code and detail."""
        error = errors.PeerRejected("expired", "it ended", "certificate")
        self.assertEqual(
            (error.code, error.detail, error.stage), ("expired", "it ended", "certificate")
        )
        self.assertEqual(error.args, ("expired", "it ended"))

    def test_defaults(self):
        """Without more than a code the detail is empty and the stage is setup."""
        error = errors.ConfigError("bad_call")
        self.assertEqual((error.detail, error.stage), ("", "setup"))

    def test_text(self):
        """The text of an error is its code, the facts and the remedy."""
        error = errors.ClockError("clock_wrong", "it says 2000")
        self.assertEqual(str(error), "clock_wrong: it says 2000. " + error.remedy)
        self.assertIn("set_clock", error.remedy)

    def test_text_without_detail(self):
        """Without facts the text is code and remedy; with an unknown code it is the code."""
        self.assertTrue(str(errors.HeapError("heap")).startswith("heap. Free memory"))
        self.assertEqual(str(errors.TrustError("no_such_code")), "no_such_code")

    def test_lazy_names(self):
        """The package gives each public name on first use, and AttributeError for others."""
        import ats_trust

        for kind in _CLASSES:
            self.assertIs(getattr(ats_trust, kind.__name__), kind)
        with self.assertRaises(AttributeError):
            getattr(ats_trust, "no_such" + "_name")


class TestRemedies(unittest.TestCase):
    """What to do, from remedies.txt, in whatever state that file is."""

    def given(self, content):
        """Make the file have this content; None: there is no file."""
        genuine = errors.library_file
        self.addCleanup(setattr, errors, "library_file", genuine)
        path = "/no/such/remedies.txt" if content is None else write(self, content)
        errors.library_file = lambda name: path

    def test_every_line(self):
        """The file is lines of ASCII, each a code and at least a sentence, and all can be read."""
        with open(errors.library_file("remedies.txt"), "rb") as file:
            lines = file.read().decode().split("\n")
        self.assertEqual(lines.pop(), "")
        self.assertGreater(len(lines), 30)
        codes = set()
        for line in lines:
            with self.subTest(line=line):
                code, remedy = line.split(": ", 1)
                codes.add(code)
                self.assertGreater(len(remedy), 15)
                self.assertEqual(remedy[-1], ".")
                self.assertNotIn("  ", remedy)
                self.assertTrue(all(31 < ord(char) < 127 for char in line))
                self.assertEqual(errors.TrustError(code).remedy, remedy)
        self.assertEqual(len(codes), len(lines))

    def test_no_such_code(self):
        """A code that the file does not have, or only as the beginning of another, has none."""
        for code in ("no_such_code", "", "bad", "expire", "bad_call: Correct", "\n", "heap\n"):
            self.assertEqual(errors.TrustError(code).remedy, "", code)

    def test_missing(self):
        """Without the file the refusal is as it is, only without what to do."""
        self.given(None)
        self.assertEqual(str(errors.PeerRejected("expired", "x")), "expired: x")

    def test_nowhere(self):
        """A file that is nowhere in sys.path has no path, and that is no error."""
        self.assertEqual(errors.library_file("no_such_file"), "")
        path = list(sys.path)
        sys.path.clear()
        try:
            self.assertEqual(str(errors.PeerRejected("expired", "x")), "expired: x")
        finally:
            sys.path.extend(path)

    def test_odd_states(self):
        """Cut off, empty, binary, endless lines: at worst there is nothing to read."""
        good = b"heap: Free memory.\nexpired: Renew it.\n"
        for content, remedy in (
            (good, "Renew it."),
            (b"\n\n\xff\xfe: \n" + good, "Renew it."),
            (good[:-1], ""),
            (good[:-3], ""),
            (good[:20], ""),
            (b"", ""),
            (good.replace(b"\n", b"\r\n"), ""),
            (good.replace(b"\n", b""), ""),
            (b"expired: \xff\xc3\xed.\n", ""),
            (bytes(range(256)) * 16, ""),
            (b"x" * 40000 + b"\n" + good, ""),
            (b"expired: " + b"x" * 300 + b".\n", ""),
            (b"\n" * 1000 + good, ""),
        ):
            self.given(content)
            self.assertEqual(errors.ClockError("expired").remedy, remedy, content[:50])

    def test_short_of_memory(self):
        """The text of a refusal that can not be read for want of memory, or of stack, is empty."""
        genuine = errors.library_file
        self.addCleanup(setattr, errors, "library_file", genuine)
        for kind in (MemoryError, OSError, RuntimeError):

            def fail(name, kind=kind):
                raise kind

            errors.library_file = fail
            self.assertEqual(str(errors.PeerRejected("expired", "x")), "expired: x")


class TestShown(unittest.TestCase):
    def test_uncaught(self):
        """What a user sees of an error that nobody caught has code, detail and remedy."""
        error = errors.PeerRejected("expired", "detail of the case", "certificate")
        if sys.implementation.name == "micropython":
            shown = io.StringIO()
            sys.print_exception(error, shown)
            text = shown.getvalue()
        else:
            import traceback

            text = "".join(traceback.format_exception_only(error))
        self.assertIn("PeerRejected: expired: detail of the case. " + error.remedy, text)


if __name__ == "__main__":
    unittest.main()
