"""`ats-trust rotate`: a signed bundle to things, as a job of AWS IoT, watched until all have it.

Exit status: 0 when every device has proved the update; with --no-wait also while the job goes on.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ats_trust import endpoint
from ats_trust.signed import SignedBundle

from .. import output
from ..aws import add_aws_arguments, aws_failures, client
from ..aws_endpoint import describe_endpoint
from ..aws_jobs import (
    ENDED_BADLY,
    MAX_TARGETS,
    Progress,
    document,
    find_job,
    job_name,
    look_at_targets,
    make_job,
    progress_of,
    reports,
    watch,
)
from ..certificate import load
from ..chain_file import read_chain
from ..chain_report import chain_report
from ..chain_verdict import LEAF_NAMES
from ..describe import dns_names
from ..errors import ToolError, UsageError
from ..files import read_bounded
from ..inspect_file import explain_anchors
from ..rollout import (
    check_account,
    check_server,
    check_step,
    check_update,
    endpoints_of,
    read_update,
)
from ..roots import Manifest, load_manifest
from ..server_reports import live_reports
from ..thing_policy import check_thing

_MAX_LISTED = 10
_LONGEST_TIMEOUT = 10080  # Minutes; AWS IoT API reference, TimeoutConfig.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--bundle", metavar="FILE", type=Path, required=True, help="from `ats-trust sign`")
    add("--things", metavar="NAME,...", help="that shall get it")
    add("--things-file", metavar="FILE", type=Path, help="the same, one name a line")
    add("--thing-groups", metavar="NAME,...", help="all things that are in these groups now")
    add(
        "--installed",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a bundle that some of them have: it must take this one; may be repeated",
    )
    add(
        "--chain",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="judge these certificates of a server, and do not ask it; may be repeated",
    )
    add("--port", type=_port, help="of the servers (the usual one of their kind)")
    add("--address", help="where to connect, if not to what DNS says of the endpoints")
    add(
        "--without-account-endpoint",
        action="store_true",
        help="no device connects to the account's own endpoint, but to custom domains",
    )
    add("--timeout", metavar="MINUTES", type=_minutes, help="that a device may be at it")
    add(
        "--no-wait",
        action="store_true",
        help="make the job, say how far it is, and do not watch it",
    )
    add("--dry-run", action="store_true", help="check everything and make nothing")
    add("--yes", action="store_true", help="do not ask before the job is made")
    add("--json", action="store_true", help="print JSON, at the end")
    add_aws_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Check everything, show what will be made, make it, watch it."""
    things, groups = _targets(args)
    if not (args.yes or args.dry_run):
        if args.json:
            raise UsageError("--json shows no job to agree to; give --yes to make it unasked")
        if not (sys.stdin and sys.stdin.isatty()):
            raise UsageError(
                "there is no terminal to confirm at; give --yes to make the job unasked"
            )
    content = read_bounded(args.bundle, "a signed bundle")
    update = read_update(args.bundle)
    iot = client(args)
    arns = look_at_targets(iot, things, groups)
    name = job_name(update, arns)
    there = find_job(iot, name, update)
    # What is there already was checked when it was made, and is only watched.
    warnings = [] if there else _checked(args, update, iot)
    if there and groups:
        warnings.append(
            f"the job is for what was in {_some(groups)} when it was made; things that came to it "
            "since need one of their own (--things)"
        )
    for warning in warnings:
        output.warn(warning)
    if not args.json:
        _show_plan(args, update, name, there, things, groups, iot)
    if not there and not args.dry_run:
        if not args.yes and not output.confirmed(f"Make the job {name}?"):
            raise ToolError("not confirmed, so nothing was made")
        make_job(iot, name, update, arns, document(update, content), args.timeout)
    found: dict[str, Any] = {
        "job": name,
        "region": iot.meta.region_name,
        "version": update.version,
        "made": not there and not args.dry_run,
        "targets": arns,
        "warnings": warnings,
    }
    if args.dry_run:
        return _finish(args, found, None, [])
    progress = _seen(args, iot, name)
    told: list[dict[str, Any]] = []
    if not progress.succeeded:
        # Also what keeps those that are at it from coming to an end.
        told = reports(iot, name, (*ENDED_BADLY, "IN_PROGRESS"))
    return _finish(args, found, progress, told)


