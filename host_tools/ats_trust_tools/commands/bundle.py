"""`ats-trust bundle`: the trust-anchor file for a board, and the plan behind it."""

import argparse
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from ats_trust import endpoint

from .. import output
from ..anchor_check import name_of, own_anchor
from ..arguments import aws_lookalike, endpoint_host, output_file
from ..boards import PREFERENCES, Board, load_board, refusal
from ..certificate import load
from ..certificate_files import read_certificates
from ..errors import ToolError, UsageError
from ..files import refuse_loss, write_atomically
from ..plan import Choice, Plan, in_order, make_plan, select_roots
from ..roots import Manifest, load_manifest

FLASH_BLOCK = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--board", metavar="BOARD", help="take roots and order from this board's profile")
    add("-o", "--output", metavar="FILE", type=output_file, help="the bundle to write")
    add("--roots", metavar="NAME,...", help="these roots in this order; `none` for none")
    add(
        "--endpoint",
        metavar="HOST",
        type=endpoint_host,
        help="the endpoint it is for: checks that it will do",
    )
    add("--prefer", choices=PREFERENCES, help="speed: RSA servers first; memory: ECDSA first")
    add(
        "--ca",
        metavar="FILE",
        action="append",
        default=[],
        help="your own CA (PEM or DER) for a custom domain or Greengrass; may be repeated",
    )
    add("--bundle-version", metavar="N", type=int, help="rises; by default the build time")
    add(
        "--built-at",
        metavar="TIME",
        help="2026-11-23T12:00:00Z or seconds since 1970, for the same bytes every time; "
        "SOURCE_DATE_EPOCH does the same",
    )
    add("--dry-run", action="store_true", help="show the plan and write nothing")
    add("--json", action="store_true", help="print the plan as JSON")


def run(args: argparse.Namespace) -> int:
    """Plan, show the plan, write the file."""
    if not args.output and not args.dry_run:
        raise UsageError("say where to write it: -o roots.bin, or --dry-run to see the plan only")
    board = load_board(args.board) if args.board else None
    why = refusal(board) if board else None
    if why:
        raise ToolError(why)
    if not board and not args.roots:
        raise UsageError("say which board it is for (--board RPI_PICO_W) or list the --roots")
    now = datetime.now(UTC)
    plan = _plan(args, board, load_manifest(), now)
    written = None if args.dry_run else args.output
    if written:
        refuse_loss(written, args.ca)
        write_atomically(written, plan.encoded)
    block = board.value("flash_block") if board else FLASH_BLOCK
    for warning in plan.warnings:
        output.warn(warning)
    if args.json:
        output.print_json(_as_json(plan, written, block))
    else:
        _show(plan, written, block)
    return 0


def _plan(
    args: argparse.Namespace, board: Board | None, manifest: Manifest, now: datetime
) -> Plan:
    host: endpoint.Endpoint | None = args.endpoint
    names: list[str] = list(board.value("roots")) if board else []
    if args.roots:
        names = [] if args.roots == "none" else args.roots.split(",")
    roots, warnings = select_roots(manifest, names, host)
    if host:
        warnings += aws_lookalike(host)
    choices = [Choice(root.name, root.anchor) for root in roots]
    prefer = args.prefer or (None if args.roots or not board else board.value("prefer"))
    if prefer:
        choices = in_order(choices, prefer)
    for path in args.ca:
        for certificate in read_certificates(path, "your own CA"):
            try:
                anchor, lost = own_anchor(certificate, manifest, now)
            except ToolError as error:
                raise ToolError(f"{path} can not be a trust anchor: {error}") from None
            name = name_of(load(certificate).subject)
            choices.append(Choice(name, anchor))
            warnings += [f"{name}: {text}" for text in lost]
    return make_plan(
        choices,
        host=host,
        version=args.bundle_version,
        built_at=_built_at(args.built_at, now),
        now=now,
        warnings=warnings,
    )


def _built_at(text: str | None, now: datetime) -> datetime:
    source = "--built-at"
    if text is None:
        text, source = os.environ.get("SOURCE_DATE_EPOCH"), "SOURCE_DATE_EPOCH"
    if not text:
        return now.replace(microsecond=0)
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{source}: {text!r} is no time; write 2026-11-23T12:00:00Z or seconds since 1970"
        ) from None


def _show(plan: Plan, written: Path | None, block: int) -> None:
    output.print_table(
        f"Bundle version {plan.version}, built {plan.built_at:%Y-%m-%d %H:%M:%S} UTC",
        ("", "root", "key", "servers", "role", "full#", "trimmed#", "heap#", "days#"),
        [
            (
                number,
                line.name,
                line.key,
                ", ".join(leaf.upper() for leaf in line.leaf),
                " ".join(line.roles),
                line.full,
                line.trimmed,
                line.heap,
                line.days_left,
            )
            for number, line in enumerate(plan.anchors, 1)
        ],
    )
    blocks = -(-len(plan.encoded) // block)
    output.print_line()
    output.print_line(
        "Bytes of each root, in full and trimmed; bytes of heap while it is loaded; days left."
    )
    output.print_line(
        f"{len(plan.encoded)} bytes in all: {blocks} flash block{'s' * (blocks > 1)} of {block} "
        "bytes."
    )
    largest = max(line.heap for line in plan.anchors)
    output.print_line(
        f"One anchor is loaded at a time: at most {largest} bytes of heap (32-bit board; a model "
        "fitted to measurements)."
    )
    output.print_line(f"Written to {written}." if written else "Nothing was written (--dry-run).")


def _as_json(plan: Plan, written: Path | None, block: int) -> dict[str, object]:
    return {
        "file": str(written) if written else None,
        "bytes": len(plan.encoded),
        "flash_blocks": -(-len(plan.encoded) // block),
        "flash_block_bytes": block,
        "sha256": hashlib.sha256(plan.encoded).hexdigest(),
        "version": plan.version,
        "built_at": f"{plan.built_at:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{plan.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "anchors": [
            {
                "name": line.name,
                "key": line.key,
                "leaf_keys": list(line.leaf),
                "roles": list(line.roles),
                "full_bytes": line.full,
                "trimmed_bytes": line.trimmed,
                "heap_bytes": line.heap,
                "not_after": f"{line.not_after:%Y-%m-%dT%H:%M:%SZ}",
                "days_left": line.days_left,
            }
            for line in plan.anchors
        ],
        "warnings": list(plan.warnings),
    }
