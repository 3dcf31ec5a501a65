"""`ats-trust device fleet`: keys, requests and device files for thousands of things."""

import argparse
import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

from .. import aws, output
from ..arguments import endpoint_host, output_file
from ..errors import ToolError, UsageError
from ..fleet import summary
from ..fleet.journal import Journal, open_fleet
from ..fleet.making import make_all, remove_partials
from ..fleet.registration import (
    PARAMETERS,
    TEMPLATE,
    commands,
    fleet_policy,
    named_otherwise,
    place,
    policy_name,
)
from ..fleet.things import check_unchanged, read_things

MAX_LISTED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to begin from, and the folder."""
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--csv", metavar="FILE", type=Path, help="the things: make a key and a request for each"
    )
    source.add_argument(
        "--results", metavar="FILE", type=Path, help="RESULTS of AWS's bulk registration"
    )
    source.add_argument(
        "--certs", metavar="FOLDER", type=Path, help="certificates, of a CA of your own"
    )
    source.add_argument(
        "--aws", action="store_true", help="ask AWS for the certificates, thing by thing"
    )
    add(
        "-o", "--output", metavar="DIR", type=output_file, required=True, help="the fleet's folder"
    )
    add("--endpoint", metavar="HOST", type=endpoint_host, help="for all lines that name none")
    add("--processes", metavar="N", type=int, help="by default one for each core")
    add("--policy", metavar="NAME", help="a policy at AWS, instead of one made for the fleet")
    add("--jobs", action="store_true", help="its policy lets devices take AWS IoT Jobs: new roots")
    add("--account", metavar="ID", help="AWS account, for the ARNs in the policy")
    add("--csr-files", action="store_true", help="each request in a file of its own too")
    add("--yes", action="store_true", help="with --aws: do not ask before the policy is made")
    add("--json", action="store_true", help="print JSON")
    aws.add_aws_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    _check(args)
    # Hundreds of thousands of objects are made and none is thrown away: looking for rubbish among
    # them takes a tenth of the time.
    gc.disable()
    try:
        return _create(args) if args.csv else _ask_aws(args) if args.aws else _complete(args)
    finally:
        gc.enable()


def _create(args: argparse.Namespace) -> int:
    things = read_things(args.csv, args.endpoint)
    with open_fleet(args.output, create=True) as journal:
        check_unchanged(args.csv, things, journal.state.things)
        wanted = [thing for _, thing in things.values()]
        with _Progress("keys and requests", len(wanted)) as progress:
            made = make_all(journal, wanted, _processes(args), progress.advance)
        return _finish(args, journal, {"made": made})


def _check(args: argparse.Namespace) -> None:
    if args.processes is not None and not 1 <= args.processes <= 256:
        raise UsageError("--processes: it is not between 1 and 256")
    if args.account is not None and not (args.account.isdecimal() and len(args.account) == 12):
        raise UsageError("--account: an AWS account is a number of 12 digits")
    if args.csv is None and (args.endpoint or args.processes):
        raise UsageError("--endpoint and --processes go with --csv only")
    if args.jobs and args.policy:
        raise UsageError("--jobs is for the fleet's own policy; the one of --policy is as it is")


def _processes(args: argparse.Namespace) -> int:
    if args.processes:
        return int(args.processes)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS.
        return os.cpu_count() or 1


def _complete(args: argparse.Namespace) -> int:
    # Imported here and below, because --csv needs none of it and would wait for it.
    from ..fleet.certificates import accept, from_folder, from_results

    with open_fleet(args.output, create=False) as journal:
        remove_partials(args.output)
        read = from_results if args.results else from_folder
        answer = read(args.results or args.certs, journal)
        with _Progress("device files", len(answer.found)) as progress:
            accepted = accept(journal, answer, progress.advance)
        for text in answer.warnings:
            output.warn(text)
        return _finish(args, journal, {"accepted": accepted, "errors": answer.errors})


def _ask_aws(args: argparse.Namespace) -> int:
    from ..fleet import aws_things

    patient = aws.client(args)
    once = aws.client(args, limits=aws.Limits(attempts=1))
    with open_fleet(args.output, create=False) as journal:
        remove_partials(args.output)
        waiting = [n for n in journal.state.things if n not in journal.state.attached]
        name = _policy(args, journal, patient)
        with _Progress("certificates", len(waiting)) as progress:
            account = aws_things.Account(patient, once)
            made, orphans = aws_things.register(journal, account, name, progress.advance)
        return _finish(args, journal, {"accepted": made + orphans, "errors": []})


def _policy(args: argparse.Namespace, journal: Journal, client: Any) -> str:
    """Return the name of the policy at AWS; a fleet's own is shown, agreed to and made."""
    from ..aws_policy import ensure_policy

    if args.policy:
        return str(args.policy)
    things = list(journal.state.things.values())
    others = named_otherwise(things)
    if others:
        raise ToolError(
            f"{others[0]} has another client id than its name, which a policy for a whole fleet "
            "can not tell apart; make a policy of your own and give its name with --policy"
        )
    for partition, region in {place(thing.endpoint) for thing in things}:
        if region not in ("*", client.meta.region_name):
            raise ToolError(
                f"the endpoint of the things is in {region} ({partition}) and AWS was to be asked "
                f"in {client.meta.region_name}; give --region {region}"
            )
    with aws.aws_failures():
        account = aws.client(args, "sts").get_caller_identity()["Account"]
    document = fleet_policy(
        client.meta.region_name, account, client.meta.partition, jobs=args.jobs
    )
    name = policy_name(document)
    if name != journal.state.policy:
        print(f"Policy {name}:\n{json.dumps(document, indent=2)}", file=sys.stderr)
        if not args.yes and not output.confirmed("Make this policy and the things at AWS?"):
            raise ToolError("nothing was made at AWS; --yes makes the policy without asking")
    ensure_policy(client, name, document)
    return name


