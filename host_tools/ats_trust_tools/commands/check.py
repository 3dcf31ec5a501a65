"""`ats-trust check HOST|FILE`: would a board accept this server, today and until when?

Exit status: 0 accepted, 1 refused, 2 could not tell, which includes a wrong call.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ats_trust import bundle as board_bundle
from ats_trust import endpoint
from ats_trust.errors import ConfigError, TrustError, library_file

from .. import output
from ..boards import Board, load_board, refusal
from ..chain_file import host_of, read_chain
from ..chain_report import chain_report
from ..chain_verdict import clock_floor
from ..errors import ToolError, UsageError
from ..files import read_bounded
from ..micropython_handshake import shake
from ..roots import Manifest, load_manifest
from ..server_reports import live_reports, together

_STATUS = {"accepted": 0, "refused": 1, "unknown": 2}
_WORDS = {"accepted": "ACCEPTED", "refused": "REFUSED", "unknown": "COULD NOT TELL"}
_SUFFIXES = (".pem", ".crt", ".cer", ".der")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "target",
        metavar="HOST|FILE",
        help="an endpoint's name, or a file with a server's certificates in PEM or DER",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--board", metavar="BOARD", help="with the roots of this board: RPI_PICO_W")
    what.add_argument("--bundle", metavar="FILE", type=Path, help="with these roots")
    parser.add_argument(
        "--at",
        metavar="DATE",
        type=_moment,
        help="the board's clock, UTC: 2027-01-31 or 2027-01-31T12:00 (now)",
    )
    parser.add_argument("--host", metavar="NAME", help="the name that is asked for; with a FILE")
    parser.add_argument("--port", type=_port, help="of a HOST (the usual one of its kind)")
    parser.add_argument("--address", help="where to connect, if not to what DNS says of HOST")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Judge, show, and return the exit status."""
    board = load_board(args.board) if args.board else None
    why = refusal(board) if board else None
    if board and why:
        raise UsageError(f"{board.name}: {why}")
    path = _bundle_path(args, board)
    try:
        content = read_bounded(path, "a bundle")
        bundle = board_bundle.Bundle(str(path))
    except ToolError as error:
        raise UsageError(str(error)) from None
    except TrustError as error:
        raise UsageError(
            f"{path} is no bundle that a board would read ({error.code}); "
            "`ats-trust bundle` makes one"
        ) from None
    at = args.at or datetime.now(UTC)
    manifest = load_manifest()
    if "://" in args.target:
        raise UsageError(f"{args.target} is a URL: give the bare host name, or a file")
    if args.target.endswith(_SUFFIXES) or "/" in args.target or Path(args.target).exists():
        found = _file(args, bundle, at, manifest, board)
    else:
        found = _live(args, content, bundle, at, manifest, board)
    found = {"board": board.name if board else None, "bundle": str(path), **found}
    floor = clock_floor(bundle, at)
    if floor:
        found["warnings"].append(f"{floor}; the chain is judged as if it did not")
    for warning in found["warnings"]:
        output.warn(warning)
    if args.json:
        output.print_json(found)
    else:
        _show(found)
    return _STATUS[found["answer"]]


def _file(
    args: argparse.Namespace,
    bundle: board_bundle.Bundle,
    at: datetime,
    manifest: Manifest,
    board: Board | None,
) -> dict[str, Any]:
    if args.port or args.address:
        raise UsageError("--port and --address are for a HOST, not for a file")
    try:
        chain, warnings = read_chain(Path(args.target))
    except ToolError as error:
        raise UsageError(str(error)) from None
    name = args.host
    if not name:
        name = host_of(chain[0])
        warnings.append(f"judged for {name}, a name made of the certificate's; --host sets it")
    report = chain_report(chain, bundle, _endpoint(name, "--host"), at, manifest, board)
    return _found(name, at, report["answer"], [report], warnings)


def _live(
    args: argparse.Namespace,
    content: bytes,
    bundle: board_bundle.Bundle,
    at: datetime,
    manifest: Manifest,
    board: Board | None,
) -> dict[str, Any]:
    if args.host:
        raise UsageError("--host is for a file; a HOST is the name that is asked for")
    host = _endpoint(args.target, "HOST")
    port = args.port or host.port
    reports = live_reports(bundle, host, port, args.address, at, manifest, board)
    warnings = []
    handshake = None
    if args.at:
        warnings.append(
            "with --at the chains alone are judged: no handshake proves the server's key"
        )
    else:
        handshake = shake(host.host, port, args.address, content)
        if handshake.note:
            warnings.append(f"handshake by MicroPython: {handshake.note}")
    answer = together(reports, handshake.outcome if handshake else "accepted")
    found = _found(host.host, at, answer, reports, warnings)
    found["handshake"] = vars(handshake) if handshake else None
    return found


