"""What is this file? Explains bundles, device files, certificates and chains.

Rules: bundles and device files are read by the device library's own readers, so what is explained
here is what a board sees. Private keys are never shown.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from ats_trust import bundle as board_bundle
from ats_trust.signed import SignedBundle, key_id

from .bundle import FORMAT, LEAF_BITS, ROLE_BITS, SIGNED_FORMAT
from .certificate import fields, key_name, load, signed_by
from .certificate_files import certificates_in
from .describe import certificate_facts
from .device_blob import PENDING
from .device_check import EXPIRES_SOON as DEVICE_EXPIRES_SOON
from .device_check import belongs_together, public_bytes
from .device_file import decrypted, read_device
from .errors import ToolError
from .file_shape import shape
from .files import read_bounded
from .heap_model import anchor_heap
from .passphrase import Passphrase
from .pem import blocks, looks_like_pem
from .plan import EXPIRES_SOON
from .roots import Manifest
from .signed_bundle import refusal
from .signing_key import read_public_key
from .stamps import stamp


def explain(path: Path, manifest: Manifest, now: datetime) -> dict[str, Any]:
    """Return what a file is and holds: "kind", "warnings" and facts by kind.

    kind: "bundle", "device", "certificates", "private key" or "public key". Raises
    ToolError, or the device library's TrustError, when it is none of these or is damaged.
    """
    content = read_bounded(path, "a bundle, a device file or a certificate")
    if looks_like_pem(content):
        try:
            labels = {block.label for block in blocks(content)}
        except ToolError as error:
            raise ToolError(f"{path}: {error}") from None
        if not any("CERTIFICATE" in label for label in labels) and any(
            "PRIVATE KEY" in label for label in labels
        ):
            return _private_key()
        if labels == {"PUBLIC KEY"}:
            identity = key_id(read_public_key(path)).hex()
            return {"kind": "public key", "key_id": identity, "warnings": []}
        return _certificates(path, content, manifest, now)
    kind = shape(content)
    if kind == "bundle":
        return explain_bundle(path, manifest, now)
    if kind == "device":
        return explain_device(path, manifest, now)
    if kind == "private key":
        return _private_key()
    return _certificates(path, content, manifest, now)


def explain_bundle(path: Path, manifest: Manifest, now: datetime) -> dict[str, Any]:
    """Return what a bundle holds. Raises BundleError when a board would refuse it."""
    found = board_bundle.Bundle(str(path))
    anchors, warnings = explain_anchors(found, manifest, now)
    update = _update(path, now) if found.signed else None
    if update:
        warnings += _update_warnings(update)
    return {
        "kind": "bundle",
        "format": SIGNED_FORMAT if update else FORMAT,
        "version": found.version,
        "built_at": _iso(found.built_at),
        "not_after": _iso(found.not_after),
        "bytes": path.stat().st_size,
        "update": update,
        "anchors": anchors,
        "warnings": warnings,
    }


def explain_anchors(
    bundle: board_bundle.Bundle, manifest: Manifest, now: datetime
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what there is to say of each anchor of a bundle, and what to warn of."""
    anchors = []
    warnings: list[str] = []
    for use, certificate in bundle.anchors():
        facts = certificate_facts(certificate, manifest, now)
        root = manifest.by_key(str(facts["spki_sha256"]))
        leaf = [name for name, bit in LEAF_BITS.items() if use & bit]
        roles = [name for name, bit in ROLE_BITS.items() if use & bit]
        name = root.name if root else str(facts["subject"])
        anchors.append(
            {
                "name": name,
                "subject": facts["subject"],
                "root": root.name if root else None,
                "key": facts["key"],
                "leaf_keys": leaf,
                "roles": roles,
                "trimmed_bytes": len(certificate),
                "heap_bytes": anchor_heap(certificate),
                "not_after": facts["not_after"],
                "days_left": facts["days_left"],
                "spki_sha256": facts["spki_sha256"],
            }
        )
        if not root and set(roles) & {"ats", "legacy"}:
            warnings.append(
                f"TEST BUNDLE? The anchor {name} is no root of AWS, and yet it may answer for AWS "
                "endpoints: whoever holds its key can pose as AWS IoT Core. Never install this "
                "on a device that is to talk to AWS"
            )
        if root:
            expected = root.anchor
            if not set(roles) <= expected.roles or not set(leaf) <= expected.leaf:
                warnings.append(
                    f"{name} may be used for more here ({', '.join(leaf + roles)}) than it should "
                    f"({', '.join(sorted(expected.leaf | expected.roles))})"
                )
        warnings += _expiry(name, facts, EXPIRES_SOON)
    return anchors, warnings


