"""What a certificate in a project will do as a root: each is judged by what it is and used for.

Rules: a file whose first certificate is a CA, or that is called a root, or that the source loads
as one, holds roots; else the first is somebody's own and what follows is its chain. A root of AWS
is known by name, key and fingerprint (certs_der/MANIFEST.toml). Names from certificates are shown
by whoever prints.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime

from ats_trust import der

from ..certificate import fields, load
from ..describe import is_ca
from ..errors import ToolError
from ..roots import Manifest

_ROOT_WORDS = frozenset("ca cas root roots rootca cacert cacerts cadata anchor anchors".split())
_WORDS = re.compile(r"[a-z]+")


def called_root(name: str) -> bool:
    """Whether the name of a file or variable says that it holds roots."""
    words = _WORDS.findall(name.lower())
    return any(word in _ROOT_WORDS or word.startswith("amazonroot") for word in words)


def judge_certificates(
    certificates: list[bytes], as_roots: bool, manifest: Manifest, now: datetime
) -> Iterator[tuple[int, str, str]]:
    """Yield (index, rule, detail) for the DER of the certificates of one file or literal."""
    for index, certificate in enumerate(certificates):
        try:
            view, parts = load(certificate), fields(certificate)
        except (ToolError, der.DerError):
            yield index, "unreadable-certificate", "it is not a readable certificate"
            continue
        who = _short(view.subject.rfc4514_string())
        authority = is_ca(view)
        if not index:
            as_roots = as_roots or authority
        if parts.not_after < now:
            yield index, "expired-certificate", f"{who} ended on {parts.not_after:%Y-%m-%d}"
        root = manifest.by_key(parts.key_sha256)
        digest = hashlib.sha256(certificate).hexdigest()
        namesake = root or manifest.namesake(certificate)
        if root and root.role == "legacy":
            yield index, "retired-root", f"this is {root.title}"
        elif namesake and digest not in (namesake.sha256, *namesake.cross_signed_sha256):
            key = "its key is the genuine one" if root else "its key is another one"
            yield index, "root-differs", f"it calls itself {namesake.title}; {key}"
        elif as_roots and authority and not parts.self_issued and not root:
            yield index, "intermediate-as-root", f"{who} is an intermediate"
        elif as_roots and not authority and parts.version == 3:
            yield index, "leaf-as-root", f"{who} is no CA"


def _short(name: str) -> str:
    return name if len(name) <= 120 else name[:117] + "..."
