"""`ats-trust device`: make a device's own file, change it, or show it without its key."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from .. import output
from ..inspect_file import explain_device
from ..passphrase import Passphrase, add_passphrase_argument
from ..roots import load_manifest
from . import device_change, device_create, device_fleet
from .inspect import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="create|fleet|show|move|encrypt|decrypt"
    )
    create = actions.add_parser(
        "create",
        help="put endpoint, client id, certificate and key into one file",
        description=device_create.DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    device_create.add_arguments(create)
    device_fleet.add_arguments(
        actions.add_parser("fleet", help="keys, requests and device files for thousands of things")
    )
    shown = actions.add_parser("show", help="show a device file; never the key")
    shown.add_argument("file", type=Path)
    shown.add_argument("--json", action="store_true", help="print JSON")
    add_passphrase_argument(shown, "to check an encrypted key against the certificate")
    device_change.add_arguments(actions)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.action == "create":
        return device_create.run(args)
    if args.action == "fleet":
        return device_fleet.run(args)
    if args.action != "show":
        return device_change.run(args)
    passphrase = Passphrase(args.passphrase_file) if args.passphrase_file else None
    found = explain_device(args.file, load_manifest(), datetime.now(UTC), passphrase)
    for warning in found["warnings"]:
        output.warn(warning)
    if args.json:
        output.print_json(found)
    else:
        show(args.file, found)
    return 0
