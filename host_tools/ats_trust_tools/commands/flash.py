"""`ats-trust flash`: library, roots and device file onto a connected board, checked there."""

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.progress import BarColumn, DownloadColumn

from ats_trust.errors import BundleError

from .. import output
from ..boards import Board
from ..connected_board import ConnectedBoard, Facts
from ..device_file import read_for_board
from ..errors import ToolError, UsageError
from ..files import read_bounded
from ..flash_plan import Plan, choose_board, firmware, make_plan, sha256, why_not, why_not_these
from ..flashing import Outcome, bundle_on, check, install, install_update, verify
from ..inspect_file import explain_bundle
from ..installation import (
    BOARD_BUNDLE,
    DEVICE,
    FIELD_BUNDLE,
    LIBRARY,
    SLOT_BUNDLES,
    board_files,
)
from ..passphrase import Passphrase, add_passphrase_argument
from ..rollout import check_update, read_update
from ..roots import load_manifest
from ..signed_bundle import read_for_cable

_LIBRARY_BUNDLE = f"{LIBRARY}/roots.bin"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--port", metavar="PORT", required=True, help="as mpremote takes it: /dev/ttyACM0")
    add("--board", metavar="BOARD", help="which board it is, where its firmware does not say")
    add("--device", metavar="FILE", type=Path, help="its device file, for /device.bin")
    add("--bundle", metavar="FILE", type=Path, help="your own trust anchors (`ats-trust bundle`)")
    add("--update", metavar="FILE", type=Path, help="then install this update (`ats-trust sign`)")
    add("--mpy", action="store_true", help="the library compiled: less flash, less heap")
    add("--dry-run", action="store_true", help="say what would be done and change nothing")
    add("--json", action="store_true", help="print JSON")
    add_passphrase_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Look at the board, refuse or install, check, and say what is on it."""
    if not args.port:
        raise UsageError("--port: no port is named; `mpremote connect list` shows them")
    if args.device:
        _refuse_network(args.port)
        if not Path("/dev/fd").is_dir():
            raise ToolError(
                "--device: this system has no /dev/fd to bring it through; flash without it, then "
                "copy a plain device file with `mpremote cp device.bin :`"
            )
    bundle = read_for_cable(args.bundle) if args.bundle else None
    update = _update(args.update) if args.update else None
    device = read_for_board(args.device, Passphrase(args.passphrase_file)) if args.device else None
    connected = ConnectedBoard(args.port)
    facts = connected.probe()
    board = choose_board(facts, args.board, args.port)
    _refuse(why_not(facts, board, args.port))
    files = board_files(board, compiled=args.mpy, bundle=bundle, device=device)
    bundles = _bundles(connected, facts, files, args.bundle)
    plan = make_plan(facts, files)
    _refuse(why_not_these(facts, plan))
    if args.dry_run:
        _show_plan(args, board, facts, plan)
        return 0
    if not plan.nothing:
        with output.progress("{task.description}", BarColumn(), DownloadColumn()) as progress:
            size = plan.bytes_to_copy
            task = progress.add_task("copying", total=size, visible=size > 0)
            install(connected, plan, lambda count: progress.advance(task, count))
    facts = connected.probe()
    verify(facts, files, plan)
    outcome = check(connected)
    installed = install_update(connected, update) if update and outcome.passed else None
    document = _document(args.port, board, facts, files, plan, outcome, bundles)
    document["update"] = installed and vars(installed)
    if args.json:
        output.print_json(document)
    else:
        _show(document)
    if not outcome.passed:
        raise ToolError(
            "the self-test did not pass: do not use this board before its lines above are all ok"
        )
    if outcome.device_error:
        raise ToolError(f"the board can not use its device file: {outcome.device_error}")
    if installed and installed.refused:
        raise ToolError(f"the board refuses the update: {installed.refused}")
    if bundle is not None and outcome.bundle != FIELD_BUNDLE:
        raise ToolError(
            f"{args.bundle} is on the board, and {outcome.bundle} is in force there: an update "
            "with this or a higher version was installed once; sign it again (`ats-trust sign`)"
        )
    return 0


def _refuse(reason: str | None) -> None:
    if reason:
        raise ToolError(f"{reason}; nothing was changed on the board")


def _refuse_network(port: str) -> None:
    """A port of pyserial's may be a URL, and what it leads to carries the key in clear."""
    host = urlsplit(port).hostname if "://" in port else None
    if host not in (None, "127.0.0.1", "::1", "localhost"):
        raise UsageError(
            f"--port: the device file's private key would cross the network to {host} in clear; "
            "use a cable, or a tunnel that ends at 127.0.0.1"
        )


def _update(path: Path) -> bytes:
    """The content of a signed bundle that the board may install."""
    content = read_bounded(path, "a signed bundle")
    for warning in check_update(path, read_update(path), datetime.now(UTC)):
        output.warn(warning)
    return content


