"""`ats-trust roots`: list, check and explain the roots that ship with the tools."""

import argparse
from datetime import UTC, datetime

from .. import output
from ..errors import ToolError
from ..plan import EXPIRES_SOON
from ..roots import Manifest, Root, load_manifest, verify
from ..trim import trim


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list`, `verify` and `show NAME`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|verify|show")
    listing = actions.add_parser("list", help="all roots, with the days that are left")
    actions.add_parser("verify", help="check every byte against the manifest, and the signatures")
    show = actions.add_parser("show", help="all that is known about one root")
    show.add_argument("name", metavar="NAME", help="as `list` prints it: amazon-root-ca-1")
    for action in (listing, show):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    manifest = load_manifest()
    now = datetime.now(UTC)
    if args.action == "list":
        _list(manifest, now, args.json)
    elif args.action == "verify":
        _verify(manifest)
    else:
        _show(manifest.find(args.name), now, args.json)
    return 0


def _list(manifest: Manifest, now: datetime, as_json: bool) -> None:
    if as_json:
        output.print_json([_as_json(root, now) for root in manifest.roots])
        return
    output.print_table(
        "Roots behind AWS IoT Core",
        ("name", "key", "role", "servers", "expires", "days left#"),
        [
            (
                root.name,
                root.key,
                root.role,
                ", ".join(leaf.upper() for leaf in root.leaf_keys) if root.endpoints else "none",
                f"{root.not_after:%Y-%m-%d}",
                root.days_left(now),
            )
            for root in manifest.roots
        ],
    )
    for root in manifest.roots:
        for text in _warnings(root, now):
            output.warn(f"{root.name}: {text}")


def _warnings(root: Root, now: datetime) -> list[str]:
    """What someone who relies on this root should know today."""
    found = []
    days = root.days_left(now)
    if days < 0:
        found.append(f"expired on {root.not_after:%Y-%m-%d}")
    elif days < EXPIRES_SOON:
        found.append(f"expires in {days} days")
    until = (root.browsers_until - now.date()).days
    if root.role == "legacy":
        found.append(f"legacy: browsers have not trusted it since {root.browsers_until}")
    elif until < EXPIRES_SOON:
        found.append(
            f"browsers are expected to stop trusting it on {root.browsers_until}; "
            "watch for AWS moving to other roots, and do not ship it as the only anchor"
        )
    return found


def _verify(manifest: Manifest) -> None:
    failed = 0
    for root in manifest.roots:
        problems = verify(root)
        failed += bool(problems)
        output.print_line(f"{'FAILED' if problems else 'ok':7}{root.name}")
        for problem in problems:
            output.print_line(f"       {problem}")
    if failed:
        raise ToolError(f"{failed} of {len(manifest.roots)} roots are not what the manifest says")
    output.print_line(f"all {len(manifest.roots)} roots are what the manifest says")


def _show(root: Root, now: datetime, as_json: bool) -> None:
    if as_json:
        output.print_json(_as_json(root, now))
        return
    data = _as_json(root, now)
    fields: list[tuple[str, object]] = [
        (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in data.items()
        if name not in ("title", "cross_signed_sha256", "warnings") and value not in ([], "")
    ]
    output.print_fields(root.title, fields)
    if root.cross_signed_sha256:
        output.print_line()
        output.print_line(
            "Cross-signed twins: the same subject and key in a certificate that another CA signed."
        )
        output.print_line(
            "As a trust anchor a twin is the same, so it does not matter which one you hold or a"
        )
        output.print_line("server sends. Only the hash of the whole certificate differs:")
        for digest in root.cross_signed_sha256:
            output.print_line("  sha256 " + digest)
    for text in _warnings(root, now):
        output.warn(f"{root.name}: {text}")


def _as_json(root: Root, now: datetime) -> dict[str, object]:
    return {
        "name": root.name,
        "title": root.title,
        "subject": root.subject,
        "key": root.key,
        "sha256": root.sha256,
        "spki_sha256": root.spki_sha256,
        "cross_signed_sha256": list(root.cross_signed_sha256),
        "not_before": f"{root.not_before:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{root.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "days_left": root.days_left(now),
        "browsers_until": root.browsers_until.isoformat(),
        "browsers_until_source": root.browsers_until_source,
        "role": root.role,
        "endpoints": list(root.endpoints),
        "leaf_keys": list(root.leaf_keys),
        "bytes": len(root.certificate),
        "trimmed_bytes": len(trim(root.certificate)),
        "origin": root.origin,
        "file": root.file,
        "warnings": _warnings(root, now),
    }
