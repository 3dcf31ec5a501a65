"""`unittest` for MicroPython: the part of CPython's that tests/device/ uses, and an honest result.

- Every test runs on an instance of its own, after a garbage collection.
- One line for each test, `ok ID`, `skipped ID: REASON` or `FAILED ID` with the traceback before
  it, then one line of totals. An ID is MODULE.CLASS.METHOD, as CPython's test loader gives it.
- The exit status is 1 when a test failed, and when no test ran at all.
- What is not supported fails, it is never passed over: fixtures of a module, tests that are
  functions, tests that return something (a coroutine, a generator).
"""

import gc
import sys


class SkipTest(Exception):
    """Raised by a test that can not run here; its text is the reason."""


class TestCase:
    """A group of tests: the methods whose names start with `test`."""

    def __init__(self):
        self._cleanups = []
        self._failed_subtests = 0

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        pass

    def tearDown(self):
        pass

    def addCleanup(self, function, *args, **kwargs):
        self._cleanups.append((function, args, kwargs))

    def subTest(self, msg="", **params):
        return _SubTest(self, msg, params)

    def skipTest(self, reason):
        raise SkipTest(reason)

    def fail(self, msg=None):
        raise AssertionError(msg or "failed")

    def assertTrue(self, value, msg=None):
        if not value:
            self._fail("%r is not true" % (value,), msg)

    def assertFalse(self, value, msg=None):
        if value:
            self._fail("%r is not false" % (value,), msg)

    def assertEqual(self, first, second, msg=None):
        if not first == second:
            self._fail("%r != %r" % (first, second), msg)

    def assertNotEqual(self, first, second, msg=None):
        if not first != second:
            self._fail("%r == %r" % (first, second), msg)

    def assertAlmostEqual(self, first, second, places=7, msg=None, delta=None):
        limit = 0.5 * 10**-places if delta is None else delta
        if not (first == second or abs(first - second) <= limit):
            self._fail("%r and %r are more than %r apart" % (first, second, limit), msg)

    def assertIs(self, first, second, msg=None):
        if first is not second:
            self._fail("%r is not %r" % (first, second), msg)

    def assertIsNot(self, first, second, msg=None):
        if first is second:
            self._fail("both are %r" % (first,), msg)

    def assertIsNone(self, value, msg=None):
        if value is not None:
            self._fail("%r is not None" % (value,), msg)

    def assertIsNotNone(self, value, msg=None):
        if value is None:
            self._fail("unexpectedly None", msg)

    def assertIn(self, member, container, msg=None):
        if member not in container:
            self._fail("%r not found in %r" % (member, container), msg)

    def assertNotIn(self, member, container, msg=None):
        if member in container:
            self._fail("%r unexpectedly found in %r" % (member, container), msg)

    def assertIsInstance(self, value, cls, msg=None):
        if not isinstance(value, cls):
            self._fail("%r is not an instance of %r" % (value, cls), msg)

    def assertNotIsInstance(self, value, cls, msg=None):
        if isinstance(value, cls):
            self._fail("%r is an instance of %r" % (value, cls), msg)

    def assertGreater(self, first, second, msg=None):
        if not first > second:
            self._fail("%r is not greater than %r" % (first, second), msg)

    def assertGreaterEqual(self, first, second, msg=None):
        if not first >= second:
            self._fail("%r is less than %r" % (first, second), msg)

    def assertLess(self, first, second, msg=None):
        if not first < second:
            self._fail("%r is not less than %r" % (first, second), msg)

    def assertLessEqual(self, first, second, msg=None):
        if not first <= second:
            self._fail("%r is greater than %r" % (first, second), msg)

    def assertRaises(self, expected, function=None, *args, **kwargs):
        context = _Raises(expected, None)
        if function is None:
            return context
        with context:
            function(*args, **kwargs)

    def assertRaisesRegex(self, expected, pattern, function=None, *args, **kwargs):
        context = _Raises(expected, pattern)
        if function is None:
            return context
        with context:
            function(*args, **kwargs)

    def _fail(self, standard, msg):
        raise AssertionError("%s : %s" % (standard, msg) if msg else standard)


