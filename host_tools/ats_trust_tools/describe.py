"""What there is to say about a certificate: one set of facts for `inspect` and `device show`."""

import hashlib
from datetime import datetime

from cryptography import x509

from .certificate import fields, key_name, load
from .roots import Manifest


def certificate_facts(certificate: bytes, manifest: Manifest, now: datetime) -> dict[str, object]:
    """Return the facts about a DER certificate, ready to be shown or to become JSON."""
    parts = fields(certificate)
    view = load(certificate)
    root = manifest.by_key(parts.key_sha256)
    intermediate = manifest.intermediate(parts.key_sha256)
    known = None
    if root:
        known = root.title if parts.self_issued else f"{root.title}, another certificate of it"
    elif intermediate:
        known = f"{intermediate.name}, an intermediate of Amazon"
    return {
        "subject": view.subject.rfc4514_string(),
        "issuer": view.issuer.rfc4514_string(),
        "known_as": known,
        "key": key_name(view.public_key()),
        "ca": is_ca(view),
        "dns_names": dns_names(view),
        "not_before": f"{parts.not_before:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{parts.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "days_left": (parts.not_after - now).days,
        "bytes": len(certificate),
        "sha256": hashlib.sha256(certificate).hexdigest(),
        "spki_sha256": parts.key_sha256,
    }


def is_ca(view: x509.Certificate) -> bool:
    """Whether basicConstraints says that the certificate may sign others."""
    try:
        return view.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def dns_names(view: x509.Certificate) -> list[str]:
    """Return the host names that a server certificate is for."""
    try:
        names = view.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def as_fields(facts: dict[str, object]) -> list[tuple[str, object]]:
    """Turn facts into lines for people: lists joined, empty ones left out."""
    lines: list[tuple[str, object]] = []
    for name, value in facts.items():
        if value is None or value == []:
            continue
        if isinstance(value, bool):
            value = "yes" if value else "no"
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        lines.append((name.replace("_", " "), value))
    return lines
