"""docs/refusals.md: what each impostor meets, with MicroPython alone and with ats_trust.

    .venv/bin/python tests/e2e/refusals_page.py

runs every impostor against the newest MicroPython and writes the page anew.
test_refusals_page.py runs them again and compares what does not change from day to day.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # When run as a program.

import interpreters
from ats_trust_tools.emulate import IMPOSTORS
from ats_trust_tools.files import write_atomically
from e2e.device_run import Job, Report, run_jobs
from e2e.doors import Door, Doors
from e2e.test_impostors import job_of
from interpreters import REPOSITORY, MicroPython

PAGE = REPOSITORY / "docs" / "refusals.md"

_HEAD = """\
# Who is refused, and how

Every impostor of `ats-trust emulate`, met by MicroPython {version} with {mbedtls} in three ways:

- **`ssl` as it starts**: `ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)` and `wrap_socket(sock, \
server_hostname=host)`. It verifies nothing.
- **`CERT_REQUIRED` by hand**: the same with `verify_mode = ssl.CERT_REQUIRED` and \
`load_verify_locations` of the one right root.
- **ats_trust**: `ats_trust.connect(host)` with all five roots on flash.

*Accepted* means that the server got the first message of the application. With ats_trust no \
impostor gets a byte. The last three are the genuine server, refusing the device; the very last \
does so after it has read CONNECT. This page is written by `{command}` from a run, and a test \
repeats the run.

| impostor | `ssl` as it starts | `CERT_REQUIRED` by hand | ats_trust |
|---|---|---|---|
"""
_MIDDLE = """
## What ats_trust says

| impostor | what it is | error | what to do |
|---|---|---|---|
"""
_TAIL = """
A refusal is never an `OSError`, which MQTT clients take for the network and retry. Where the \
table says `OSError`, nobody was found wanting: the connection failed, and may be tried again.
"""
_COMMAND = ".venv/bin/python tests/e2e/refusals_page.py"


class Met(NamedTuple):
    """One impostor, met in the three ways."""

    off: str
    required: str
    ats_trust: Report


def verdict(report: Report) -> str:
    """Class and code of what ats_trust says."""
    return f"{report['class']} `{report['code']}`" if "code" in report else report["class"]


def said(report: Report) -> str:
    """The same with the details, without the time of this run, which says nothing to a reader."""
    if "code" not in report:
        return f"`{report['text']}`"
    detail = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "DATE", report["detail"])
    shown = detail if len(detail) <= 120 else detail[:117] + "..."
    return f"{verdict(report)}: {shown}".replace("|", "\\|")


def meet_all(doors: Doors, micropython: MicroPython) -> dict[str, Met]:
    """Every impostor with the chain that it has, RSA where it has both."""
    jobs = {name: job_of(doors, name, one.kinds[0]) for name, one in IMPOSTORS.items()}
    mine = run_jobs(micropython, "connect", list(jobs.values()), timeout=120)
    off, required = (_stock(doors, micropython, jobs, way) for way in ("off", "required"))
    return {
        name: Met(off[name], required[name], report)
        for name, report in zip(jobs, mine, strict=True)
    }


def _stock(
    doors: Doors, micropython: MicroPython, jobs: dict[str, Job], way: str
) -> dict[str, str]:
    """What MicroPython alone makes of each."""
    met = {name: doors.open(IMPOSTORS[name].kinds[0], impostor=name) for name in jobs}
    stock = []
    for name, door in met.items():
        kind = IMPOSTORS[name].kinds[0]
        root = door.folder / "root.der"
        root.write_bytes(door.root(kind))
        job: Job = {"host": door.host, "port": door.port, "way": way, "root": root, "timeout": 1}
        if "cert" in jobs[name]["options"]:
            # In DER, which every port can read.
            job["cert"], job["key"] = ({"hex": part.hex()} for part in door.device(kind))
        stock.append(job)
        door.visits()
    reports = run_jobs(micropython, "stock", stock, timeout=60)
    return {
        name: _told(door, report)
        for (name, door), report in zip(met.items(), reports, strict=True)
    }


def _told(door: Door, report: Report) -> str:
    [seen] = door.visits()
    if report["class"] == "accepted":
        assert seen.after_handshake > 0
        return "**accepted**"
    assert seen.application_bytes == 0
    error = report["args"][0]
    if error == 110:
        return "waits for ever"
    return f"{report['class']}: {str(error).strip()}"


def page(met: dict[str, Met], micropython: MicroPython) -> str:
    """The page's text."""
    head = _HEAD.format(version=micropython.version, mbedtls=micropython.mbedtls, command=_COMMAND)
    first = "".join(
        f"| {name} | {one.off} | {one.required} | {verdict(one.ats_trust)} |\n"
        for name, one in met.items()
    )
    second = "".join(
        f"| {name} | {IMPOSTORS[name].summary} | {said(one.ats_trust)} | {_remedy(one)} |\n"
        for name, one in met.items()
    )
    return head + first + _MIDDLE + second + _TAIL


def _remedy(one: Met) -> str:
    return str(one.ats_trust.get("remedy", "Try again; if it stays, look at the network."))


def main() -> int:
    """Write the page."""
    [micropython, *_] = interpreters.releases()
    if not isinstance(micropython, MicroPython):
        print(f"refusals_page: {micropython.reason}", file=sys.stderr)
        return 1
    doors = Doors()
    try:
        text = page(meet_all(doors, micropython), micropython)
    finally:
        doors.close()
    write_atomically(PAGE, text.encode())
    print(f"wrote {PAGE.relative_to(REPOSITORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
