"""`ats-trust device show`: a device file without its key."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

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
    return show(args, explain_device(args.file, load_manifest(), datetime.now(UTC), passphrase))
