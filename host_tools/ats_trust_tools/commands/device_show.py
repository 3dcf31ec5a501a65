"""`ats-trust device show`: a device file without its key."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from .. import output
from ..inspect_file import explain_device
from ..passphrase import Passphrase, add_passphrase_argument
from ..roots import load_manifest
from .inspect import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file, and what opens it."""
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_passphrase_argument(parser, "to check an encrypted key against the certificate")


def run(args: argparse.Namespace) -> int:
    """Show it."""
    passphrase = Passphrase(args.passphrase_file) if args.passphrase_file else None
    found = explain_device(args.file, load_manifest(), datetime.now(UTC), passphrase)
    for warning in found["warnings"]:
        output.warn(warning)
    if args.json:
        output.print_json(found)
    else:
        show(args.file, found)
    return 0