def _update(path: Path, now: datetime) -> dict[str, Any]:
    """What a signed bundle says beside its anchors, and whether its signature holds."""
    found = SignedBundle(str(path))
    return {
        "signer": found.signer.hex(),
        "signers": [key_id(point).hex() for point in found.signers],
        "refused": refusal(found),
        "expires": _iso(found.expires),
        "expired": stamp(now) > found.expires,
        "endpoints": found.endpoints,
        "distrust": found.distrust,
    }


def _update_warnings(update: dict[str, Any]) -> list[str]:
    found = []
    if update["refused"]:
        found.append(update["refused"])
    if update["expired"]:
        found.append(
            f"it expired as an update on {update['expires'][:10]}: boards that have it keep it, "
            "no other one installs it any more"
        )
    return found


def explain_device(
    path: Path, manifest: Manifest, now: datetime, passphrase: Passphrase | None = None
) -> dict[str, Any]:
    """Return what a device file holds, without its key. Raises ToolError when it is damaged.

    passphrase: opens an encrypted key, to check that it belongs to the certificate; without it
    everything else is said.
    """
    device = read_device(path)
    key = b"" if device.encrypted else device.key
    if device.encrypted and passphrase:
        key = decrypted(device, path, passphrase).key
    pending = device.format == PENDING
    warnings = []
    if path.stat().st_mode & 0o077:
        what = "try passphrases on" if device.encrypted else "read"
        warnings.append(f"others on this computer can {what} its private key: chmod 600 {path}")
    if pending:
        public = x509.load_der_x509_csr(device.certificate).public_key()
        facts = None
        warnings.append(
            "no board can use it yet, it waits for the certificate: "
            f"`ats-trust device create --complete {path} --cert FILE`"
        )
    else:
        public = load(device.certificate).public_key()
        facts = certificate_facts(device.certificate, manifest, now)
        warnings += _expiry("the device's certificate", facts, DEVICE_EXPIRES_SOON)
    if key and not belongs_together(public_bytes(public), key):
        warnings.append("its private key does not belong to its certificate: make it again")
    here = "encrypted with a passphrase in this file" if device.encrypted else "plain in this file"
    return {
        "kind": "device",
        "endpoint": device.endpoint,
        "port": device.port,
        "client_id": device.client_id,
        "certificate": facts,
        "waits_since": f"{device.created:%Y-%m-%dT%H:%M:%SZ}" if device.created else None,
        "private_key": f"{key_name(public)}, not shown; {here}, always plain on a board",
        "encrypted": device.encrypted,
        "key_checked": bool(key),
        "warnings": warnings,
    }


def _certificates(path: Path, content: bytes, manifest: Manifest, now: datetime) -> dict[str, Any]:
    try:
        certificates = certificates_in(content)
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from None
    shown = []
    warnings: list[str] = []
    for index, certificate in enumerate(certificates):
        facts = certificate_facts(certificate, manifest, now)
        facts["signed_by"] = signer(certificate, certificates, index, manifest)
        shown.append(facts)
        warnings += _expiry(str(facts["subject"]), facts, DEVICE_EXPIRES_SOON)
        below = fields(certificates[index - 1]) if index else None
        if below and below.issuer != fields(certificate).subject:
            warnings.append(
                f"certificate {index + 1} is not the issuer of certificate {index}: a server that "
                "sends them in this order does not send a chain"
            )
    return {"kind": "certificates", "certificates": shown, "warnings": warnings}


def signer(certificate: bytes, chain: list[bytes], index: int, manifest: Manifest) -> str:
    """Say in words whose key made the signature, as far as it can be checked here."""
    parts = fields(certificate)
    if parts.self_issued:
        if signed_by(certificate, load(certificate).public_key()):
            return "itself"
        return "claims to be signed by itself, but the signature is wrong"
    if index + 1 < len(chain) and parts.issuer == fields(chain[index + 1]).subject:
        good = signed_by(certificate, load(chain[index + 1]).public_key())
        return "the next one" if good else "claims the next one, but the signature is wrong"
    root = manifest.by_subject(parts.issuer)
    if root:
        good = signed_by(certificate, load(root.certificate).public_key())
        return root.name if good else f"claims {root.name}, but the signature is wrong"
    return "someone who is neither in this file nor among the shipped roots"


def _private_key() -> dict[str, Any]:
    return {
        "kind": "private key",
        "warnings": [
            "keep it to yourself: whoever has it can pose as the device, or sign for all of yours"
        ],
    }


def _expiry(name: str, facts: dict[str, object], soon: int) -> list[str]:
    days = facts["days_left"]
    if not isinstance(days, int) or days >= soon:
        return []
    date = str(facts["not_after"])[:10]
    return [f"{name} expired on {date}" if days < 0 else f"{name} expires in {days} days ({date})"]


def _iso(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:]}Z"
