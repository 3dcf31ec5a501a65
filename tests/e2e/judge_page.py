"""docs/judge.md: every rule for a server's chain, and who keeps it: stock Mbed TLS, and ats_trust.

    .venv/bin/python tests/e2e/judge_page.py

meets every deviant chain with the newest MicroPython and writes the page anew.
test_judge_rules.py meets them again and compares what does not change from day to day.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # When run as a program.

import interpreters
from ats_trust_tools.files import write_atomically
from e2e.deviant_chains import Deviation, Rule
from e2e.deviant_run import Met, good, left_out, meet_all, rules
from e2e.device_run import Report
from e2e.refusals_page import said
from interpreters import REPOSITORY, MicroPython

PAGE = REPOSITORY / "docs" / "judge.md"

_HEAD = """\
# What is judged in a server's chain

Chains that break one rule each, met by MicroPython {version} with {mbedtls} in two ways:

- **`CERT_REQUIRED` by hand**: `ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)` with `verify_mode = \
ssl.CERT_REQUIRED`, `load_verify_locations` of the one right root, and `server_hostname`: stock \
Mbed TLS, used as well as one can.
- **ats_trust**: `ats_trust.connect(host)` with that root as an own CA.

*Accepted* means that the server proved its key in a real handshake and got the first message of \
the application; from ats_trust no chain that breaks a rule gets a byte. Of {broken} such chains \
Mbed TLS accepts {let_pass}. What the rules are good for: a certificate that is not in form is \
one that programs read differently, and whoever can get a certificate for one purpose, name or \
depth must not be able to use it for another.

Signatures, validity and the path itself are Mbed TLS's to check. Some chains it refuses before \
anybody has seen a certificate; of these ats_trust says what the error number tells. The rules \
hold below the root: of the root itself, which the bundle brings, only name, key and validity \
count (Starfield's has the serial number 0). This page is written by `{command}` from a run, and \
a test repeats the run.

## Chains that keep every rule

Root, two intermediates and leaf, as a public CA issues them, each with a key on P-256; and the \
same with one thing different that may be so. All chains below are the first of these with one \
thing changed.

"""
_IN_SHORT = """
## In short

| rule | chains that break it | of these Mbed TLS accepts | ats_trust says |
|---|---|---|---|
"""
_LEFT_OUT = """
## By the book, and left out

Rules that would refuse chains in use, or gain nothing for a client that authenticates a server. \
Such chains are accepted. None of the rules above is broken by a chain captured from a real \
endpoint (`tests/e2e/test_captured_chains.py`) or by one of the emulator's genuine ones \
(`tests/e2e/test_good_connections.py`). There is no rule about roots: a bundle's are checked when \
it is made.

"""
_REMEDIES = """
## What to do

| code | what to do |
|---|---|
"""
_TABLE = """\
| chain | where | `CERT_REQUIRED` by hand | ats_trust |
|---|---|---|---|
"""
_COMMAND = ".venv/bin/python tests/e2e/judge_page.py"


def page(met: Mapping[str, Met], micropython: MicroPython) -> str:
    """The page's text."""
    broken = [one.name for rule in rules() for one in rule.deviations]
    text = _HEAD.format(
        version=micropython.version,
        mbedtls=micropython.mbedtls,
        broken=len(broken),
        let_pass=sum(met[name].stock["class"] == "accepted" for name in broken),
        command=_COMMAND,
    )
    text += _table(good(), met) + _IN_SHORT
    text += "".join(_summary(rule, met) for rule in rules()) + "\n## Rules\n\n"
    text += "\n".join(_section(rule, met) for rule in rules()) + _LEFT_OUT
    text += "\n".join(_section(rule, met) for rule in left_out())
    refusals = [met[name].ats_trust for name in broken if "code" in met[name].ats_trust]
    return text + _REMEDIES + "".join(sorted(set(map(_remedy, refusals))))


def outcome(report: Report) -> str:
    """The code of a refusal, or "accepted"."""
    return str(report.get("code", report["class"]))


def _summary(rule: Rule, met: Mapping[str, Met]) -> str:
    accepted = sum(met[one.name].stock["class"] == "accepted" for one in rule.deviations)
    reports = [met[one.name].ats_trust for one in rule.deviations]
    codes = ", ".join(dict.fromkeys(f"`{outcome(report)}`" for report in reports))
    return f"| {rule.title} | {len(reports)} | {accepted} | {codes} |\n"


def _section(rule: Rule, met: Mapping[str, Met]) -> str:
    reason = f" Left out: {rule.left_out}" if rule.left_out else ""
    words = f"{rule.words}{reason} *{rule.clause}.*"
    return f"### {rule.title}\n\n{words}\n\n{_table(rule.deviations, met)}"


def _table(deviations: Iterable[Deviation], met: Mapping[str, Met]) -> str:
    return _TABLE + "".join(
        f"| {one.name} | {one.where} | {_alone(met[one.name].stock)} "
        f"| {_ours(met[one.name].ats_trust)} |\n"
        for one in deviations
    )


def _alone(report: Report) -> str:
    if report["class"] == "accepted":
        return "**accepted**"
    # The number and Mbed TLS's name for it, or a sentence.
    return f"{report['class']}: {', '.join(str(one).strip() for one in report['args'])}"


def _ours(report: Report) -> str:
    return said(report) if outcome(report) != "accepted" else "accepted"


def _remedy(report: Report) -> str:
    return f"| `{report['code']}` | {report['remedy']} |\n"


def main() -> int:
    """Write the page."""
    [micropython, *_] = interpreters.releases()
    if not isinstance(micropython, MicroPython):
        print(f"judge_page: {micropython.reason}", file=sys.stderr)
        return 1
    write_atomically(PAGE, page(meet_all(micropython), micropython).encode())
    print(f"wrote {PAGE.relative_to(REPOSITORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
