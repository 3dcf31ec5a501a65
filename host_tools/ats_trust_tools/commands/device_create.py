"""`ats-trust device create`: from AWS's files, by way of a request, or from an AWS account.

Rules: which of its ways a call takes follows from its options, and an option of another way is
refused; what exists is never replaced by a new key (see `device_pending`).
"""

import argparse
import shlex
from datetime import UTC, datetime
from pathlib import Path

from .. import aws, output
from ..arguments import endpoint_host, output_file
from ..client_id import check_client_id
from ..device_blob import PENDING, PLAIN, Device
from ..device_check import check_credentials
from ..device_file import encrypted, read_device, refuse_other_key, write_device, wrote
from ..device_key import DEFAULT_KIND, KINDS
from ..device_pending import completed, pending_device, request_pem
from ..endpoints import device_warnings
from ..errors import ToolError, UsageError
from ..files import read_bounded, refuse_loss, write_atomically
from ..passphrase import Passphrase, add_passphrase_argument
from ..roots import load_manifest
from . import device_aws

DESCRIPTION = """\
Make a device file, in one of three ways:

  from the files that AWS gave you:
    ats-trust device create --endpoint HOST --client-id ID --cert FILE --key FILE -o device.bin
  with a new key that never leaves this computer; a certificate is made from the request:
    ats-trust device create --endpoint HOST --client-id ID --csr ID.csr.pem -o device.bin
    ats-trust device create --complete device.bin --cert FILE
  from nothing but AWS credentials, also with a new key:
    ats-trust device create --aws --thing NAME -o device.bin
"""

# Way: (options that it needs, options that it may have).
_ENCRYPTION = ("encrypt", "passphrase_file")
_WAYS = {
    "complete": (("complete", "cert"), ()),
    "aws": (
        ("aws", "thing", "output"),
        (
            *("client_id", "port", "key_type", "topic", "jobs", "policy_name", "yes"),
            *("profile", "region", "endpoint_url", *_ENCRYPTION),
        ),
    ),
    "csr": (("endpoint", "client_id", "csr", "output"), ("port", "key_type", *_ENCRYPTION)),
    "files": (("endpoint", "client_id", "cert", "key", "output"), ("port", *_ENCRYPTION)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of all ways."""
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--endpoint", metavar="HOST", type=endpoint_host, help="as describe-endpoint prints it")
    add("--client-id", metavar="ID", help="MQTT client id; often the thing's name")
    add("--cert", metavar="FILE", type=Path, help="the device's certificate")
    add("--key", metavar="FILE", type=Path, help="its private key, not encrypted")
    add("--port", metavar="N", type=int, help="by default the endpoint's usual port (8883)")
    add("-o", "--output", metavar="FILE", type=output_file, help="device.bin, mode 0600")
    add("--encrypt", action="store_true", default=None, help="the private key, by a passphrase")
    add_passphrase_argument(parser)
    add("--csr", metavar="FILE", type=output_file, help="make a new key; write its request here")
    add("--key-type", choices=KINDS, help=f"of a new key; by default {DEFAULT_KIND}")
    add("--complete", metavar="FILE", type=Path, help="a device file that waits for --cert")
    device_aws.add_arguments(parser)
    aws.add_aws_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Make it."""
    way = next((way for way in ("complete", "aws", "csr") if getattr(args, way)), "files")
    _check_options(args, way)
    if args.client_id is not None:
        check_client_id(args.client_id)
    if way == "aws":
        return device_aws.run(args)
    if way == "complete":
        return _complete(args)
    if way == "csr":
        return _request(args)
    return _from_files(args)


def _check_options(args: argparse.Namespace, way: str) -> None:
    needed, optional = _WAYS[way]
    known = {name for lists in _WAYS.values() for names in lists for name in names}
    given = {name for name in known if getattr(args, name) is not None}
    flag = "" if way == "files" else f" with --{way}"
    absent = [_option(name) for name in needed if name not in given]
    if absent:
        raise UsageError(
            f"the following arguments are required{flag}: {', '.join(absent)}; "
            "see `ats-trust device create --help`"
        )
    strange = sorted(_option(name) for name in given - {*needed, *optional})
    if strange:
        where = flag or " with --cert and --key"
        raise UsageError(f"{', '.join(strange)} can not be used{where}; leave it out")
    if args.passphrase_file and not args.encrypt:
        raise UsageError("--passphrase-file is for an encrypted file; add --encrypt")


def _option(name: str) -> str:
    return "-o/--output" if name == "output" else "--" + name.replace("_", "-")


def _from_files(args: argparse.Namespace) -> int:
    refuse_loss(args.output, (args.cert, args.key), device=True)
    refuse_other_key(args.output)
    credentials = check_credentials(
        read_bounded(args.cert, "the device's certificate"),
        read_bounded(args.key, "the device's private key"),
        load_manifest(),
        datetime.now(UTC),
    )
    device = Device(
        PLAIN,
        args.endpoint.host,
        _port(args),
        args.client_id,
        credentials.certificate,
        credentials.key,
    )
    refuse_other_key(args.output, device)
    if args.encrypt:
        device = encrypted(device, Passphrase(args.passphrase_file).new(str(args.output)))
    size = write_device(args.output, device)
    for warning in (*device_warnings(args.endpoint, device.port), *credentials.warnings):
        output.warn(warning)
    output.print_line(wrote(args.output, size, device))
    return 0


def _request(args: argparse.Namespace) -> int:
    if args.csr.resolve() == args.output.resolve():
        raise UsageError("--csr and -o name the same file; the request goes into one of its own")
    _refuse_foreign(args.csr)
    wanted = Device(PENDING, args.endpoint.host, _port(args), args.client_id, b"", b"")
    passphrase = Passphrase(args.passphrase_file) if args.encrypt else None
    device, there = pending_device(args.output, wanted, args.key_type or DEFAULT_KIND, passphrase)
    write_atomically(args.csr, request_pem(device))
    for warning in device_warnings(args.endpoint, device.port):
        output.warn(warning)
    state = "has its key already" if there else "holds a new private key, readable by you only"
    output.print_line(f"{args.output} {state}; {args.csr} is the request for its certificate.")
    output.print_line(
        "Have a certificate made from it, for example: aws iot create-certificate-from-csr "
        f"--set-as-active --certificate-signing-request {shlex.quote(f'file://{args.csr}')} "
        "--certificate-pem-outfile FILE"
    )
    waiting = shlex.quote(str(args.output))
    output.print_line(f"Then: ats-trust device create --complete {waiting} --cert FILE")
    return 0


def _refuse_foreign(path: Path) -> None:
    """A request may be replaced, being made anew from its key; nothing else may."""
    content = read_bounded(path, "a request") if path.is_file() else b"BEGIN CERTIFICATE REQUEST"
    if b"BEGIN CERTIFICATE REQUEST" not in content or b"PRIVATE KEY" in content:
        raise UsageError(f"--csr: {path} is there already and is no request; name another file")


def _complete(args: argparse.Namespace) -> int:
    device = read_device(args.complete)
    if device.format != PENDING:
        raise ToolError(
            f"{args.complete} waits for no certificate, it has one; look at it with "
            f"`ats-trust device show {args.complete}`"
        )
    certificate = read_bounded(args.cert, "the device's certificate")
    done, warnings = completed(device, certificate, load_manifest(), datetime.now(UTC))
    size = write_device(args.complete, done)
    for warning in warnings:
        output.warn(warning)
    output.print_line(wrote(args.complete, size, done))
    return 0


def _port(args: argparse.Namespace) -> int:
    port: int = args.endpoint.port if args.port is None else args.port
    return port