class _Raises:
    """The context manager of assertRaises; `exception` is what was raised."""

    def __init__(self, expected, pattern):
        self._expected = expected
        self._pattern = pattern
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            raise AssertionError("%r not raised" % (self._expected,))
        if not issubclass(kind, self._expected):
            return False
        if self._pattern is not None:
            import re

            if not re.search(self._pattern, str(value)):
                raise AssertionError("%r does not match %r" % (self._pattern, str(value)))
        self.exception = value
        return True


class _SubTest:
    """A part of a test that may fail without ending it: the whole test has failed then."""

    def __init__(self, test, msg, params):
        self._test = test
        self._label = "%s %r" % (msg, params)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            return False
        if issubclass(kind, SkipTest) or not issubclass(kind, Exception):
            return False
        print("subtest", self._label)
        sys.print_exception(value)
        self._test._failed_subtests += 1
        return True


def skip(reason):
    """Decorate a test or a class that can not run here."""

    def decorate(what):
        if isinstance(what, type):
            what._skipped_because = reason
            return what

        def skipped(*args):
            raise SkipTest(reason)

        return skipped

    return decorate


def main(module="__main__"):
    """Run every test of a module, given by name, and exit with an honest status."""
    sys.exit(0 if run_module(module) else 1)


def run_module(name):
    """Run every test of a module; whether at least one ran and none failed."""
    __import__(name)
    module = sys.modules[name]
    for attribute in sorted(dir(module)):
        value = getattr(module, attribute)
        if attribute in ("setUpModule", "tearDownModule", "load_tests") or (
            attribute.startswith("test") and callable(value) and not isinstance(value, type)
        ):
            print("FAILED %s: %s is not supported here" % (name, attribute))
            return False
    totals = {"ok": 0, "skipped": 0, "FAILED": 0}
    for attribute in sorted(dir(module)):
        cls = getattr(module, attribute)
        if isinstance(cls, type) and issubclass(cls, TestCase) and cls is not TestCase:
            _run_class(name, cls, totals)
    run = sum(totals.values())
    print("Ran %d tests: %d failed, %d skipped" % (run, totals["FAILED"], totals["skipped"]))
    return run > 0 and totals["FAILED"] == 0


def _run_class(module, cls, totals):
    names = sorted(name for name in dir(cls) if name.startswith("test"))
    if not names:
        return
    skipped = getattr(cls, "_skipped_because", None)
    broken = None
    if skipped is None:
        try:
            cls.setUpClass()
        except SkipTest as reason:
            skipped = str(reason)
        except Exception as error:
            broken = error
    for name in names:
        outcome, text = "skipped", ": %s" % skipped
        if broken is not None:
            sys.print_exception(broken)
            outcome, text = "FAILED", " in setUpClass"
        elif skipped is None:
            outcome, text = _run_test(cls, name)
        totals[outcome] += 1
        print("%s %s.%s.%s%s" % (outcome, module, cls.__name__, name, text))
    if broken is None and skipped is None:
        try:
            cls.tearDownClass()
        except Exception as error:
            sys.print_exception(error)
            totals["FAILED"] += 1
            print("FAILED %s.%s.tearDownClass" % (module, cls.__name__))


def _run_test(cls, name):
    """(outcome, what to print after the ID) of one test with its fixtures and cleanups."""
    gc.collect()
    test = cls()
    outcome, text = "ok", ""

    def attempt(function, *args, **kwargs):
        nonlocal outcome, text
        try:
            returned = function(*args, **kwargs)
            if function is method and returned is not None:
                raise AssertionError("the test returned %r: it did not run" % (returned,))
            return True
        except KeyboardInterrupt:
            raise
        except SkipTest as reason:
            if outcome == "ok":
                outcome, text = "skipped", ": %s" % reason
        except BaseException as error:
            sys.print_exception(error)
            outcome, text = "FAILED", ""
        return False

    method = getattr(test, name)
    if attempt(test.setUp):
        attempt(method)
        attempt(test.tearDown)
    while test._cleanups:
        function, args, kwargs = test._cleanups.pop()
        attempt(function, *args, **kwargs)
    if test._failed_subtests:
        outcome, text = "FAILED", " in %d subtests" % test._failed_subtests
    return outcome, text
