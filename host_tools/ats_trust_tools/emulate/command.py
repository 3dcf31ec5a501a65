"""`ats-trust emulate`: be AWS IoT Core's front door on loopback until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ats_trust_tools import output
from ats_trust_tools.arguments import endpoint_host, output_file
from ats_trust_tools.emulate.impostors import IMPOSTORS
from ats_trust_tools.emulate.server import ADDRESS, HOST, Emulator
from ats_trust_tools.emulate.wire import Connection
from ats_trust_tools.errors import ToolError, UsageError
from ats_trust_tools.files import write_atomically

_CLIENT_ID = "emulated-device"
_POLL_SECONDS = 0.1
# All that is written to the folder of -o.
_FILES = (
    "roots.bin",
    "roots.pem",
    "device.bin",
    "emulated-rsa-certificate.pem.crt",
    "emulated-rsa-private.pem.key",
    "keys",
)
_MARK = ".ats-trust-emulator"
_MARK_TEXT = (
    "`ats-trust emulate` made this file to know its folder again. It replaces there at each "
    f"start: {', '.join(_FILES)}.\nKeep no file of your own under one of these names.\n"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--list", action="store_true", help="explain every impostor and end")
    add("--impostor", metavar="NAME", help="be this impostor (--list) instead of AWS IoT Core")
    add("--chain", choices=("rsa", "ecdsa", "both"), default="both", help="default: both")
    add(
        "--tail",
        choices=("cross-signed", "none"),
        default="cross-signed",
        help="send the root in its cross-signed form too (default), or not",
    )
    add("--tls12", action="store_true", help="offer TLS 1.2 only; by default TLS 1.3 too")
    add("--mutual-tls", action="store_true", help="demand a client certificate, as AWS does")
    add(
        "--endpoint",
        metavar="HOST",
        type=endpoint_host,
        default=HOST,
        help=f"name to answer for; default: {HOST}",
    )
    add("--port", metavar="N", type=int, default=0, help="by default any free one")
    add(
        "-o",
        "--output",
        metavar="FOLDER",
        type=output_file,
        help="keep roots.bin, credentials and the CA's keys here, so that what trusts this "
        "emulator trusts the next one too; by default a folder that is removed at the end",
    )
    add(
        "--json", action="store_true", help="print JSON, one object a line: the start, connections"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    if args.list:
        _list(args.json)
        return 0
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port}: a port is a number from 1 to 65535; 0 takes any")
    if args.output is not None:
        _own(args.output)
    emulator = Emulator(
        chain=args.chain,
        tail=args.tail,
        impostor=args.impostor,
        mutual_tls=args.mutual_tls,
        folder=args.output,
        host=args.endpoint.host,
        port=args.port,
        tls13=not args.tls12,
        keep_keys=args.output is not None,
    )
    with _interruptible() as interrupted, emulator:
        started = _files(emulator, args.impostor)
        if args.json:
            _print_json_line(started)
        else:
            _introduce(started)
            sys.stdout.flush()
        shown = 0
        while not interrupted.wait(_POLL_SECONDS):
            shown = _tell(emulator.connections, shown, args.json)
    _tell(emulator.connections, shown, args.json)
    return 0


def _list(as_json: bool) -> None:
    rows = [(one.name, ", ".join(one.kinds), one.summary) for one in IMPOSTORS.values()]
    if as_json:
        output.print_json(
            [dict(zip(("name", "chains", "summary"), row, strict=True)) for row in rows]
        )
        return
    output.print_table(
        "Each differs from AWS IoT Core in one thing:", ("impostor", "chain", "what it is"), rows
    )


def _files(emulator: Emulator, impostor: str | None) -> dict[str, Any]:
    """Write what a client needs; what was started, for people and scripts."""
    certificate, key = emulator.client_certificate()
    device = emulator.write_device(emulator.folder / "device.bin", _CLIENT_ID)
    return {
        "impostor": impostor,
        "address": ADDRESS,
        "port": emulator.port,
        "endpoint": emulator.host,
        "bundle": str(emulator.bundle),
        "device": str(device),
        "client_id": _CLIENT_ID,
        "certificate": str(certificate),
        "key": str(key),
        "roots_pem": str(emulator.roots_pem),
    }


def _introduce(started: dict[str, Any]) -> None:
    who = f"An impostor ({started['impostor']})" if started["impostor"] else "AWS IoT Core"
    where = f"{started['address']}:{started['port']}"
    output.print_fields(
        f"{who} listens on {where}, for this machine only",
        [
            ("endpoint", started["endpoint"]),
            ("trust it with", started["bundle"]),
            ("device file", started["device"]),
            ("certificate", started["certificate"]),
            ("key", started["key"]),
            ("its roots in PEM", started["roots_pem"]),
        ],
    )
    output.print_line()
    output.print_line("Connect with ats_trust, from MicroPython; from Python, begin with")
    output.print_line("  from ats_trust_tools import micropython_tls; micropython_tls.install()")
    output.print_line("then, in both:")
    output.print_line("  import ats_trust")
    output.print_line(f'  dev = ats_trust.load_device("{started["device"]}")')
    output.print_line(
        f'  ats_trust.connect(dev.context(bundle="{started["bundle"]}"), '
        f'port={started["port"]}, address="{started["address"]}")'
    )
    output.print_line("or with OpenSSL:")
    output.print_line(
        f"  openssl s_client -connect {where} -servername {started['endpoint']} "
        f"-CAfile {started['roots_pem']} -cert {started['certificate']} -key {started['key']}"
    )
    output.print_line()
    output.print_line("Ctrl-C ends it. Connections:")


def _tell(connections: list[Connection], shown: int, as_json: bool) -> int:
    """Print the connections that ended since `shown`, in order; how many are told now."""
    while shown < len(connections) and connections[shown].closed:
        if as_json:
            _print_json_line(_record(connections[shown]))
        else:
            output.print_line(f"{shown + 1}: {_story(connections[shown])}")
            sys.stdout.flush()
        shown += 1
    return shown


def _record(seen: Connection) -> dict[str, Any]:
    """What a client did, for scripts."""
    return {
        "handshake_complete": seen.handshake_complete,
        "suite": seen.suite,
        "version": seen.version,
        "server_name": seen.server_name,
        "client_certificate": seen.client_certificate,
        "error": seen.error,
        "application_bytes": seen.application_bytes,
    }


def _print_json_line(value: dict[str, Any]) -> None:
    output.print_json(value, indent=None)
    sys.stdout.flush()


def _story(seen: Connection) -> str:
    """One line on what a client did."""
    if seen.handshake_complete:
        text = f"connected with {seen.suite} ({seen.version})"
        if seen.client_certificate:
            text += f", certificate {seen.client_certificate!r}"
    else:
        text = "did not connect"
    if seen.error:
        text += f" ({seen.error})"
    return f"{text}; {seen.application_bytes} application bytes arrived"


def _own(folder: Path) -> None:
    """Mark the folder as the emulator's, or refuse when it holds somebody else's files.

    Without the mark nothing is replaced: a bundle there may hold Amazon's roots, and a device
    file may be the only copy of a key. Raises ToolError.
    """
    if folder.exists() and not folder.is_dir():
        raise ToolError(f"{folder} is not a folder; name one for the emulator's files")
    if (folder / _MARK).exists():
        return
    # lexists: a link that leads nowhere yet is written through, too.
    taken = [name for name in _FILES if os.path.lexists(folder / name)]
    if taken:
        raise ToolError(
            f"{folder / taken[0]} was not made by the emulator, which would replace it; name "
            "another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(f"can not make {folder}: {error.strerror}") from None
    write_atomically(folder / _MARK, _MARK_TEXT.encode())


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C and a polite kill set, in place of ending the process half-way.

    Only the first one: the second does what it always does, should the end take too long.
    """
    interrupted = threading.Event()
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for one, handler in before.items():
            signal.signal(one, handler)

    def interrupt(*_: object) -> None:
        restore()
        interrupted.set()

    for one in before:
        signal.signal(one, interrupt)
    try:
        yield interrupted
    finally:
        restore()
