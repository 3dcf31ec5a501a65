"""What every test may use: the MicroPython releases, and honest handling of what is missing."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import small_heap as small_heap_build
from hypothesis import HealthCheck, settings
from micropython_source import RELEASES

import aws_server
import interpreters
import mqtt_clients
from fetched import FetchError, in_ci

_DEVICE_RUN = "device tests"  # The property of a test's report that tells of them.

settings.register_profile(
    "ats_trust",
    # A slow machine is no defect; the time a reader may take is asserted where it matters.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # In CI the same examples each time: a finding there must be one that a commit brought.
    derandomize=in_ci(),
    print_blob=True,
)
settings.load_profile("ats_trust")


def missing(reason: str) -> None:
    """Skip the test that needs something which is not on this machine; in CI, fail it."""
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `micropython` once on each release."""
    if "micropython" in metafunc.fixturenames:
        found = interpreters.releases()
        names = [
            "micropython-"
            + (one.version if isinstance(one, interpreters.MicroPython) else one.name)
            for one in found
        ]
        metafunc.parametrize("micropython", found, ids=names, indirect=True)


@pytest.fixture
def micropython(request: pytest.FixtureRequest) -> interpreters.MicroPython:
    """Each MicroPython release in turn."""
    return _there(request.param)


@pytest.fixture
def newest_micropython() -> interpreters.MicroPython:
    """The newest MicroPython release."""
    return _there(interpreters.releases()[0])


@pytest.fixture
def small_heap() -> interpreters.MicroPython:
    """The 32-bit build whose TLS takes its memory from the Python heap, as on a board."""
    return _built(small_heap_build.newest)


@pytest.fixture
def oldest_small_heap() -> interpreters.MicroPython:
    """The same of the oldest release that is supported."""
    return _built(lambda: small_heap_build.program(RELEASES[-1]))


def _built(program: Callable[[], interpreters.MicroPython]) -> interpreters.MicroPython:
    try:
        return program()
    except FetchError as error:
        missing(str(error))
        raise


def _there(release: interpreters.MicroPython | interpreters.Missing) -> interpreters.MicroPython:
    if isinstance(release, interpreters.Missing):
        missing(release.reason)
    assert isinstance(release, interpreters.MicroPython)
    return release


@pytest.fixture
def mqtt_client() -> Callable[[str], Path]:
    """A function: the folder for MICROPYPATH of an MQTT client from PyPI, by its import name."""
    return _mqtt_client_folder


def _mqtt_client_folder(name: str) -> Path:
    try:
        return mqtt_clients.folder(name)
    except FetchError as error:
        missing(str(error))
        raise


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """AWS's tools see made-up credentials and a region, and nothing of this machine's own."""
    for name in aws_server.foreign(os.environ):
        monkeypatch.delenv(name)
    for name, value in aws_server.isolated().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture(scope="session")
def started_aws() -> Iterator[aws_server.AwsServer]:
    """One server for all tests; they take `aws`, which makes it a new account."""
    with aws_server.AwsServer() as server:
        yield server


@pytest.fixture
def aws(started_aws: aws_server.AwsServer, no_aws: pytest.MonkeyPatch) -> aws_server.AwsServer:
    """An AWS account with nothing in it, on loopback; commands reach it and no other."""
    started_aws.reset()
    for name, value in started_aws.environment().items():
        no_aws.setenv(name, value)
    return started_aws


@pytest.fixture(scope="session")
def shared_chains() -> Path:
    """The folder with chains captured from real endpoints, kept beside the checkout."""
    folder = interpreters.REPOSITORY.parent / "shared" / "chains"
    if not folder.is_dir():
        pytest.skip(f"the captured chains are not on this machine ({folder.name}/)")
    return folder


@pytest.fixture
def count_device_run(
    record_property: Callable[[str, object], None],
) -> Callable[[str, int, int], None]:
    """A function (release, tests, skipped) that adds one file's run to the closing report."""

    def count(release: str, tests: int, skipped: int) -> None:
        record_property(_DEVICE_RUN, [release, tests, skipped])

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many device tests ran on each MicroPython: one item of pytest is a whole file."""
    runs: dict[str, list[int]] = {}
    reports = [
        *terminalreporter.stats.get("passed", ()),
        *terminalreporter.stats.get("failed", ()),
    ]
    for report in reports:
        for name, value in report.user_properties:
            if name == _DEVICE_RUN and report.when == "call":
                release, *numbers = value
                totals = runs.setdefault(release, [0, 0, 0])
                for position, number in enumerate((1, *numbers)):
                    totals[position] += number
    for release, (files, tests, skipped) in sorted(runs.items()):
        terminalreporter.write_line(
            f"MicroPython {release}: {tests} device tests in {files} files, {skipped} skipped"
        )
