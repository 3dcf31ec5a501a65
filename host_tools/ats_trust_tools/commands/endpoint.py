"""`ats-trust endpoint`: the account's endpoint, as AWS tells it, and which roots answer there."""

import argparse
import shlex

from ats_trust.endpoint import Endpoint

from .. import output
from ..aws import add_aws_arguments, aws_failures, client
from ..aws_endpoint import TYPES, describe_endpoint
from ..endpoints import ats_host, legacy_warning
from ..roots import load_manifest

_KINDS = {
    "data-ats": "MQTT and HTTPS for devices, with certificates of Amazon Trust Services",
    "data-legacy": "MQTT and HTTPS for devices, with a legacy (VeriSign) certificate",
    "credentials": "AWS credentials for devices (HTTPS)",
    "jobs": "AWS IoT Jobs (HTTPS)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--type", choices=TYPES, default="data-ats", help="data-ats by default; data is legacy"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_aws_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask AWS and show the answer."""
    iot = client(args)
    with aws_failures():
        found = describe_endpoint(iot, args.type)
    roots = [root for root in load_manifest().roots if found.kind in root.endpoints]
    warnings = _warnings(found)
    for warning in warnings:
        output.warn(warning)
    if args.json:
        output.print_json(
            {
                "endpoint": found.host,
                "type": TYPES[args.type],
                "kind": found.kind,
                "port": found.port,
                "region": iot.meta.region_name,
                "ats_endpoint": ats_host(found),
                "roots": [root.name for root in roots],
                "next": _next(found, args),
                "warnings": warnings,
            }
        )
        return 0
    output.print_fields(
        found.host,
        (
            ("kind", f"{found.kind}: {_KINDS[found.kind]}"),
            ("port", found.port),
            ("roots", ", ".join(root.name for root in roots)),
            ("next", _next(found, args)),
        ),
    )
    return 0


def _warnings(found: Endpoint) -> list[str]:
    if found.kind != "data-legacy":
        return []
    return [legacy_warning(found)]


def _next(found: Endpoint, args: argparse.Namespace) -> str:
    """What to type next; there are no secrets in it."""
    if found.kind == "data-ats":
        return (
            f"ats-trust device create --endpoint {found.host} --client-id NAME "
            "--cert certificate.pem.crt --key private.pem.key -o device.bin"
        )
    if found.kind == "data-legacy":
        # AWS makes the ATS endpoint when it is first asked for it.
        same = [
            f" --{name.replace('_', '-')} {shlex.quote(value)}"
            for name in ("profile", "region", "endpoint_url")
            if (value := getattr(args, name))
        ]
        return "ats-trust endpoint --type data-ats" + "".join(same)
    return f"ats-trust bundle --board BOARD --endpoint {found.host} --dry-run"
