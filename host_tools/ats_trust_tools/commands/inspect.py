"""`ats-trust inspect FILE`: what is in it, and what to beware of."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import output
from ..describe import as_fields
from ..inspect_file import explain
from ..roots import load_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "file", type=Path, help="a bundle, a device file, certificates, or .pub.pem"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Explain the file."""
    return show(args, explain(args.file, load_manifest(), datetime.now(UTC)))


def show(args: argparse.Namespace, found: dict[str, Any]) -> int:
    """Show what was found in args.file, with its warnings; return the exit status.

    1 for an update whose signature does not hold: everything is shown, and nothing believed.
    """
    for warning in found["warnings"]:
        output.warn(warning)
    if args.json:
        output.print_json(found)
    else:
        _show(args.file, found)
    return 1 if found["kind"] == "bundle" and (found["update"] or {}).get("refused") else 0


def _show(path: Path, found: dict[str, Any]) -> None:
    if found["kind"] == "bundle":
        _show_bundle(path, found)
    elif found["kind"] == "device":
        _show_device(path, found)
    elif found["kind"] == "private key":
        output.print_line(f"{path}: a private key. It is not shown.")
    elif found["kind"] == "public key":
        output.print_line(f"{path}: the public half of a signing key, key id {found['key_id']}")
    else:
        _show_certificates(path, found["certificates"])


def _show_bundle(path: Path, found: dict[str, Any]) -> None:
    output.print_fields(
        f"{path}: a bundle of trust anchors, whole (SHA-256)",
        as_fields(
            {key: found[key] for key in ("format", "version", "built_at", "not_after", "bytes")}
        ),
    )
    output.print_line()
    if found["update"]:
        _show_update(found["update"])
    output.print_table(
        "Anchors in order of preference",
        ("", "anchor", "key", "servers", "role", "bytes#", "heap#", "days#"),
        [
            (
                number,
                anchor["name"],
                anchor["key"],
                ", ".join(leaf.upper() for leaf in anchor["leaf_keys"]),
                " ".join(anchor["roles"]),
                anchor["trimmed_bytes"],
                anchor["heap_bytes"],
                anchor["days_left"],
            )
            for number, anchor in enumerate(found["anchors"], 1)
        ],
    )


def _show_update(update: dict[str, Any]) -> None:
    past = ": past, it is installed no more" if update["expired"] else ", as an update"
    fields = [
        ("signed by", f"{update['signer']}: {update['refused'] or 'the signature holds'}"),
        ("next one by", " or ".join(update["signers"])),
        ("expires", update["expires"] + past),
        ("proved at", ", ".join(update["endpoints"])),
        ("distrust", "of all that it leaves out" if update["distrust"] else "no"),
    ]
    output.print_fields("Signed, to be installed over the air", fields)
    output.print_line()


def _show_device(path: Path, found: dict[str, Any]) -> None:
    wanted = ("endpoint", "port", "client_id", "private_key", "key_checked", "waits_since")
    output.print_fields(
        f"{path}: a device file, whole (SHA-256)",
        as_fields({key: found[key] for key in wanted}),
    )
    if found["certificate"]:
        output.print_line()
        output.print_fields("its certificate", as_fields(found["certificate"]))


def _show_certificates(path: Path, certificates: list[dict[str, object]]) -> None:
    for number, facts in enumerate(certificates, 1):
        of = f" {number} of {len(certificates)}" if len(certificates) > 1 else ""
        if number > 1:
            output.print_line()
        output.print_fields(f"{path}: certificate{of}", as_fields(facts))
