"""The library and its bundles stay within the sizes that benchmarks/budgets.toml allows."""

import re
import tomllib
from pathlib import Path

import pytest
import sizes

import interpreters
from ats_trust_tools import cli

BUDGETS = tomllib.loads(
    (interpreters.REPOSITORY / "benchmarks" / "budgets.toml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def measured() -> sizes.Sizes:
    release = interpreters.releases()[0]
    assert isinstance(release, interpreters.MicroPython), release
    return sizes.measure(release)


def test_compiled_library(measured: sizes.Sizes) -> None:
    """All modules together, compiled, are within the limit."""
    assert measured.total_mpy <= BUDGETS["mpy"]["all"]


def test_compiled_core(measured: sizes.Sizes) -> None:
    """The modules that a connection imports are within the limit; the others stay unimported."""
    assert measured.core_mpy <= BUDGETS["mpy"]["connection"]
    assert measured.core.isdisjoint({"explain", "credentials", "pins", "signature"})


def test_figures_of_the_readme(measured: sizes.Sizes) -> None:
    """The sizes that the README gives are those of this library."""
    readme = (interpreters.REPOSITORY / "README.md").read_text(encoding="utf-8")
    source = sum(source for source, _ in measured.modules.values())
    remedies = sizes.REMEDIES.stat().st_size
    for size in (source, remedies, measured.core_mpy, measured.total_mpy):
        assert f"| {size:,} |" in readme, size


def test_board_figures_of_the_readme() -> None:
    """What the README says of a connection on a board is what `make bench` wrote."""
    readme = (interpreters.REPOSITORY / "README.md").read_text(encoding="utf-8")
    benchmarks = (interpreters.REPOSITORY / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.endswith("| `make bench` |")]
    figures = [figure for row in rows for figure in re.findall(r"\d\d?,\d{3}", row)]
    assert len(figures) >= 8
    assert [figure for figure in figures if f"| {figure} |" not in benchmarks] == []


def test_heap_before_a_connection(measured: sizes.Sizes) -> None:
    """What the library holds before a connection is within the limit."""
    assert 0 < measured.heap <= BUDGETS["heap"]["before_connection"]


@pytest.mark.parametrize(
    ("roots", "budget"),
    [
        (
            "amazon-root-ca-1,amazon-root-ca-2,amazon-root-ca-3,amazon-root-ca-4,"
            "starfield-services-g2",
            "all_recommended_roots",
        ),
        ("amazon-root-ca-1,amazon-root-ca-3", "ca1_and_ca3"),
    ],
)
def test_bundle(roots: str, budget: str, tmp_path: Path) -> None:
    """The bundles that most boards get are within their limits."""
    path = tmp_path / "roots.bin"
    assert cli.main(["bundle", "--roots", roots, "-o", str(path)]) == 0
    assert 0 < path.stat().st_size <= BUDGETS["bundle"][budget]
