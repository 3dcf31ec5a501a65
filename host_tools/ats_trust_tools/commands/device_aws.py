"""`ats-trust device create --aws`: from AWS credentials to a device file, in one command.

Rules: the key is made here and stays here; what will be made at AWS, the policy above all, is
shown and confirmed first; the key is on disk before its certificate is asked for, so that a run
that is killed leaves a record which the same command takes up.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from typing import Any

from .. import aws, output
from ..aws_device import Found, Place, Registration, look_at_account, look_at_thing, register
from ..client_id import check_client_id
from ..device_blob import PENDING, Device
from ..device_file import read_device, write_device, wrote
from ..device_key import DEFAULT_KIND
from ..device_pending import completed, pending_device
from ..endpoints import device_warnings
from ..errors import ToolError, UsageError
from ..passphrase import Passphrase
from ..roots import load_manifest
from ..thing_policy import (
    check_names,
    job_topics,
    thing_policy,
    usual_policy_name,
    usual_topics,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what only this way has."""
    add = parser.add_argument_group("with --aws").add_argument
    add("--aws", action="store_true", default=None, help="register a thing of the AWS account")
    add("--thing", metavar="NAME", help="its name; the client id too, where none is given")
    add(
        "--topic",
        metavar="TOPIC",
        action="append",
        help="it may use, may end in /# (repeat for more); by default NAME/#",
    )
    add("--jobs", action="store_true", default=None, help="it may take AWS IoT Jobs: new roots")
    add("--policy-name", metavar="NAME", help="of its policy; by default ats-trust-NAME")
    add("--yes", action="store_true", default=None, help="do not ask before making all this")


def run(args: argparse.Namespace) -> int:
    """Show what will be made, have it confirmed, make it."""
    thing: str = args.thing
    client_id = thing if args.client_id is None else args.client_id
    check_client_id(client_id)
    policy_name = args.policy_name or usual_policy_name(thing)
    check_names(thing, client_id, policy_name)
    topics = [*(args.topic or usual_topics(thing)), *(job_topics(thing) if args.jobs else ())]
    thing_policy("", client_id, topics)  # What is wrong with a topic is said before AWS is asked.
    if os.path.lexists(args.output) and read_device(args.output).format != PENDING:
        raise ToolError(
            f"{args.output} is there already and would be lost; name another file, or delete "
            "that one"
        )
    if not args.yes and not (sys.stdin and sys.stdin.isatty()):
        raise UsageError("there is no terminal to confirm at; give --yes to make it unasked")
    iot = aws.client(args)
    place = look_at_account(iot, aws.client(args, "sts"))
    policy = thing_policy(place.arn, client_id, topics)
    found = look_at_thing(iot, thing, policy_name, policy)
    port = place.endpoint.port if args.port is None else args.port
    _show_plan(args, place, client_id, port, policy_name, policy, found)
    if not args.yes and not output.confirmed("Make this?"):
        raise ToolError("not confirmed, so nothing was made")

    wanted = Device(PENDING, place.endpoint.host, port, client_id, b"", b"")
    passphrase = Passphrase(args.passphrase_file) if args.encrypt else None
    device, there = pending_device(args.output, wanted, args.key_type or DEFAULT_KIND, passphrase)
    result: list[str] = []

    def keep(certificate: str) -> None:
        done, warnings = completed(
            device, certificate.encode(), load_manifest(), datetime.now(UTC)
        )
        result.append(wrote(args.output, write_device(args.output, done), done))
        for warning in warnings:
            output.warn(warning)

    plan = Registration(thing, policy_name, policy, device)
    once = aws.client(args, limits=aws.Limits(attempts=1))
    identity = register(iot, once, plan, there, keep)
    for warning in device_warnings(place.endpoint, port):
        output.warn(warning)
    if args.jobs and client_id != thing:
        output.warn(f"jobs are the thing's: the board's program has to say Jobs({thing!r}, ...)")
    output.print_line(f"Registered {thing}: certificate {identity}, policy {policy_name}.")
    output.print_line(result[0])
    return 0


def _show_plan(
    args: argparse.Namespace,
    place: Place,
    client_id: str,
    port: int,
    policy_name: str,
    policy: dict[str, Any],
    found: Found,
) -> None:
    there = "is there already"
    thing = there if found.thing else "new"
    if found.certificates:
        thing += f", with {found.certificates} certificate(s), which stay as they are"
    output.print_fields(
        "To be made at AWS",
        (
            ("account", place.arn),
            ("endpoint", f"{place.endpoint.host}:{port}"),
            ("client id", client_id),
            ("thing", f"{args.thing} ({thing})"),
            ("certificate", f"one, for a key in {args.output} that stays on this computer"),
            ("policy", f"{policy_name} ({there if found.policy else 'new'}):"),
        ),
    )
    output.print_json(policy)
