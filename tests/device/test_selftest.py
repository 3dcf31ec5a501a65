"""The self-test: it passes with this library, and says so of every library that does not verify.

The library is changed as an attacker or a bad port would have it; each time the self-test must not
give True, and must say it in the line where it shows.
"""

import sys
import unittest

import _host  # noqa: F401  On a host it puts a `tls` in place.
import _pace
import data_roots as roots
from _made import bundle, trimmed, write

import ats_trust
from ats_trust import bundle as bundle_module
from ats_trust import errors, explain, judge, preflight, stream, trusted_context
from ats_trust.errors import PeerRejected, library_file

STRANGER = "server of an unknown root"
NAME = "server of another name"
FORGED = "forged certificate"
KEYLESS = "server without its key"
ROLE = "test root for an AWS name"
HANDSHAKES = (STRANGER, NAME, FORGED, KEYLESS)
_ALL = (STRANGER, NAME, FORGED, KEYLESS, ROLE)
_LONG = {"built": "20200101000000", "end": "21991231235959"}

Stream = stream.TrustedStream
Context = trusted_context.TrustedContext


def _library():
    """The modules of the library that are loaded."""
    return sorted([name for name in sys.modules if name.startswith("ats_trust.")])


def _giving(value):
    return lambda: value


def _raising(error):
    def raising(*args):
        raise error

    return raising


class _Case(unittest.TestCase):
    def run_it(self, path=None, only=None):
        """Run the self-test, or only these checks: (result, {name: (verdict, words)})."""
        printed = []
        module = __import__("ats_trust.self_test", None, None, ("selftest",))
        module.print = printed.append
        if only:
            module.CHECKS = [check for check in module.CHECKS if check[0] in only]
        result = module.selftest(path)
        lines = [line.split(": ", 2) for line in printed]
        self.assertEqual(len(lines), len(only or module.CHECKS))
        return result, {name: (verdict, words) for verdict, name, words in lines}

    def setUp(self):
        self._changed = []
        self.addCleanup(self.restore)

    def change(self, owner, name, value):
        """Change the library until `restore`, at the latest the end of the test."""
        self._changed.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def restore(self):
        while self._changed:
            setattr(*self._changed.pop())


