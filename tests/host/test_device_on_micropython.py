"""Runs every file of tests/device/ on every MicroPython release, and under plain unittest.

The list of tests is not kept by hand: it is what CPython's own test loader finds, and a test that
it finds and a MicroPython release does not report is a failure.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from device_tests import FILES, found_by_cpython
from interpreters import DEVICE_TESTS, REPOSITORY, TEST_LIBRARY, MicroPython

_TIMEOUT = 150  # seconds for one file on one release


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file(
    file: Path, micropython: MicroPython, count_device_run: Callable[[str, int, int], None]
) -> None:
    """Every test of the file is reported by this release, and none fails."""
    run_file(file, micropython, micropython.version, count_device_run)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_with_small_heap(
    file: Path, small_heap: MicroPython, count_device_run: Callable[[str, int, int], None]
) -> None:
    """The same on the 32-bit build with a board's TLS, whose sys.platform is a board's."""
    run_file(file, small_heap, f"{small_heap.version} with small heap", count_device_run)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_with_oldest_small_heap(
    file: Path, oldest_small_heap: MicroPython, count_device_run: Callable[[str, int, int], None]
) -> None:
    """The same of the oldest release that is supported."""
    name = f"{oldest_small_heap.version} with small heap"
    run_file(file, oldest_small_heap, name, count_device_run)


def run_file(
    file: Path, micropython: MicroPython, name: str, count: Callable[[str, int, int], None]
) -> None:
    """Run one file; every test that CPython finds in it must be reported, and none fail."""
    done = micropython.run_code(
        f"import unittest; unittest.main({file.stem!r})",
        path=[TEST_LIBRARY, DEVICE_TESTS],
        cwd=REPOSITORY,
        timeout=_TIMEOUT,
    )
    reported = re.findall(
        rf"^(ok|skipped|FAILED) {file.stem}\.(\S+?):?(?:\s|$)", done.stdout, re.M
    )
    count(name, len(reported), sum(o == "skipped" for o, _ in reported))
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    assert {name for _, name in reported} == found_by_cpython()[file.stem]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_holds_a_test(file: Path) -> None:
    """A device test file stands directly in tests/device/ and CPython finds a test in it."""
    assert file.parent == DEVICE_TESTS
    assert found_by_cpython().get(file.stem)


def test_plain_unittest_under_cpython() -> None:
    """The device tests pass without pytest: `python -m unittest discover -s tests/device`."""
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "discover", "-s", "tests/device"],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    [ran] = re.findall(r"^Ran (\d+) tests? in", done.stderr, re.M)
    assert int(ran) == sum(map(len, found_by_cpython().values())) > 0


def run_module(micropython: MicroPython, folder: Path, source: str) -> tuple[int, str]:
    """Exit status and output of the MicroPython test runner for a test file with this source."""
    (folder / "test_sample.py").write_text(source)
    done = micropython.run_code(
        "import unittest; unittest.main('test_sample')", path=[TEST_LIBRARY, folder], cwd=folder
    )
    return done.returncode, done.stdout


def test_runner_passes_a_good_file(micropython: MicroPython, tmp_path: Path) -> None:
    """Passing and skipped tests are reported one by one, with exit status 0."""
    status, output = run_module(
        micropython,
        tmp_path,
        """import unittest
class TestOne(unittest.TestCase):
    def setUp(self): self.fresh = not hasattr(self, "used")
    def test_a(self): self.used = 1; self.assertTrue(self.fresh)
    def test_b(self): self.used = 1; self.assertTrue(self.fresh)
    @unittest.skip("not here")
    def test_c(self): self.fail()
    def test_d(self):
        with self.assertRaises(ValueError) as caught: raise ValueError("x")
        self.assertEqual(caught.exception.args, ("x",))
""",
    )
    assert status == 0
    assert "ok test_sample.TestOne.test_a" in output
    assert "skipped test_sample.TestOne.test_c: not here" in output
    assert output.endswith("Ran 4 tests: 0 failed, 1 skipped\n")


@pytest.mark.parametrize(
    "body",
    [
        "def test_a(self): self.assertEqual(1, 2)",
        "def test_a(self): raise ValueError('x')",
        "def test_a(self): raise SystemExit(0)",
        "def test_a(self): self.assertRaises(ValueError, int, '1')",
        "def test_a(self):\n        with self.assertRaises(ValueError): raise KeyError('x')",
        "def test_a(self):\n        with self.subTest(n=1): self.fail()",
        "def test_a(self): self.addCleanup(self.fail)",
        "def test_a(self): self.assertNoSuchThing()",
        "async def test_a(self): self.fail()",
        "def tearDown(self): self.fail()\n    def test_a(self): pass",
        "@classmethod\n    def setUpClass(cls): raise ValueError\n    def test_a(self): pass",
        "@classmethod\n    def tearDownClass(cls): raise ValueError\n    def test_a(self): pass",
    ],
)
def test_runner_fails_a_bad_file(micropython: MicroPython, tmp_path: Path, body: str) -> None:
    """A test that fails in any way makes the exit status 1."""
    source = f"import unittest\nclass TestOne(unittest.TestCase):\n    {body}\n"
    status, output = run_module(micropython, tmp_path, source)
    assert status == 1
    assert "FAILED test_sample.TestOne." in output


@pytest.mark.parametrize(
    "source",
    ["", "import unittest\nclass TestOne(unittest.TestCase): pass", "def test_a(): pass", "1/0"],
)
def test_runner_fails_a_file_without_tests(
    micropython: MicroPython, tmp_path: Path, source: str
) -> None:
    """A file in which no test runs is a failure: empty, or its tests are of another kind."""
    status, _ = run_module(micropython, tmp_path, source)
    assert status == 1