def _finish(args: argparse.Namespace, journal: Journal, report: dict[str, object]) -> int:
    """Write what follows from the journal, and say what there is and what is next."""
    state = journal.state
    refused = summary.write_registration(journal, args.policy, args.account or "*", jobs=args.jobs)
    files = summary.write_requests(journal) if args.csr_files else 0
    summary.write_manifest(journal)
    waiting = [name for name in state.things if name not in state.certificates]
    for text in refused:
        output.warn(text)
    if args.json:
        output.print_json(
            {"folder": str(args.output), **report, "things": len(state.things), "waiting": waiting}
        )
        return 0
    _say(args, journal, report, waiting, files)
    return 0


def _say(
    args: argparse.Namespace,
    journal: Journal,
    report: dict[str, object],
    waiting: list[str],
    files: int,
) -> None:
    folder = args.output
    total = len(journal.state.things)
    if "made" in report:
        output.print_line(f"Made {report['made']} keys and requests; {folder} has {total} things.")
    if "accepted" in report:
        output.print_line(
            f"Made {report['accepted']} device files; {folder} has {total - len(waiting)} of "
            f"{total} things complete."
        )
    errors = report.get("errors")
    if isinstance(errors, list) and errors:
        output.print_line(f"AWS reported {len(errors)} errors:")
        for text in errors[:MAX_LISTED]:
            output.print_line("  " + text)
        _more(errors)
    if files:
        output.print_line(f"Wrote {files} requests to {folder / 'csr'}.")
    output.print_line(f"All things are in {folder / summary.MANIFEST}.")
    output.print_line(f"Private keys are in {folder}, which only you can read; keep it so.")
    if not waiting:
        return
    output.print_line(f"{len(waiting)} things have no certificate:")
    for name in waiting[:MAX_LISTED]:
        output.print_line("  " + name)
    _more(waiting)
    if (folder / PARAMETERS).exists():
        output.print_line(f"To register them at AWS ({TEMPLATE} says with which policy):")
        for line in commands(folder):
            output.print_line("  " + line)


def _more(listed: list[str]) -> None:
    if len(listed) > MAX_LISTED:
        output.print_line(f"  and {len(listed) - MAX_LISTED} more")


class _Progress:
    """A bar on stderr, when that is a terminal."""

    def __init__(self, what: str, total: int) -> None:
        self._bar = output.progress(what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, count: int) -> None:
        """Count what was done."""
        self._bar.advance(self._task, count)