class TestSelfTest(_Case):
    def test_passes(self):
        """This library passes, in every line, and nothing of the self-test stays."""
        before = _library()
        result, lines = self.run_it()
        self.assertEqual([line for line in lines.values() if line[0] != "ok"], [])
        self.assertIs(result, True)
        self.assertEqual(_library(), before)
        self.assertFalse("selftest" in ats_trust.__dict__ or "self_test" in ats_trust.__dict__)
        # Nothing but what it must be: the one who is let in is refused for the key alone.
        self.assertTrue(lines[KEYLESS][1].startswith("its certificate was accepted"), lines)
        self.assertTrue(ats_trust.selftest.__name__ == "selftest")

    def test_unknown_root(self):
        """A bundle of any kind refuses the unknown root; one with the test root is told of."""
        ec, rsa = trimmed(roots.EC_ROOT), trimmed(roots.RSA_ROOT)
        kinds = (((0x21, rsa),), ((0x11, rsa),), ((0x22, ec),), ((0x42, ec), (0x41, rsa)))
        for uses in _pace.paced(kinds):
            path = write(self, bundle(*uses, **_LONG))
            self.assertEqual(
                self.run_it(path, (STRANGER,)),
                (True, {STRANGER: ("ok", "refused, unknown_issuer")}),
            )
        result, lines = self.run_it(library_file("selftest_root.bin"), (STRANGER,))
        self.assertIs(result, False)
        self.assertEqual(lines[STRANGER][0], "FAILED")

    def test_damaged_roots(self):
        """A bundle that is damaged or missing is a FAILED line that says so."""
        damaged = bytearray(bundle((0x12, trimmed(roots.EC_ROOT)), **_LONG))
        damaged[60] ^= 1
        only = ("roots", "clock", STRANGER)
        for path, code in (
            (write(self, damaged), "bundle_damaged"),
            ("no/such.bin", "bundle_missing"),
        ):
            result, lines = self.run_it(path, only)
            self.assertIs(result, False)
            for name in only:
                self.assertEqual(lines[name][0], "FAILED")
                self.assertTrue(lines[name][1].startswith(code), lines)

    def test_missing_data(self):
        """Without its own files it fails; it does not take the bundle in force for the test's."""
        self.change(errors, "library_file", lambda name: "")
        result, lines = self.run_it("no/such.bin", (NAME, ROLE))
        self.assertIs(result, False)
        for name in lines:
            self.assertEqual(lines[name], ("FAILED", "bundle_missing, selftest_root.bin"))

    def test_wrong_clock(self):
        """A wrong clock is told apart from a library that does not verify."""
        for now in ("20000101000000", "20210101000000"):
            self.change(preflight, "stamp", _giving(now))
            result, lines = self.run_it(None, ("clock", STRANGER, ROLE))
            self.assertIs(result, False)
            self.assertEqual(
                [lines[name][0] for name in ("clock", STRANGER, ROLE)],
                ["FAILED", "can not tell", "ok"],
            )
            self.assertTrue(lines[STRANGER][1].startswith("clock_wrong, it says "), lines)
        self.change(preflight, "stamp", _giving("21010101000000"))
        result, lines = self.run_it(None, HANDSHAKES)
        self.assertIs(result, False)
        for name in HANDSHAKES:
            self.assertEqual(lines[name][0], "can not tell")

    def test_memory(self):
        """Where the TLS shares the heap, too little of it is told; what is unsure is not ok."""

        class Heap:
            collect = staticmethod(lambda: None)

        heap = Heap()
        self.change(preflight, "ON_PYTHON_HEAP", (sys.platform,))
        self.change(preflight, "gc", heap)
        for free, verdict in ((26000, "FAILED"), (30000, "can not tell"), (100000, "ok")):
            heap.mem_free = _giving(free)
            module = __import__("ats_trust.self_test", None, None, ("selftest",))
            module.gc = heap
            result, lines = self.run_it(None, ("memory",))
            self.assertEqual((result, lines["memory"][0]), (verdict == "ok", verdict))
            self.assertTrue("%d " % free in lines["memory"][1], lines)

    def test_exceptions(self):
        """What nobody expected is FAILED, running out of memory says so."""
        for error, words in (
            (MemoryError("x"), "not enough memory"),
            (KeyError("x"), "unexpected KeyError"),
            (OSError(5), "unexpected OSError"),
        ):
            self.change(bundle_module.Bundle, "leaf_types", _raising(error))
            result, lines = self.run_it(None, (STRANGER, ROLE))
            self.assertIs(result, False)
            for name in lines:
                self.assertEqual(lines[name][0], "FAILED")
                self.assertTrue(lines[name][1].startswith(words), lines)

    def test_no_verification(self):
        """A TLS that can not verify is FAILED, with the code for it."""

        class Tls:
            class SSLContext:
                pass

        self.change(trusted_context, "tls", Tls)
        result, lines = self.run_it(None, HANDSHAKES)
        self.assertIs(result, False)
        for name in HANDSHAKES:
            self.assertEqual(lines[name][0], "FAILED")
            self.assertTrue(lines[name][1].startswith("no_verification"), lines)


class TestBrokenLibrary(_Case):
    def test_libraries(self):
        """Every library that leaves something out is found, in the lines that are named."""
        for broken, names in _pace.paced(_BROKEN):
            self.restore()
            broken(self)
            result, lines = self.run_it(None, _ALL)
            self.assertIs(result, False, broken.__name__)
            failed = [name for name in _ALL if lines[name][0] != "ok"]
            self.assertEqual(failed, list(names), "%s: %r" % (broken.__name__, lines))


def _no_callback(case):
    """The verify_callback says yes, and judges nothing."""
    case.change(Stream, "_see", lambda self, certificate, depth: 0)


