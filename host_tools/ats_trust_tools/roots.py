"""The roots that ship with the tools: certs_der/MANIFEST.toml and the certificates beside it.

Rules: nothing is taken from a certificate file that does not match the manifest byte for byte;
`verify` also computes again what the manifest says and the certificate itself can tell.
"""

import difflib
import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from . import certificate as x509
from .bundle import Anchor
from .errors import ToolError, UsageError
from .files import data_folder, read_bounded
from .pem import armour


@dataclass(frozen=True)
class Root:
    """One root of the manifest; see there for what each field means."""

    name: str
    title: str
    file: str
    subject: str
    key: str
    sha256: str
    spki_sha256: str
    cross_signed_sha256: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    origin: str
    role: str
    endpoints: tuple[str, ...]
    leaf_keys: tuple[str, ...]
    browsers_until: date
    browsers_until_source: str
    certificate: bytes

    @property
    def anchor(self) -> Anchor:
        """This root as a trust anchor. Only for a root that answers for some endpoint."""
        role = "legacy" if self.role == "legacy" else "ats"
        return Anchor(self.certificate, frozenset(self.leaf_keys), frozenset({role}))

    def days_left(self, now: datetime) -> int:
        """Whole days until it expires; negative afterwards."""
        return (self.not_after - now).days


@dataclass(frozen=True)
class Intermediate:
    """A known intermediate of Amazon; root: the name of the root to use instead, or ""."""

    name: str
    spki_sha256: str
    root: str


@dataclass(frozen=True)
class Manifest:
    """All that is known about the roots behind AWS IoT Core."""

    roots: tuple[Root, ...]
    intermediates: tuple[Intermediate, ...]

    def find(self, name: str) -> Root:
        """Return the root with this name or title. Raises UsageError with the nearest names."""
        wanted = name.strip().casefold()
        for root in self.roots:
            if wanted in (root.name, root.title.casefold()):
                return root
        names = [root.name for root in self.roots]
        near = difflib.get_close_matches(wanted, names, n=2, cutoff=0.5) or names
        raise UsageError(f"no root is called {name!r}; try {' or '.join(near)}")

    def by_key(self, spki_sha256: str) -> Root | None:
        """Return the root that has this key, whatever certificate it came in."""
        return next((root for root in self.roots if root.spki_sha256 == spki_sha256), None)

    def by_subject(self, subject: bytes) -> Root | None:
        """Return the root with this DER name."""
        for root in self.roots:
            if x509.fields(root.certificate).subject == subject:
                return root
        return None

    def namesake(self, certificate: bytes) -> Root | None:
        """Return the root whose name the subject of a DER certificate reads as.

        The same text can be encoded as several string types, and people and some verifiers
        (RFC 5280, 7.1) see no difference, nor one of case and of spaces.
        """
        wanted = _read_name(certificate)
        return next((r for r in self.roots if _read_name(r.certificate) == wanted), None)

    def intermediate(self, spki_sha256: str) -> Intermediate | None:
        """Return the known intermediate that has this key."""
        return next((i for i in self.intermediates if i.spki_sha256 == spki_sha256), None)


def load_manifest(folder: Path | None = None) -> Manifest:
    """Read MANIFEST.toml and the certificates it names.

    folder: certs_der, by default the one that came with the tools. Raises ToolError when a file
    is missing or is not the one that the manifest describes.
    """
    folder = folder or data_folder("certs_der")
    path = folder / "MANIFEST.toml"
    text = read_bounded(path, "the manifest of the roots").decode("utf-8", "replace")
    try:
        document = tomllib.loads(text)
        packages = {p["name"]: f"{p['package']} {p['version']}" for p in document["package"]}
        return Manifest(
            tuple(_root(folder, entry, packages) for entry in document["root"]),
            tuple(Intermediate(**entry) for entry in document["intermediate"]),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ToolError(f"{path} is damaged ({error}); install ats-trust again") from None


def certificate_store(manifest: Manifest, kind: str) -> bytes:
    """Return the roots that may answer for a kind of endpoint as PEM, as OpenSSL takes them."""
    return b"".join(
        armour("CERTIFICATE", root.certificate)
        for root in manifest.roots
        if kind in root.endpoints
    )


def verify(root: Root) -> list[str]:
    """Return what the manifest says about a root that its certificate does not bear out.

    Everything that can be computed is computed again, the self-signature included; whether the
    origin is true can only be seen by taking it from there again (collect_roots.py).
    """
    view = x509.load(root.certificate)
    parts = x509.fields(root.certificate)
    compared = {
        "sha256": (root.sha256, hashlib.sha256(root.certificate).hexdigest()),
        "spki_sha256": (root.spki_sha256, parts.key_sha256),
        "subject": (root.subject, view.subject.rfc4514_string()),
        "key": (root.key, x509.key_name(view.public_key())),
        "not_before": (root.not_before, parts.not_before),
        "not_after": (root.not_after, parts.not_after),
    }
    problems = [
        f"{field} is {found} in the certificate and {said} in the manifest"
        for field, (said, found) in compared.items()
        if said != found
    ]
    if not parts.self_issued:
        problems.append("its issuer is not itself")
    elif not x509.signed_by(root.certificate, view.public_key()):
        problems.append("its self-signature is wrong")
    return problems


def _read_name(certificate: bytes) -> list[tuple[str, str]]:
    """The attributes of the subject in any order, as a person reads them."""
    return sorted(
        (one.oid.dotted_string, " ".join(_text(one.value).casefold().split()))
        for one in x509.load(certificate).subject
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _root(folder: Path, entry: dict[str, Any], packages: dict[str, str]) -> Root:
    path = folder / entry["file"]
    certificate = read_bounded(path, "a root certificate")
    found = hashlib.sha256(certificate).hexdigest()
    if found != entry["sha256"]:
        raise ToolError(
            f"{path} is damaged or was exchanged: its SHA-256 is {found}, the manifest says "
            f"{entry['sha256']}; install ats-trust again"
        )
    lists = ("cross_signed_sha256", "endpoints", "leaf_keys")
    fields: dict[str, Any] = {
        key: tuple(value) if key in lists else value for key, value in entry.items()
    }
    fields["origin"] = packages[entry["origin"]]
    return Root(**fields, certificate=certificate)
