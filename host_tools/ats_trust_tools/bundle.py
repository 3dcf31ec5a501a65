"""The trust-anchor file that a board keeps on its flash: how it is encoded.

Format: docs/bundle-format.md. Rules: the same anchors, version and build time always give the
same bytes; every limit that the device library's reader keeps is kept here too, so that no bundle
leaves the host that a board would refuse. `signed_bundle` adds terms and a signature to the same
body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ats_trust.bundle import LEAF_ECDSA, LEAF_RSA
from ats_trust.endpoint import ROLE_ATS, ROLE_LEGACY, ROLE_OWN

from .certificate import fields
from .der_writer import generalized_time, integer, sequence, with_digest
from .errors import ToolError, UsageError
from .trim import trim

FORMAT = 1
SIGNED_FORMAT = 2
MAX_BYTES = 8192
MAX_ANCHORS = 16
LEAF_BITS = {"rsa": LEAF_RSA, "ecdsa": LEAF_ECDSA}
ROLE_BITS = {"ats": ROLE_ATS, "legacy": ROLE_LEGACY, "own": ROLE_OWN}


@dataclass(frozen=True)
class Anchor:
    """One trust anchor and what it may be used for.

    certificate: DER, full or trimmed. leaf: the leaf key types it can authenticate, of "rsa" and
    "ecdsa". roles: the endpoint kinds it may answer for, of "ats", "legacy" and "own".
    """

    certificate: bytes
    leaf: frozenset[str]
    roles: frozenset[str]

    @property
    def use(self) -> int:
        """Both sets as the bits that stand in the file."""
        if not self.leaf or not self.roles:
            raise ValueError("an anchor that may be used for nothing")
        return sum(LEAF_BITS[name] for name in self.leaf) + sum(
            ROLE_BITS[name] for name in self.roles
        )


def encode_bundle(anchors: Sequence[Anchor], *, version: int, built_at: datetime) -> bytes:
    """Return the bundle of these anchors, trimmed, in this order of preference.

    version: 0 to 2**63 - 1, must rise from one bundle to the next. built_at: aware; a board
    refuses to believe a clock that shows an earlier time. Raises ToolError when a limit of the
    format is passed.
    """
    entries = [(anchor.use, trim(anchor.certificate)) for anchor in anchors]
    return bundle_file(encode_body(entries, version=version, built_at=built_at))


def encode_body(
    entries: Sequence[tuple[int, bytes]],
    *,
    version: int,
    built_at: datetime,
    terms: bytes = b"",
) -> bytes:
    """Return the DER of a bundle's body, what its digest and a signature are of.

    entries: the bits of its use and the trimmed certificate of each anchor. terms: DER, of a
    bundle that is to be signed; without any it is of format 1. Raises ToolError.
    """
    if not 1 <= len(entries) <= MAX_ANCHORS:
        raise ToolError(f"a bundle holds 1 to {MAX_ANCHORS} anchors, not {len(entries)}")
    if not 0 <= version < 1 << 63:
        raise UsageError(f"bundle version {version} is not between 0 and 2**63 - 1")
    not_after = max(fields(certificate).not_after for _, certificate in entries)
    if built_at.astimezone(UTC) >= not_after:
        raise ToolError("every anchor of this bundle would have expired when it was built")
    return sequence(
        integer(SIGNED_FORMAT if terms else FORMAT),
        integer(version),
        generalized_time(built_at),
        generalized_time(not_after),
        sequence(*(sequence(integer(use), certificate) for use, certificate in entries)),
        terms,
    )


def bundle_file(body: bytes, signature: bytes = b"") -> bytes:
    """Return the file of a body: with its digest, and the DER of its signature if it has one."""
    encoded = with_digest(body, signature)
    if len(encoded) > MAX_BYTES:
        raise ToolError(
            f"the bundle would be {len(encoded)} bytes and boards read at most {MAX_BYTES}; "
            "leave out some roots"
        )
    return encoded