def _found(
    name: str, at: datetime, answer: str, reports: list[dict[str, Any]], warnings: list[str]
) -> dict[str, Any]:
    return {
        "host": name,
        "at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "answer": answer,
        "chains": reports,
        "handshake": None,
        "warnings": warnings,
    }


def _show(found: dict[str, Any]) -> None:
    for report in found["chains"]:
        _show_chain(report)
        output.print_line()
    shaken = found["handshake"]
    if shaken:
        words = [shaken["outcome"], shaken["micropython"], shaken["error"], shaken["code"]]
        output.print_line("Handshake by MicroPython: " + ", ".join(filter(None, words)))
        if shaken["detail"]:
            output.print_line(f"  {shaken['detail']}. {shaken['remedy']}")
    untils = [one["accepted_until"] for one in found["chains"] if one.get("accepted_until")]
    until = f", until {min(untils)} as it stands" if untils else ""
    what = f"{found['host']} at {found['at']}"
    with_roots = f"with the roots of {found['board'] or found['bundle']}"
    verdict = _WORDS[found["answer"]] + (until if found["answer"] == "accepted" else "")
    output.print_line(f"{what}, {with_roots}: {verdict}")


def _show_chain(report: dict[str, Any]) -> None:
    kind = (report["leaf_key"] or "unknown").upper()
    aside = "" if report.get("offered", True) else ", which this bundle does not ask for"
    title = f"{kind} chain{aside}: {report['answer']}"
    if report["answer"] == "absent":
        title = f"{kind} chain{aside}: the server has none"
    elif report["code"]:
        title += f", {report['error']} {report['code']}"
    lines: list[tuple[str, object]] = []
    for name in ("detail", "remedy"):
        if report[name] and report["answer"] != "absent":
            lines.append((name, report[name]))
    if report.get("verifier"):
        lines.append(("but cryptography's verifier", report["verifier"]))
    if report.get("accepted_until"):
        lines.append(("until", f"{report['accepted_until']}: then {report['ends_first']} ends"))
    if "message_bytes" in report:
        room = f"{report['message_bytes']} of the {report['record_bytes']} that a board can read"
        lines.append(("Certificate message", f"{room}, bytes"))
    if report.get("heap"):
        heap = report["heap"]
        needed = f"{heap['needed']} bytes, " if heap["needed"] else ""
        free = f"{heap['free']} bytes, {heap['free_how']}" if heap["free"] else heap["free_how"]
        lines.append(("free heap needed", needed + heap["needed_how"]))
        lines.append(("free heap of the board", free))
    output.print_fields(title, lines)
    if "certificates" not in report:
        return
    output.print_table(
        "Certificates as presented",
        ("subject", "key", "bytes#", "days left#", "signed by", "used"),
        [
            (
                one["subject"],
                one["key"],
                one["bytes"],
                one["days_left"],
                one["signed_by"],
                "yes" if one["on_the_path"] else "",
            )
            for one in report["certificates"]
        ],
    )
    output.print_table(
        "Anchors of the bundle",
        ("anchor", "key", "for this chain", "bytes#", "heap#"),
        [
            (one["name"], one["key"], one["role"], one["bytes"], one["heap_bytes"])
            for one in report["anchors"]
        ],
    )
    if report["ends"]:
        output.print_table(
            "What ends, and when",
            ("when", "what", "then"),
            [(one["when"][:10], one["what"], one["then"]) for one in report["ends"]],
        )


def _bundle_path(args: argparse.Namespace, board: Board | None) -> Path:
    if args.bundle:
        return Path(args.bundle)
    return board.roots_file if board else Path(library_file("roots.bin"))


def _endpoint(name: str, what: str) -> endpoint.Endpoint:
    try:
        found: endpoint.Endpoint = endpoint.parse(name)
    except ConfigError as error:
        raise UsageError(f"{what}: {error}") from None
    return found


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date as 2027-01-31") from None
    if not 2000 <= found.year < 2100:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 2000 and 2099")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no TCP port")
    return port
