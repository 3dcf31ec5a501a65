"""docs/refusals.md says what happens: a new run gives the same verdicts."""

import re

import pytest

from ats_trust_tools.emulate import IMPOSTORS
from e2e.doors import Doors
from e2e.refusals_page import PAGE, meet_all, page
from interpreters import MicroPython

_ROW = re.compile(r"^\| (?!impostor )([a-z0-9-]+) \| (.*) \| (.*) \| (.*) \|$", re.M)


def rows(text: str) -> dict[str, tuple[bool, bool, str]]:
    """Of each impostor in the first table: accepted twice or not, and ats_trust's verdict."""
    table = text.partition("\n## ")[0]
    return {
        name: ("accepted" in off, "accepted" in required, verdict)
        for name, off, required, verdict in _ROW.findall(table)
    }


@pytest.fixture(scope="module")
def written() -> str:
    return PAGE.read_text()


def test_every_impostor_is_on_the_page(written: str) -> None:
    """Both tables have a row for each impostor."""
    assert list(rows(written)) == list(IMPOSTORS)
    explained = written.partition("\n## ")[2]
    assert [found[0] for found in _ROW.findall(explained)] == list(IMPOSTORS)


def test_the_page_is_what_happens(
    written: str, doors: Doors, newest_micropython: MicroPython
) -> None:
    """Who is accepted or refused, in each of the three ways, and with which class and code."""
    met = meet_all(doors, newest_micropython)
    assert rows(written) == rows(page(met, newest_micropython))
