"""Would this update be installed by the devices, and leave them connected? Known before it goes.

Pure: bundles, the time and what is known of the servers come in. Rules: what every device would
refuse, or what would cut one off, is a ToolError with the reason; what may be meant is a warning.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ats_trust import endpoint
from ats_trust.bundle import Bundle
from ats_trust.errors import ConfigError
from ats_trust.signed import SignedBundle, key_id

from .certificate import fields, load
from .errors import ToolError
from .roots import Manifest
from .server_reports import together
from .signed_bundle import refusal
from .stamps import moment

SOON = timedelta(days=7)  # Devices that are off for longer than that are no exception.


def read_update(path: Path) -> SignedBundle:
    """Return a signed bundle. Raises BundleError; ToolError when it is not signed."""
    if not Bundle(str(path)).signed:
        raise ToolError(
            f"{path} is not signed, and over the air devices take nothing else: `ats-trust sign`"
        )
    return SignedBundle(str(path))


def check_update(path: Path, update: SignedBundle, now: datetime) -> list[str]:
    """Refuse what every device would refuse, wherever it is; return what to warn of."""
    why = refusal(update)
    if why:
        raise ToolError(f"{path}: {why}; every device would refuse it")
    built_at, expires = moment(update.built_at), moment(update.expires)
    if built_at > now:
        raise ToolError(
            f"{path} was built at {built_at:%Y-%m-%d %H:%M:%S} UTC, which is in the future: "
            "every device with a right clock would refuse it; set this computer's clock"
        )
    if min(expires, moment(update.not_after)) <= now:
        raise ToolError(
            f"{path} expired on {expires:%Y-%m-%d}: no device installs it any more; sign the "
            "roots again (`ats-trust sign`)"
        )
    for host in endpoints_of(update):
        if not update.leaf_types(host.roles):
            raise ToolError(
                f"{path} has no root that answers for {host.host}, which it lists; every device "
                "would refuse it"
            )
    notes = []
    if expires - now < SOON:
        notes.append(
            f"{path} expires on {expires:%Y-%m-%d %H:%M} UTC: devices that are offline until then "
            "never install it"
        )
    if update.distrust:
        notes.append(
            f"{path} is marked distrust: a device that loses a root or a signer by it does not go "
            "back, whatever happens; if it is wrong, only a cable helps"
        )
    return notes


def check_step(
    path: Path, update: SignedBundle, installed_path: Path, manifest: Manifest
) -> list[str]:
    """Refuse what devices with the bundle at installed_path would; return what the step takes."""
    if not Bundle(str(installed_path)).signed:
        raise ToolError(
            f"devices with {installed_path} install no update, since it names no signers; bring "
            "them a signed bundle by cable first (`ats-trust flash --bundle`)"
        )
    installed = SignedBundle(str(installed_path))
    if update.version <= installed.version:
        raise ToolError(
            f"{path} has version {update.version}, and devices with {installed_path} have "
            f"{installed.version} and install only what is newer; sign it again (`ats-trust sign`)"
        )
    known = {key_id(point).hex() for point in installed.signers}
    if update.signer.hex() not in known:
        raise ToolError(
            f"{path} was signed by {update.signer.hex()}, and devices with {installed_path} take "
            f"bundles of {' and '.join(sorted(known))} alone"
        )
    for_good = " for good (--distrust)" if update.distrust else ", once the update is proved"
    mine = update.anchors()
    kept = {_identity(anchor) for _, anchor in mine}
    lost, changed = [], []
    for use, anchor in installed.anchors():
        if _identity(anchor) not in kept:
            lost.append(_name(anchor, manifest))
        elif (use, anchor) not in mine:
            changed.append(_name(anchor, manifest))
    notes = []
    if lost:
        notes.append(f"devices lose {' and '.join(lost)}{for_good}")
    if changed and update.distrust:
        notes.append(
            f"{' and '.join(changed)} is in it for other servers or in other bytes: with "
            "--distrust that counts as left out, so devices do not go back"
        )
    gone = sorted(known - {key_id(point).hex() for point in update.signers})
    if gone:
        notes.append(f"nothing that {' or '.join(gone)} signs is taken any more{for_good}")
    for host in endpoints_of(installed):
        if host.host in update.endpoints:
            continue
        if not update.leaf_types(host.roles):
            raise ToolError(
                f"{path} has no root that answers for {host.host}, which {installed_path} lists: "
                "devices that connect there would be cut off once it is proved elsewhere"
            )
        notes.append(
            f"{host.host} is listed no more: the update is not tried there before it stays"
        )
    return notes


def check_account(update: SignedBundle, host: endpoint.Endpoint, without: bool) -> None:
    """Refuse an update that is never proved where devices connect: at the account's own endpoint.

    without: they use other names only.
    """
    if not without and host.host not in update.endpoints:
        raise ToolError(
            f"the account's endpoint is {host.host}, and the bundle lists {_listed(update)}: a "
            "device uses an update where it is listed only, so it would never be proved; sign it "
            "with --endpoint, or give --without-account-endpoint if no device connects there"
        )


def check_server(host: endpoint.Endpoint, reports: Sequence[dict[str, Any]]) -> None:
    """Refuse when a device with this bundle would refuse the server, or may.

    reports: as `server_reports` gives them.
    """
    answer = together(reports)
    if answer == "accepted":
        return
    offered = [one for one in reports if one["offered"]]
    # Of several the one that decided.
    report = next((one for one in offered if one["answer"] == answer), None)
    if answer == "unknown" and report:
        raise ToolError(
            f"{host.host}: whether devices would accept it could not be told: "
            f"{report.get('verifier') or report['detail']}; `ats-trust check` has more, and "
            "--chain FILE judges certificates that were saved"
        )
    if report:
        reason = f"{report['error']} {report['code']}: {report['detail']}".rstrip(": ")
        what = f"the server's {(report['leaf_key'] or 'own').upper()} chain ({reason})"
    else:
        what = "any chain of the server"
    raise ToolError(
        f"devices with this bundle would refuse {what} at {host.host}, go back to what they have "
        "and report a failure; `ats-trust check` tells why"
    )


def endpoints_of(bundle: SignedBundle) -> list[endpoint.Endpoint]:
    """Return the endpoints that a signed bundle lists. Raises ToolError for what is none."""
    try:
        return [endpoint.parse(host) for host in bundle.endpoints]
    except ConfigError as error:
        raise ToolError(f"{bundle.path} lists what is no endpoint: {error}") from None


def _listed(update: SignedBundle) -> str:
    return " and ".join(update.endpoints)


def _identity(anchor: bytes) -> tuple[bytes, bytes]:
    parts = fields(anchor)
    return parts.subject, parts.public_key


def _name(anchor: bytes, manifest: Manifest) -> str:
    root = manifest.by_key(fields(anchor).key_sha256)
    return root.name if root else load(anchor).subject.rfc4514_string()
