"""`ats-trust device`: make a device's own file, or show one without its key."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from ats_trust import endpoint

from .. import output
from ..arguments import aws_lookalike, endpoint_host, output_file
from ..device_blob import encode_device
from ..device_check import check_client_id, check_credentials
from ..endpoints import ats_host
from ..files import read_bounded, refuse_same_file, write_atomically
from ..inspect_file import explain_device
from ..roots import load_manifest
from . import device_fleet
from .inspect import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `create`, `fleet` and `show FILE`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|fleet|show")
    create = actions.add_parser(
        "create", help="put endpoint, client id, certificate and key into one file"
    )
    add = create.add_argument
    add(
        "--endpoint",
        metavar="HOST",
        type=endpoint_host,
        required=True,
        help="as describe-endpoint prints it",
    )
    add("--client-id", metavar="ID", required=True, help="MQTT client id; often the thing's name")
    add("--cert", metavar="FILE", type=Path, required=True, help="the device's certificate")
    add("--key", metavar="FILE", type=Path, required=True, help="its private key, not encrypted")
    add("--port", metavar="N", type=int, help="by default the endpoint's usual port (8883)")
    add(
        "-o",
        "--output",
        metavar="FILE",
        type=output_file,
        required=True,
        help="device.bin, mode 0600",
    )
    device_fleet.add_arguments(
        actions.add_parser("fleet", help="keys, requests and device files for thousands of things")
    )
    shown = actions.add_parser("show", help="show a device file; never the key")
    shown.add_argument("file", type=Path)
    shown.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.action == "create":
        return _create(args)
    if args.action == "fleet":
        return device_fleet.run(args)
    found = explain_device(args.file, load_manifest(), datetime.now(UTC))
    for warning in found["warnings"]:
        output.warn(warning)
    if args.json:
        output.print_json(found)
    else:
        show(args.file, found)
    return 0


def _create(args: argparse.Namespace) -> int:
    host: endpoint.Endpoint = args.endpoint
    check_client_id(args.client_id)
    refuse_same_file(args.output, (args.cert, args.key))
    credentials = check_credentials(
        read_bounded(args.cert, "the device's certificate"),
        read_bounded(args.key, "the device's private key"),
        load_manifest(),
        datetime.now(UTC),
    )
    port = host.port if args.port is None else args.port
    blob = encode_device(host.host, port, args.client_id, credentials.certificate, credentials.key)
    write_atomically(args.output, blob, mode=0o600)
    for warning in (*_endpoint_warnings(host, port), *credentials.warnings):
        output.warn(warning)
    output.print_line(
        f"Wrote {args.output}: {len(blob)} bytes, readable by you only; it holds a private key."
    )
    return 0


def _endpoint_warnings(host: endpoint.Endpoint, port: int) -> list[str]:
    warnings = aws_lookalike(host)
    if host.kind == "data-legacy":
        warnings.append(
            f"{host.host} is a legacy endpoint, which AWS no longer supports and which needs a "
            f"bundle made with --endpoint {host.host}; use {ats_host(host)} instead"
        )
    if host.kind == "control":
        warnings.append(
            f"{host.host} is AWS's control plane, not a data endpoint: devices can not use MQTT "
            "there; `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints the right one"
        )
    if port == 443 and host.kind in ("data-ats", "data-legacy"):
        warnings.append(
            "port 443 of a data endpoint needs ALPN, which MicroPython does not have; use 8883"
        )
    return warnings
