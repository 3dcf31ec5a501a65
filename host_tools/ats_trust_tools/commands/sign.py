"""`ats-trust sign`: a bundle that boards take over the air, from one of `ats-trust bundle`."""

import argparse
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ats_trust.bundle import Bundle
from ats_trust.endpoint import Endpoint
from ats_trust.errors import BundleError
from ats_trust.signed import MAX_ENDPOINTS, SignedBundle, key_id

from .. import output
from ..arguments import endpoint_host, output_file
from ..endpoints import device_warnings
from ..errors import ToolError, UsageError
from ..files import read_bounded, refuse_loss, write_atomically
from ..inspect_file import explain_anchors
from ..passphrase import Passphrase, add_passphrase_argument
from ..roots import load_manifest
from ..signed_bundle import Terms, refusal, sign_bundle
from ..signing_key import point_of, read_public_key, read_signing_key
from ..stamps import moment

_USUAL = timedelta(days=30)
_LEAST, _MOST = timedelta(hours=1), timedelta(days=366)
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="the bundle, from `ats-trust bundle`")
    add("--key", metavar="FILE", type=Path, required=True, help="signs it (`ats-trust keygen`)")
    add(
        "--other-key",
        metavar="FILE",
        type=Path,
        required=True,
        help="the other key's public half: boards take the next bundle from either",
    )
    add(
        "--endpoint",
        metavar="HOST",
        type=endpoint_host,
        action="append",
        required=True,
        help="that every device connects to, up to four: proves the roots before the old ones go",
    )
    add(
        "--expires",
        metavar="TIME",
        type=_expiry,
        default=_USUAL,
        help="no board installs it later: 12h, 30d, 8w, or 2027-01-31T12:00 in UTC (30d)",
    )
    add(
        "--distrust",
        action="store_true",
        help="what it leaves out, roots and signers, is not to be gone back to",
    )
    add(
        "--bundle-version",
        metavar="N",
        type=_version,
        help="rises; by default the time in seconds: so a later signature is newer",
    )
    add("-o", "--output", metavar="FILE", type=output_file, required=True, help="signed.bin")
    add("--json", action="store_true", help="print JSON")
    add_passphrase_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Check, sign, check the signature, write the file."""
    inputs = (args.key, args.other_key, args.passphrase_file)
    refuse_loss(args.output, [path for path in inputs if path])
    now = datetime.now(UTC)
    hosts = _hosts(args.endpoint)
    read_bounded(args.file, "a bundle")
    found = Bundle(str(args.file))
    before = SignedBundle(found.path) if found.signed else None
    why = refusal(before) if before else ""
    if why:
        raise ToolError(f"{args.file}: {why}; what is in it is not signed again")
    built_at = moment(found.built_at)
    if built_at > now:
        raise ToolError(
            f"{args.file} was built at {built_at:%Y-%m-%d %H:%M:%S} UTC, which is in the future: "
            "boards would refuse it, and later their own right clock; set this computer's clock, "
            "or make the bundle anew"
        )
    expires = _expires(args.expires, now)
    if expires > moment(found.not_after):
        raise UsageError(
            f"--expires: the last root of {args.file} ends before, on "
            f"{moment(found.not_after):%Y-%m-%d}"
        )
    _refuse_useless(args.file, found, args.endpoint)
    version, warnings = _raised(args, found, now)
    warnings += explain_anchors(found, load_manifest(), now)[1]
    if before and before.distrust and not args.distrust:
        warnings.append(f"{args.file} was signed with --distrust, and this one is not")
    other = read_public_key(args.other_key)
    key, more = read_signing_key(args.key, Passphrase(args.passphrase_file))
    point = point_of(key.public_key())
    if point == other:
        raise UsageError(
            "--key and --other-key are the same key; with two different ones a lost key is not "
            "the end"
        )
    signed = sign_bundle(
        found.anchors(),
        version=version,
        built_at=built_at,
        terms=Terms(expires, args.distrust, (point, other), hosts),
        key=key,
    )
    write_atomically(args.output, signed)
    for host in args.endpoint:
        warnings += device_warnings(host, host.port)
    for warning in warnings + more:
        output.warn(warning)
    document = {
        "file": str(args.output),
        "bytes": len(signed),
        "version": version,
        "built_at": _iso(built_at),
        "expires": _iso(expires),
        "signer": key_id(point).hex(),
        "other_signer": key_id(other).hex(),
        "endpoints": hosts,
        "distrust": args.distrust,
        "warnings": warnings + more,
    }
    if args.json:
        output.print_json(document)
    else:
        _show(document)
    return 0


def _hosts(endpoints: list[Endpoint]) -> list[str]:
    hosts = [one.host for one in endpoints]
    if len(hosts) > MAX_ENDPOINTS:
        raise UsageError(
            f"--endpoint: {len(hosts)} were given; a bundle lists up to {MAX_ENDPOINTS}"
        )
    twice = next((host for host in hosts if hosts.count(host) > 1), None)
    if twice:
        raise UsageError(f"--endpoint: {twice} is listed twice")
    return hosts


def _refuse_useless(path: Path, bundle: Bundle, endpoints: list[Endpoint]) -> None:
    for one in endpoints:
        if not bundle.leaf_types(one.roles):
            raise ToolError(
                f"{path} has no root that answers for {one.host} ({one.kind}): every board would "
                f"refuse it; make one that has (`ats-trust bundle --endpoint {one.host}`)"
            )


def _raised(args: argparse.Namespace, found: Bundle, now: datetime) -> tuple[int, list[str]]:
    """The version of what is signed, and what to warn of."""
    version = int(now.timestamp()) if args.bundle_version is None else args.bundle_version
    if version < found.version:
        raise UsageError(
            f"--bundle-version: {version} is below that of {args.file}, {found.version}; it can "
            "only rise"
        )
    # What is signed again, or written over, was perhaps sent to boards already.
    for path in (args.file, args.output):
        if _signed_with(path, version):
            return version, [
                f"{path} was signed with this version, {version}, too: boards that have installed "
                "that take no other one of the same version"
            ]
    return version, []


def _signed_with(path: Path, version: int) -> bool:
    """Whether a signed bundle of this version is there."""
    try:
        return bool(SignedBundle(str(path)).version == version)
    except BundleError:
        return False


def _expires(wanted: timedelta | datetime, now: datetime) -> datetime:
    """The moment, to the second, if it is one that makes sense."""
    at = now + wanted if isinstance(wanted, timedelta) else wanted
    if at <= now:
        raise UsageError(f"--expires: {at:%Y-%m-%d %H:%M} UTC is past")
    if not _LEAST <= at - now <= _MOST:
        raise UsageError(
            f"--expires: {at:%Y-%m-%d %H:%M} UTC is not between an hour and a year from now; "
            "a shorter time no device keeps, and after a longer one nobody remembers the file"
        )
    return at.replace(microsecond=0)


def _expiry(text: str) -> timedelta | datetime:
    duration = re.fullmatch(r"(\d{1,4})([hdw])", text)
    if duration:
        return timedelta(**{_UNITS[duration[2]]: int(duration[1])})
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a duration as 12h, 30d or 8w nor a time as 2027-01-31T12:00"
        ) from None


def _version(text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number")


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _show(document: dict[str, Any]) -> None:
    output.print_fields(
        f"{document['file']}: signed, {document['bytes']} bytes",
        (
            ("version", document["version"]),
            ("built at", document["built_at"]),
            ("expires", f"{document['expires']}: no board installs it later"),
            ("signed by", document["signer"]),
            ("next one by", f"{document['signer']} or {document['other_signer']}"),
            ("proved at", ", ".join(document["endpoints"])),
            (
                "what it leaves out",
                "is distrusted, and never gone back to"
                if document["distrust"]
                else "may be gone back to, if the new roots fail",
            ),
        ),
    )
    output.print_line(
        "Onto a device by cable with `ats-trust flash`, over the air with `ats-trust rotate`."
    )
