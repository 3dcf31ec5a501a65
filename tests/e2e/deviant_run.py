"""Meet every deviant chain in real handshakes: with MicroPython alone, and with ats_trust."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ats_trust_tools.bundle import Anchor, encode_bundle
from e2e.deviant_chains import Deviation, Plan, Rule
from e2e.deviant_server import Server
from e2e.deviations_form import FORM_GOOD, FORM_LEFT_OUT, FORM_RULES
from e2e.deviations_keys import good_keys, key_rules, keys_left_out
from e2e.deviations_names import NAME_RULES, NAMES_GOOD, NAMES_LEFT_OUT
from e2e.deviations_rights import RIGHTS_LEFT_OUT, RIGHTS_RULES
from e2e.device_run import Interpreter, Job, Report, run_jobs

_SECONDS = 10


class Met(NamedTuple):
    """One chain, met in both ways. sent: application bytes that ats_trust sent."""

    stock: Report
    stock_sent: int
    ats_trust: Report
    sent: int


@cache
def rules() -> tuple[Rule, ...]:
    """The rules that ats_trust keeps."""
    return (*NAME_RULES, *RIGHTS_RULES, *key_rules(), *FORM_RULES)


@cache
def left_out() -> tuple[Rule, ...]:
    """Rules of the books that it does not keep."""
    return (*NAMES_LEFT_OUT, *RIGHTS_LEFT_OUT, *keys_left_out(), *FORM_LEFT_OUT)


@cache
def good() -> tuple[Deviation, ...]:
    """Chains that keep every rule, first the one that all others deviate from."""
    unchanged = Deviation("unchanged", "-", None, lambda plan: None)
    return (unchanged, *NAMES_GOOD, *good_keys(), *FORM_GOOD)


def deviations() -> dict[str, Deviation]:
    """All of them by name, the good chains first."""
    every = [*good(), *(one for rule in (*rules(), *left_out()) for one in rule.deviations)]
    found = {one.name: one for one in every}
    assert len(found) == len(every), "two deviations of one name"
    return found


def meet_all(interpreter: Interpreter, *, stock: bool = True) -> dict[str, Met]:
    """Every deviation, met by this interpreter; without `stock` by ats_trust only ({})."""
    plans = {name: one.plan for name, one in deviations().items()}
    root = Plan().root.signed()
    with tempfile.TemporaryDirectory() as folder:
        root_path, bundle_path = Path(folder, "root.der"), Path(folder, "roots.bin")
        root_path.write_bytes(root)
        anchor = Anchor(root, frozenset({"rsa", "ecdsa"}), frozenset({"own"}))
        built_at = datetime.now(UTC).replace(microsecond=0)
        bundle_path.write_bytes(encode_bundle([anchor], version=1, built_at=built_at))
        with Server({name: plan.chain for name, plan in plans.items()}) as server:
            mine = _meet(
                interpreter, server, plans, "connect", {"options": {"bundle": bundle_path}}
            )
            alone: dict[str, tuple[Report, int]] = {name: ({}, 0) for name in plans}
            if stock:
                way = {"way": "required", "root": root_path, "timeout": _SECONDS}
                alone = _meet(interpreter, server, plans, "stock", way)
    return {name: Met(*alone[name], *mine[name]) for name in plans}


def _meet(
    interpreter: Interpreter, server: Server, plans: dict[str, Plan], program: str, more: Job
) -> dict[str, tuple[Report, int]]:
    jobs = [
        {"host": plan.host, "port": server.ports[name], **more} for name, plan in plans.items()
    ]
    reports = run_jobs(interpreter, program, jobs, timeout=120)
    return {
        name: (report, server.visit(name).application_bytes)
        for name, report in zip(plans, reports, strict=True)
    }
