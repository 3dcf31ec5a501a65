"""The family of errors: what a program can rely on when it catches one."""

import io
import sys
import unittest

from ats_trust import errors, explain

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

    def test_every_code_has_a_remedy(self):
        """Each code comes with a remedy that is a sentence."""
        self.assertGreater(len(explain._REMEDIES), 30)
        for code in explain._REMEDIES:
            with self.subTest(code=code):
                remedy = errors.TrustError(code).remedy
                self.assertGreater(len(remedy), 15)
                self.assertEqual(remedy[-1], ".")
                self.assertNotIn("  ", remedy)

    def test_remedy_when_memory_is_short(self):
        """A remedy that can not be loaded is empty, and the refusal remains."""

        def no_memory(code):
            raise MemoryError

        self.addCleanup(setattr, explain, "remedy", explain.remedy)
        explain.remedy = no_memory
        self.assertEqual(str(errors.PeerRejected("expired", "x")), "expired: x")

    def test_lazy_names(self):
        """The package gives each public name on first use, and AttributeError for others."""
        import ats_trust

        for kind in _CLASSES:
            self.assertIs(getattr(ats_trust, kind.__name__), kind)
        with self.assertRaises(AttributeError):
            getattr(ats_trust, "no_such" + "_name")


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