def _targets(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    names = args.things.split(",") if args.things is not None else []
    option = "--things"
    if args.things_file:
        content = read_bounded(args.things_file, "the names of things")
        try:
            lines = content.decode().splitlines()
        except UnicodeError:
            raise ToolError(
                f"{args.things_file} is no text; one name a line belongs there"
            ) from None
        names += [line.strip() for line in lines if line.strip()]
        option = "--things, --things-file"
    groups = args.thing_groups.split(",") if args.thing_groups is not None else []
    for name in names:
        check_thing(option, name)
    for name in groups:
        check_thing("--thing-groups", name)
    names, groups = list(dict.fromkeys(names)), list(dict.fromkeys(groups))
    if not names and not groups:
        raise UsageError("say who shall get it: --things A,B, --things-file or --thing-groups")
    if len(names) + len(groups) > MAX_TARGETS:
        raise UsageError(
            f"{len(names) + len(groups)} targets are more than the {MAX_TARGETS} that AWS takes "
            "for a job; put the things into a thing group, and give --thing-groups"
        )
    return names, groups


def _checked(args: argparse.Namespace, update: SignedBundle, iot: Any) -> list[str]:
    """Refuse what devices would refuse, or what would cut them off; return what to warn of."""
    manifest = load_manifest()
    now = datetime.now(UTC)
    warnings = check_update(args.bundle, update, now)
    warnings += explain_anchors(update, manifest, now)[1]
    for path in args.installed:
        read_bounded(path, "a signed bundle")
        warnings += check_step(args.bundle, update, path, manifest)
    with aws_failures():
        account = describe_endpoint(iot, "data-ats")
    check_account(update, account, args.without_account_endpoint)
    if not args.installed:
        warnings.append(
            "whether devices take it from the bundle that they have was not looked at: "
            "--installed FILE does"
        )
    return warnings + _check_servers(args, update, manifest, now)


def _check_servers(
    args: argparse.Namespace, update: SignedBundle, manifest: Manifest, now: datetime
) -> list[str]:
    """Ask the servers of all listed endpoints, or take what was saved; return what to warn of."""
    warnings = []
    given = [read_chain(path)[0] for path in args.chain]
    hosts = endpoints_of(update)
    for path, chain in zip(args.chain, given, strict=True):
        if not any(_is_for(chain, host) for host in hosts):
            raise UsageError(
                f"--chain: {path} is for {', '.join(dns_names(load(chain[0]))) or 'no host'}, and "
                f"the bundle lists {', '.join(update.endpoints)}"
            )
    for host in hosts:
        chains = [chain for chain in given if _is_for(chain, host)]
        offered = [LEAF_NAMES[leaf] for leaf in update.leaf_types(host.roles)]
        judged = [
            report | {"offered": report["leaf_key"] in offered}
            for report in (
                chain_report(chain, update, host, now, manifest, None) for chain in chains
            )
        ]
        shown = {report["leaf_key"] for report in judged}
        unseen = [leaf.upper() for leaf in offered if judged and leaf not in shown]
        if unseen:
            warnings.append(
                f"--chain has no {' and no '.join(unseen)} chain of {host.host}: if its server "
                "has one, devices may be shown it, and nobody has judged it"
            )
        port = args.port or host.port
        check_server(
            host,
            judged or live_reports(update, host, port, args.address, now, manifest, None),
        )
    return warnings


def _is_for(chain: list[bytes], host: endpoint.Endpoint) -> bool:
    """Whether the server's certificate names this host, or a wildcard that stands for it."""
    names = [name.lower() for name in dns_names(load(chain[0]))]
    return host.host in names or "*." + host.host.partition(".")[2] in names


def _seen(args: argparse.Namespace, iot: Any, name: str) -> Progress:
    """How far the job is; unless --no-wait, when it has ended."""

    def changed(progress: Progress) -> None:
        if not args.json:
            output.print_line(f"{datetime.now():%H:%M:%S}  {_in_words(progress)}")

    if args.no_wait:
        progress = progress_of(iot, name)
        changed(progress)
        return progress
    try:
        return watch(iot, name, changed)
    except KeyboardInterrupt:
        output.warn(f"the job {name} goes on at AWS; the same command watches it again")
        raise


def _in_words(progress: Progress) -> str:
    counts = [f"{count} {state}" for state, count in progress.counts.items() if count]
    return f"{progress.status}: {', '.join(counts) or 'no device has been told yet'}"


def _show_plan(
    args: argparse.Namespace,
    update: SignedBundle,
    name: str,
    there: bool,
    things: list[str],
    groups: list[str],
    iot: Any,
) -> None:
    whom = [f"{len(things)} things ({_some(things)})"] if things else []
    whom += [f"all things in {_some(groups)}"] if groups else []
    accepted = ""
    if not there and args.chain:
        accepted = ": what --chain has, and what the others show, would be accepted"
    elif not there:
        accepted = ": each would be accepted today"
    output.print_fields(
        "There already at AWS" if there else "To be made at AWS",
        (
            ("job", f"{name}, in {iot.meta.region_name}"),
            ("for", " and ".join(whom)),
            ("bundle", f"{args.bundle}, version {update.version}, by {update.signer.hex()}"),
            ("proved at", ", ".join(update.endpoints) + accepted),
        ),
    )


def _some(names: list[str]) -> str:
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _finish(
    args: argparse.Namespace,
    found: dict[str, Any],
    progress: Progress | None,
    told: list[dict[str, Any]],
) -> int:
    """Say what came of it; return the exit status. told: the reports of devices."""
    found["status"] = progress and progress.status
    found["counts"] = progress and progress.counts
    found["reports"] = told
    if args.json:
        output.print_json(found)
    elif progress is None:
        output.print_line("Nothing was made (--dry-run).")
    else:
        _show_end(args, progress, told)
    good = progress is None or progress.succeeded or (args.no_wait and not progress.ended)
    return 0 if good else 1


def _show_end(args: argparse.Namespace, progress: Progress, told: list[dict[str, Any]]) -> None:
    if progress.succeeded:
        output.print_line("Every device has proved the update and keeps it.")
    elif args.no_wait and not progress.ended:
        output.print_line("The same command without --no-wait watches it.")
    for one in told[:_MAX_LISTED]:
        why = ", ".join(f"{name} {value}" for name, value in one["details"].items())
        output.print_line(f"  {one['thing']}: {one['state']}{': ' * bool(why)}{why}")
    if len(told) > _MAX_LISTED:
        output.print_line(f"  and {len(told) - _MAX_LISTED} more (--json lists them)")
    if any(one["state"] == "FAILED" for one in told):
        output.print_line(
            "What FAILED has the roots that it had before. To try again, sign the roots again."
        )


def _port(text: str) -> int:
    return _number(text, 65535, "is no TCP port")


def _minutes(text: str) -> int:
    return _number(text, _LONGEST_TIMEOUT, f"is not 1 to {_LONGEST_TIMEOUT} minutes")


def _number(text: str, most: int, wrong: str) -> int:
    number = int(text) if text.isdecimal() and len(text) < 9 else 0
    if not 0 < number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} {wrong}")
    return number
