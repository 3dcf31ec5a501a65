"""`ats-trust device move`, `encrypt` and `decrypt`: the same device in another file.

Rules: key and certificate stay; the old file stays whole until the new one is on disk. What is
written is the owner's alone (0600).
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import output
from ..arguments import endpoint_host, output_file
from ..device_blob import Device
from ..device_file import decrypted, encrypted, read_device, refuse_other_key, write_device
from ..endpoints import device_warnings
from ..errors import ToolError
from ..passphrase import Passphrase, add_passphrase_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare those of one of the three, which is the parser's default for `action`."""
    action = parser.get_default("action")
    add = parser.add_argument
    add("file", type=Path)
    if action == "move":
        add(
            "--endpoint",
            metavar="HOST",
            type=endpoint_host,
            required=True,
            help="the new one, as describe-endpoint prints it",
        )
        add(
            "--port", metavar="N", type=int, help="by default the new endpoint's usual port (8883)"
        )
    where: dict[str, Any] = {"help": "by default the same file"}
    if action == "decrypt":
        where = {"help": "mode 0600", "required": True}
    add("-o", "--output", metavar="FILE", type=output_file, **where)
    if action != "move":
        add_passphrase_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    path: Path = args.file
    target: Path = args.output or path
    device = read_device(path)
    if target.resolve() != path.resolve():
        refuse_other_key(target, device)
    if args.action == "move":
        _move(args, device, target)
        return 0
    passphrase = Passphrase(args.passphrase_file)
    if args.action == "encrypt":
        if device.encrypted:
            raise ToolError(
                f"{path} is encrypted already; for another passphrase decrypt it first"
            )
        write_device(target, encrypted(device, passphrase.new(str(target))))
        output.print_line(
            f"Wrote {target}: its private key is encrypted; on a board it will be plain."
        )
        if target == path:
            output.print_line("The plain file was replaced; copies and backups of it stay plain.")
        return 0
    if not device.encrypted:
        raise ToolError(f"{path} is not encrypted; a board can have it as it is")
    write_device(target, decrypted(device, path, passphrase))
    output.print_line(f"Wrote {target}, readable by you only; its private key is in plain.")
    return 0


def _move(args: argparse.Namespace, device: Device, target: Path) -> None:
    port = args.endpoint.port if args.port is None else args.port
    moved = replace(device, endpoint=args.endpoint.host, port=port)
    if moved == device and target == args.file:
        output.print_line(f"{target} points at {device.endpoint}:{device.port} already.")
    else:
        write_device(target, moved)
        output.print_line(
            f"Wrote {target}: {moved.endpoint}:{moved.port} in place of "
            f"{device.endpoint}:{device.port}, with the same certificate and key."
        )
    for warning in device_warnings(args.endpoint, port):
        output.warn(warning)