def _bundles(
    connected: ConnectedBoard, facts: Facts, files: dict[str, bytes], origin: Path | None
) -> dict[str, dict[str, Any]]:
    """What each bundle holds that will be on the board: path -> explanation.

    Raises ToolError for a bundle that would take the place of a newer one.
    """
    found = {path: _explained(files[path]) for path in (_LIBRARY_BUNDLE, BOARD_BUNDLE)}
    for path, ours in found.items():
        there = _present(connected, facts, files, path)
        if there and there["version"] > ours["version"]:
            raise ToolError(
                f"{path} on the board has version {there['version']}, and this release brings "
                f"{ours['version']}: install a newer ats-trust; nothing was changed on the board"
            )
    for path in (FIELD_BUNDLE, *SLOT_BUNDLES):
        present = _present(connected, facts, files, path)
        if present:
            found[path] = present
    if origin is None:
        return found
    new = _explained(files[FIELD_BUNDLE])
    # An update of the same version stays in force, what came by cable gives way.
    path, first = max(found.items(), key=lambda item: _rank(item[1]))
    if _rank(new) > _rank(first) or (_rank(new) == _rank(first) and path not in SLOT_BUNDLES):
        return found | {FIELD_BUNDLE: new}
    what = (
        path if path in (FIELD_BUNDLE, *SLOT_BUNDLES) else f"the release's own {Path(path).name}"
    )
    if first["update"] and not new["update"]:
        raise ToolError(
            f"{origin} is not signed, and {what} on the board is: signed bundles are in force "
            "before all others, so it would do nothing, or end the board's updates; sign it "
            "(`ats-trust sign`); nothing was changed on the board"
        )
    raise ToolError(
        f"{origin} has version {new['version']}, and {what} on the board has "
        f"{first['version']}: the newest is in force, so it would do nothing; make it anew "
        "(`ats-trust bundle`); nothing was changed on the board"
    )


def _rank(bundle: dict[str, Any]) -> tuple[bool, int]:
    """By what one bundle is in force before another (docs/decisions/0010): whichever is higher."""
    return bool(bundle["update"]), bundle["version"]


def _present(
    connected: ConnectedBoard, facts: Facts, files: dict[str, bytes], path: str
) -> dict[str, Any] | None:
    """What a bundle holds that is on the board and is not the one that would be copied there."""
    if path not in facts.files:
        return None
    if path in files and facts.files[path][1] == sha256(files[path]):
        return None
    try:
        return _explained(bundle_on(connected, path))
    except BundleError:
        if path == FIELD_BUNDLE and path not in files:
            output.warn(
                f"{path} on the board is damaged; until it is deleted, or replaced (--bundle "
                "FILE), the board connects to nobody"
            )
        return None


def _explained(content: bytes) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ats_trust.") as folder:
        path = Path(folder) / "roots.bin"
        path.write_bytes(content)
        return explain_bundle(path, load_manifest(), datetime.now(UTC))


def _show_plan(args: argparse.Namespace, board: Board, facts: Facts, plan: Plan) -> None:
    if args.json:
        output.print_json(
            {
                "port": args.port,
                "board": board.name,
                "release": facts.release,
                "copied": list(plan.places),
                "removed": list(plan.removals),
                "bytes": plan.bytes_to_copy,
                "update": args.update and str(args.update),
                "dry_run": True,
            }
        )
        return
    output.print_line(f"{args.port}: {board.name}, {firmware(facts)}")
    for path in plan.places:
        output.print_line(f"  copy    {path}")
    for path in plan.removals:
        output.print_line(f"  delete  {path}")
    if args.update:
        output.print_line(f"  install {args.update}, if the library there accepts it")
    if plan.nothing:
        output.print_line("  nothing to do: all files are there and as they should be")
    output.print_line(
        f"{plan.bytes_to_copy} bytes would be copied; nothing was changed (--dry-run)."
    )


def _document(
    port: str,
    board: Board,
    facts: Facts,
    files: dict[str, bytes],
    plan: Plan,
    outcome: Outcome,
    bundles: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    bundle = bundles.get(outcome.bundle or "")
    return {
        "port": port,
        "board": board.name,
        "title": board.title,
        "release": facts.release,
        "firmware": firmware(facts),
        "files": {path: sha256(data) for path, data in files.items()},
        "copied": list(plan.places),
        "removed": list(plan.removals),
        "free_bytes": facts.free_blocks * facts.block,
        "bundle": None
        if not bundle
        else {
            "path": outcome.bundle,
            "version": bundle["version"],
            "anchors": [anchor["name"] for anchor in bundle["anchors"]],
        },
        "device": outcome.device,
        "selftest": {"passed": outcome.passed, "lines": outcome.lines},
    }


def _show(document: dict[str, Any]) -> None:
    size = len(document["files"])
    changed = len(document["copied"])
    removed = len(document["removed"])
    device, bundle = document["device"], document["bundle"]
    fields = [
        ("board", f"{document['board']}: {document['title']}"),
        ("firmware", document["firmware"]),
        (
            "files",
            f"{size}, each compared with this release by SHA-256; {changed} copied, "
            f"{removed} deleted; {document['free_bytes']} bytes are free",
        ),
    ]
    if bundle:
        fields.append(
            (
                "roots in force",
                f"{bundle['path']}, version {bundle['version']}: {', '.join(bundle['anchors'])}",
            )
        )
    update = document["update"]
    if update:
        fields.append(
            (
                "update",
                f"version {update['version']}, in force for {', '.join(update['waiting'])} until "
                "connections there have proved it",
            )
            if not update["refused"]
            else ("update", "refused, and nothing of it is on the board")
        )
    if device:
        fields += [
            ("device", f"{device['client_id']} at {device['host']}:{device['port']}"),
            ("private key", f"in plain on the board's flash, in {DEVICE}"),
        ]
    else:
        fields.append(("device", "none: flash one with --device FILE (`ats-trust device create`)"))
    output.print_fields(document["port"], fields)
    output.print_line("Self-test:")
    for line in document["selftest"]["lines"]:
        output.print_line("  " + line)
    if document["selftest"]["passed"]:
        output.print_line(
            "Next: reset the board. Its clock is right until it loses power; a program calls "
            "ats_trust.set_clock() once the network is up, then connects (README, Use it)."
        )
