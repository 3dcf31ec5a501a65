"""Fixtures of the end-to-end tests: the doors, and every interpreter that a device may run."""

from collections.abc import Iterator

import pytest

import interpreters
from conftest import missing
from e2e.device_run import CPython, Interpreter
from e2e.doors import Doors


@pytest.fixture(scope="session")
def doors() -> Iterator[Doors]:
    """Opens emulators; all are closed when the tests end."""
    found = Doors()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def no_earlier_visits(request: pytest.FixtureRequest) -> None:
    """Doors serve many tests, in any order: each test counts its own visits alone."""
    if "doors" in request.fixturenames:
        request.getfixturevalue("doors").forget_visits()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `interpreter` on each MicroPython release and on CPython."""
    if "interpreter" in metafunc.fixturenames:
        found = [*interpreters.releases(), CPython()]
        names = [
            one.name if isinstance(one, interpreters.Missing) else one.version for one in found
        ]
        metafunc.parametrize("interpreter", found, ids=names, indirect=True)


@pytest.fixture
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    """Each MicroPython release in turn, then CPython."""
    if isinstance(request.param, interpreters.Missing):
        missing(request.param.reason)
    found: Interpreter = request.param
    return found
