"""The files of a fleet's folder that follow from its journal, for people and for AWS.

manifest.csv: a line for each thing. registration.jsonl and provisioning-template.json: what AWS's
bulk registration takes, for the things that have no certificate yet and for no others, because it
would make those a second one.

Rule: they are written anew as a whole at the end of each run, so they say what the journal says.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

from ..errors import ToolError
from ..files import write_atomically
from .batch import DEVICES, read_requests, request_of, requests_file
from .journal import Journal, State
from .registration import PARAMETERS, TEMPLATE, fleet_policy, named_otherwise, place, template
from .things import Thing

MANIFEST = "manifest.csv"
_COLUMNS = (
    "thing,client_id,endpoint,port,key_type,spki_sha256,request_file,state,certificate_sha256,"
    "device_file\n"
)


def device_file(folder: Path, thing: str) -> Path:
    """Return where a thing's device file is."""
    return folder / DEVICES / f"{thing}.bin"


def write_manifest(journal: Journal) -> None:
    """Write manifest.csv."""
    write_atomically(journal.folder / MANIFEST, _manifest(journal), 0o600, flush=False)


def write_registration(
    journal: Journal, policy: str | None, account: str, *, jobs: bool = False
) -> list[str]:
    """Write what bulk registration takes; return why not, if not.

    policy: the name of one that is at AWS already; None for a fleet's own. account: "*" for any.
    jobs: the fleet's own allows AWS IoT Jobs.
    """
    state = journal.state
    waiting = [thing for name, thing in state.things.items() if name not in state.certificates]
    parameters, body = journal.folder / PARAMETERS, journal.folder / TEMPLATE
    why = _unfit(waiting, policy)
    if why or not waiting:
        for path in (parameters, body):
            path.unlink(missing_ok=True)
        return why
    if policy is None:
        partition, region = place(waiting[0].endpoint)
        document = fleet_policy(region, account, partition, jobs=jobs)
        own = {"PolicyDocument": json.dumps(document)}
    else:
        own = {"PolicyName": policy}
    columns = [name for name, _ in waiting[0].attributes]
    text = json.dumps(template(columns, own), indent=2) + "\n"
    write_atomically(body, text.encode())
    write_atomically(parameters, _waiting_lines(journal.folder, state), flush=False)
    return []


def write_requests(journal: Journal) -> int:
    """Write csr/THING.csr for each thing that has no certificate; return how many."""
    folder = journal.folder / "csr"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ToolError(f"can not use {folder}: {error.strerror}") from None
    count = 0
    for chunk in _waiting_lines(journal.folder, journal.state):
        for line in chunk.splitlines():
            name, request = request_of(line)
            write_atomically(folder / f"{name}.csr", request.encode())
            count += 1
    return count


def _manifest(journal: Journal) -> Iterator[bytes]:
    state = journal.state
    yield _COLUMNS.encode()
    for number, names in state.batches.items():
        file = requests_file(journal.folder, number).relative_to(journal.folder)
        usual = f"{file},requested,,\n" if number in state.made else f"{file},begun,,\n"
        text = []
        for name in names:
            _, client_id, host, port, key_type, _ = state.things[name]
            if client_id != name:
                client_id = _quoted(client_id)
            certified = state.certificates.get(name)
            end = usual
            if certified:
                end = f"{file},complete,{certified.sha256},{DEVICES}/{name}.bin\n"
            key = state.keys.get(name, "")
            text.append(f"{name},{client_id},{host},{port},{key_type},{key},{end}")
        yield "".join(text).encode()


def _unfit(waiting: list[Thing], policy: str | None) -> list[str]:
    others = named_otherwise(waiting)
    if others and policy is None:
        return [
            f"{others[0]} and {len(others) - 1} more have another client id than their name, and "
            "a policy for a whole fleet can not tell such apart: make one of your own and give "
            f"its name with --policy; {PARAMETERS} is not written without"
        ]
    shapes = {tuple(name for name, _ in thing.attributes) for thing in waiting}
    if len(shapes) > 1:
        return [
            "the things of this folder come from files with different columns of attributes, and "
            f"one template can not hold them; {PARAMETERS} is not written"
        ]
    return []


def _waiting_lines(folder: Path, state: State) -> Iterator[bytes]:
    for number in sorted(state.made):
        lines = read_requests(folder, number)
        if any(name in state.certificates for name in state.batches[number]):
            lines = b"".join(
                line + b"\n"
                for line in lines.splitlines()
                if request_of(line)[0] not in state.certificates
            )
        yield lines


def _quoted(text: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([text])
    return out.getvalue()
