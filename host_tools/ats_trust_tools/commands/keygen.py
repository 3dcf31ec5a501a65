"""`ats-trust keygen`: a key that signs bundles, hidden by a passphrase."""

import argparse

from ats_trust.signed import key_id

from .. import output
from ..arguments import output_file
from ..passphrase import Passphrase, add_passphrase_argument
from ..signing_key import make_signing_key, public_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "-o",
        "--output",
        metavar="FILE",
        type=output_file,
        required=True,
        help="signing.key.pem; the public half goes to signing.pub.pem beside it",
    )
    add("--json", action="store_true", help="print JSON")
    add_passphrase_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Make the key and say how to keep it."""
    point = make_signing_key(args.output, Passphrase(args.passphrase_file))
    public = public_file(args.output)
    identity = key_id(point).hex()
    if args.json:
        output.print_json({"key": str(args.output), "public": str(public), "key_id": identity})
        return 0
    output.print_fields(
        "A new signing key, EC P-256",
        (
            ("key id", identity),
            ("private half", f"{args.output}, encrypted, readable by you only"),
            ("public half", f"{public}, for `ats-trust sign --other-key`"),
        ),
    )
    output.print_line(
        "Boards take bundles from two keys. Make the second one on another computer and keep it "
        "offline: only it can replace this one when this one is lost."
    )
    return 0
