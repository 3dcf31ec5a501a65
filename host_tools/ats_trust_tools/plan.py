"""Which anchors go into a bundle, in which order, and what that costs.

Pure: no file is read or written, the time comes in. Rules: an anchor that could never be used is
refused, not carried along; the order states which leaf key type the board offers first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ats_trust import endpoint

from .bundle import ROLE_BITS, Anchor, encode_bundle
from .certificate import fields, key_name, load
from .endpoints import legacy_warning
from .errors import ToolError, UsageError
from .heap_model import anchor_heap
from .roots import Manifest, Root
from .trim import trim

_CLOCKS_DIFFER = timedelta(minutes=5)  # Between two computers that both have the right time.
EXPIRES_SOON = 365  # Days: about the time it takes to bring a new bundle to a fleet.


@dataclass(frozen=True)
class Choice:
    """An anchor with the name that people know it by."""

    name: str
    anchor: Anchor


@dataclass(frozen=True)
class PlannedAnchor:
    """One line of the plan. heap: bytes on a 32-bit board while it is loaded."""

    name: str
    key: str
    leaf: tuple[str, ...]
    roles: tuple[str, ...]
    full: int
    trimmed: int
    heap: int
    not_after: datetime
    days_left: int


@dataclass(frozen=True)
class Plan:
    """A bundle, ready to be written, and all there is to say about it."""

    anchors: tuple[PlannedAnchor, ...]
    version: int
    built_at: datetime
    not_after: datetime
    encoded: bytes
    warnings: tuple[str, ...]


def select_roots(
    manifest: Manifest,
    names: Sequence[str],
    host: endpoint.Endpoint | None,
) -> tuple[list[Root], list[str]]:
    """Return the shipped roots to take, and what to warn of.

    names: as the user or the board's profile lists them. host: the endpoint that the bundle is
    for, if it was said; a legacy one brings in the root that its old chain ends at.
    """
    warnings = []
    roots = [manifest.find(name) for name in names]
    for root in roots:
        if not root.endpoints:
            raise UsageError(
                f"{root.name} can not be an anchor: AWS no longer sends a chain that ends there; "
                "starfield-services-g2 is the root that took its place"
            )
        if roots.count(root) > 1:
            raise UsageError(f"{root.name} is listed twice")
    if host and host.kind == "data-legacy":
        legacy = next(r for r in manifest.roots if r.role == "legacy" and r.endpoints)
        if legacy not in roots:
            roots.append(legacy)
        warnings.append(legacy_warning(host, f"{legacy.name} was taken in for it; "))
    for root in roots:
        if root.role == "legacy" and not (host and host.kind == "data-legacy"):
            warnings.append(
                f"{root.name} answers for legacy endpoints only; leave it out if yours has -ats"
            )
    return roots, warnings


def in_order(choices: Iterable[Choice], prefer: str) -> list[Choice]:
    """Order anchors: "speed" puts those of RSA servers first, "memory" those of ECDSA servers.

    Legacy roots come last in any case; among equals the given order stays. On small boards an
    RSA chain is the faster to authenticate, an ECDSA chain the one that needs less memory.
    """
    first = "rsa" if prefer == "speed" else "ecdsa"

    def rank(choice: Choice) -> tuple[bool, bool, int]:
        anchor = choice.anchor
        return "legacy" in anchor.roles, first not in anchor.leaf, len(anchor.leaf)

    return sorted(choices, key=rank)


def make_plan(
    choices: Sequence[Choice],
    *,
    host: endpoint.Endpoint | None,
    version: int | None,
    built_at: datetime,
    now: datetime,
    warnings: Iterable[str] = (),
) -> Plan:
    """Check the anchors against each other, the time and the endpoint; encode; sum up.

    version: of the bundle, by default the build time in seconds since 1970. Raises ToolError.
    """
    if not choices:
        raise UsageError("nothing was chosen: name a root with --roots or a CA with --ca")
    notes = list(warnings)
    if built_at > now + _CLOCKS_DIFFER:
        raise UsageError(
            f"the build time {built_at:%Y-%m-%d %H:%M} UTC is in the future: boards would refuse "
            "their own right clock until then"
        )
    _refuse_twice(choices)
    planned = [_planned(choice, now) for choice in choices]
    for choice, line in zip(choices, planned, strict=True):
        if host and not any(ROLE_BITS[role] & host.roles for role in choice.anchor.roles):
            raise UsageError(
                f"{line.name} may not answer for {host.host} (only for {_scope(choice.anchor)}), "
                "so it would never be used; leave it out"
            )
        if line.days_left < 0:
            raise ToolError(f"{line.name} expired on {line.not_after:%Y-%m-%d}; leave it out")
        if built_at < fields(choice.anchor.certificate).not_before:
            raise UsageError(f"the build time is before {line.name} became valid")
        if line.days_left < EXPIRES_SOON:
            notes.append(f"{line.name} expires in {line.days_left} days")
    number = int(built_at.timestamp()) if version is None else version
    return Plan(
        anchors=tuple(planned),
        version=number,
        built_at=built_at,
        not_after=max(line.not_after for line in planned),
        encoded=encode_bundle([c.anchor for c in choices], version=number, built_at=built_at),
        warnings=tuple(notes),
    )


def _planned(choice: Choice, now: datetime) -> PlannedAnchor:
    certificate = choice.anchor.certificate
    trimmed = trim(certificate)
    parts = fields(certificate)
    return PlannedAnchor(
        name=choice.name,
        key=key_name(load(certificate).public_key()),
        leaf=tuple(sorted(choice.anchor.leaf, reverse=True)),
        roles=tuple(sorted(choice.anchor.roles)),
        full=len(certificate),
        trimmed=len(trimmed),
        heap=anchor_heap(trimmed),
        not_after=parts.not_after,
        days_left=(parts.not_after - now).days,
    )


def _refuse_twice(choices: Sequence[Choice]) -> None:
    seen: dict[tuple[bytes, bytes], str] = {}
    for choice in choices:
        parts = fields(choice.anchor.certificate)
        identity = (parts.subject, parts.public_key)
        if identity in seen:
            raise UsageError(
                f"{choice.name} is the same trust anchor as {seen[identity]}; give it once"
            )
        seen[identity] = choice.name


def _scope(anchor: Anchor) -> str:
    scopes = {
        "ats": "Amazon Trust Services endpoints and custom domains",
        "legacy": "legacy endpoints of AWS",
        "own": "custom domains and Greengrass names",
    }
    return " and ".join(scopes[role] for role in sorted(anchor.roles))
