"""The device tests and what is in them.

No list of them is kept by hand: it is what CPython's own test loader finds, and a test that it
finds and another interpreter does not report is a failure.
"""

import subprocess
import sys
from functools import cache

from interpreters import DEVICE_TESTS, REPOSITORY

FILES = sorted(DEVICE_TESTS.rglob("test*.py"))
_LIST_TESTS = """
import sys, unittest

def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item.id()

print(*flatten(unittest.TestLoader().discover(sys.argv[1])), sep="\\n")
"""


@cache
def found_by_cpython() -> dict[str, set[str]]:
    """Module name to the IDs (CLASS.METHOD) of the tests in it."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST_TESTS, str(DEVICE_TESTS)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, set[str]] = {}
    for test_id in done.stdout.split():
        module, _, name = test_id.partition(".")
        assert module != "unittest", f"a device test file can not be imported: {test_id}"
        found.setdefault(module, set()).add(name)
    return found