def _deaf_callback(case):
    """The verify_callback judges, and then says yes."""
    see = Stream._see

    def deaf(self, certificate, depth):
        see(self, certificate, depth)
        self._refusal = None
        return 0

    case.change(Stream, "_see", deaf)


def _mode(mode):
    def native(self):
        inner = _NATIVE(self)
        inner.verify_mode = mode
        return inner

    return native


_NATIVE = Context._native


def _no_verifying(case):
    """CERT_NONE."""
    case.change(Context, "_native", _mode(trusted_context.tls.CERT_NONE))


def _nothing_at_all(case):
    """CERT_NONE, and the end of a handshake is not looked at."""
    _no_verifying(case)
    case.change(Stream, "_check", lambda self, count: None)


def _optional(case):
    """CERT_OPTIONAL: a port may go on with what it could not verify."""
    case.change(Context, "_native", _mode(1))


def _optional_and_deaf(case):
    """CERT_OPTIONAL, and a callback that says yes."""
    _optional(case)
    _deaf_callback(case)


def _any_name(case):
    """Every name is the right one."""
    case.change(judge.Judge, "_name", lambda self, certificate: None)


def _names_not_looked_at(case):
    """Every name is the right one, and the TLS is not to insist."""
    _optional(case)
    _any_name(case)


def _any_role(case):
    """An anchor answers for whatever is asked."""
    case.change(bundle_module.Bundle, "leaf_types", lambda self, roles: [2])


def _buggy_judge(case):
    """A bug in the judge."""
    case.change(judge.Judge, "see", lambda self, data, depth: 1 // 0)


def _kind_judge(case):
    """The judge accepts whatever it sees."""

    def see(self, data, depth):
        self.lowest = depth
        self.accepted = True

    case.change(judge.Judge, "see", see)


def _one_word(case):
    """Whatever happens is called an unknown issuer: not for the right reason."""

    def refused(self, error):
        self._close()
        self._error = PeerRejected("unknown_issuer", "", "certificate")
        self._settle()
        return self._error

    case.change(Stream, "_refused", refused)


def _no_word(case):
    """A refusal has no explanation."""
    case.change(explain, "explain", lambda error, *rest: error)


def _early(case):
    """What the program writes goes out in clear, before the handshake."""
    write = Stream.write

    def early(self, data):
        self._flight.raw.write(data)
        return write(self, data)

    case.change(Stream, "write", early)


def _plain(case):
    """What the program writes goes out in clear, and that is all."""
    case.change(Stream, "write", lambda self, data: self._flight.raw.write(data))


def _readable(case):
    """Reading gives nothing instead of the refusal."""
    case.change(Stream, "read", lambda self, *args: None)


def _forgetful(case):
    """After a refusal the connection counts as one that is authenticated."""
    refused = Stream._refused

    def forgets(self, error):
        error = refused(self, error)
        self._error = None
        return error

    case.change(Stream, "_refused", forgets)


def _open(case):
    """The socket stays open after a refusal."""
    case.change(Stream, "_close", lambda self: None)


# The library, and the lines in which it shows.
_BROKEN = (
    (_kind_judge, (STRANGER, NAME, FORGED)),
    (_no_callback, (NAME, FORGED, KEYLESS)),
    (_deaf_callback, (NAME,)),
    (_no_verifying, HANDSHAKES),
    (_nothing_at_all, HANDSHAKES),
    (_optional, (FORGED,)),
    (_optional_and_deaf, (NAME, FORGED)),
    (_any_name, (NAME,)),
    (_names_not_looked_at, (NAME, FORGED)),
    (_any_role, (ROLE,)),
    (_buggy_judge, HANDSHAKES),
    (_one_word, (NAME, FORGED, KEYLESS)),
    (_no_word, (STRANGER, FORGED, KEYLESS)),
    (_early, HANDSHAKES),
    (_plain, HANDSHAKES),
    (_readable, HANDSHAKES),
    (_forgetful, HANDSHAKES),
    (_open, HANDSHAKES),
)


if __name__ == "__main__":
    unittest.main()
