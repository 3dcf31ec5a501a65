"""Every chain that breaks a rule is refused for it; no chain in use is; docs/judge.md says so."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from ats_trust.x509 import Certificate
from e2e.deviant_chains import Plan
from e2e.deviant_run import Met, deviations, good, left_out, meet_all, rules
from e2e.judge_page import PAGE, outcome, page
from interpreters import REPOSITORY, MicroPython

_ROW = re.compile(r"^\| (?!chain |rule )([a-z0-9-]+) \| ([a-z -]+) \| (.*) \| (.*) \|$", re.M)


@cache
def met(micropython: MicroPython) -> dict[str, Met]:
    """Every chain, met once by each release; both ways by the newest."""
    return meet_all(micropython, stock=not _is_older(micropython))


def _is_older(micropython: MicroPython) -> bool:
    return micropython.release < (1, 26)


def test_refused_for_what_is_wrong(micropython: MicroPython) -> None:
    """ats_trust refuses each with its code, and no byte of the application was sent."""
    found = met(micropython)
    broken = [one for rule in rules() for one in rule.deviations]
    assert {one.name: outcome(found[one.name].ats_trust) for one in broken} == {
        one.name: one.code for one in broken
    }
    assert {found[one.name].ats_trust["class"] for one in broken} == {"PeerRejected"}
    assert sum(found[one.name].sent for one in broken) == 0


def test_accepted_where_nothing_is_wrong(micropython: MicroPython) -> None:
    """The chain that all others deviate from is accepted, and so are those that may be."""
    found = met(micropython)
    fine = [*good(), *(one for rule in left_out() for one in rule.deviations)]
    assert {one.name: outcome(found[one.name].ats_trust) for one in fine} == {
        one.name: "accepted" for one in fine
    }
    assert {found[one.name].sent for one in fine} == {19}  # An MQTT CONNECT, see device/jobs.py.


def test_mbedtls_accepts_what_is_fine(newest_micropython: MicroPython) -> None:
    """By hand the same chains are accepted: nothing but its deviation is wrong in any. And what
    is called accepted got the application's message, all else nothing."""
    found = met(newest_micropython)
    fine = [*good(), *(one for rule in left_out() for one in rule.deviations)]
    assert {one.name: found[one.name].stock["class"] for one in fine} == {
        one.name: "accepted" for one in fine
    }
    for name, one in found.items():
        assert one.stock_sent == (19 if one.stock["class"] == "accepted" else 0), name


# What has to change along with something: a key and what names it, a subject, an old version.
_FOLLOWS = {
    "leaf.key": {"leaf.ski"},
    "lower.key": {"lower.ski", "leaf.aki", "leaf.algorithm"},
    "lower.subject": {"leaf.issuer"},
    "leaf.version": {"leaf.extensions"},
    "lower.version": {"lower.extensions"},
    "extra": {"lower.issuer", "lower.aki"},
    # A wildcard alone is accepted, as the first table says.
    "lower.constraints": {"leaf.san"},
}


def test_each_deviates_in_one_thing() -> None:
    """No chain has two things wrong, but for what follows from the one."""
    found = {name: _changes(one.plan) for name, one in deviations().items()}
    assert found.pop("unchanged") == set()
    for name, changes in found.items():
        if len(changes) > 1:
            changes = changes - set().union(*(_FOLLOWS.get(one, set()) for one in changes))
        assert len(changes) == 1, name


def _changes(plan: Plan) -> set[str]:
    """What is not as in the plain chain, signatures aside: "leaf.serial" and the like."""
    plain = Plan()
    found = {one for one in ("extra", "order") if getattr(plan, one)}
    for part in ("leaf", "lower", "upper", "root"):
        new, old = (dict(vars(getattr(one, part))) for one in (plan, plain))
        listed, plainly = new["extensions"], old["extensions"]
        if listed is not None:
            del new["extensions"], old["extensions"]
            found |= {
                f"{part}.{name}"
                for name in listed.keys() | plainly.keys()
                if listed.get(name) != plainly.get(name)
            }
        found |= {f"{part}.{name}" for name in new if name != "sign" and new[name] != old[name]}
    return found


@pytest.fixture(scope="module")
def written() -> str:
    return PAGE.read_text()


def rows(text: str) -> list[tuple[str, str, bool, str]]:
    """Of each chain: its name, where it deviates, accepted by hand or not, ats_trust's verdict."""
    return [
        (name, where, "accepted" in alone, verdict.partition(":")[0])
        for name, where, alone, verdict in _ROW.findall(text)
    ]


def test_the_page_is_what_happens(written: str, newest_micropython: MicroPython) -> None:
    """The same rows, and around them the same words."""
    anew = page(met(newest_micropython), newest_micropython)
    assert rows(written) == rows(anew)
    assert [name for name, *_ in rows(written)] == [*_names()]
    assert _headings(written) == _headings(anew)


def _names() -> list[str]:
    every = [one for rule in (*rules(), *left_out()) for one in rule.deviations]
    return [one.name for one in (*good(), *every)]


def _headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("|")][3:]


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "certs_der").glob("*.der")), ids=lambda path: path.stem
)
def test_roots_can_be_read(path: Path) -> None:
    """The rules of form hold for the roots too, old as they are."""
    certificate = Certificate(path.read_bytes())
    assert certificate.version == 3 and certificate.has_strong_key()
