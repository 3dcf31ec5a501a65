"""A bundle that boards take over the air: terms and a signature around the same anchors.

Format 2 of docs/bundle-format.md. Rules: what a board would refuse is not signed; signatures are
checked by the device library's own code, when they are made and when they are read.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ats_trust import signature
from ats_trust.bundle import Bundle
from ats_trust.signed import SignedBundle, key_id

from .bundle import bundle_file, encode_body
from .der_writer import boolean, generalized_time, octet_string, sequence, utf8_string
from .errors import ToolError
from .files import read_bounded
from .signing_key import point_of

MAX_TERMS = 1024


@dataclass(frozen=True)
class Terms:
    """What holds for an update beside its anchors.

    expires: aware; no board installs it later. distrust: what it leaves out, anchors and signers,
    is never gone back to. signers: two points, of the keys that may sign the next bundle.
    endpoints: host names that a board authenticates before it gives up the bundle it had.
    """

    expires: datetime
    distrust: bool
    signers: tuple[bytes, bytes]
    endpoints: Sequence[str]

    @property
    def encoded(self) -> bytes:
        """The DER of it. Raises ToolError when it is too long."""
        encoded = sequence(
            generalized_time(self.expires),
            boolean(self.distrust),
            sequence(*map(octet_string, self.signers)),
            sequence(*map(utf8_string, self.endpoints)),
        )
        if len(encoded) > MAX_TERMS:
            raise ToolError(
                f"the names of the endpoints are too long: they would take {len(encoded)} bytes "
                f"with what belongs to them, and boards read {MAX_TERMS}; list fewer"
            )
        return encoded


def sign_bundle(
    entries: Sequence[tuple[int, bytes]],
    *,
    version: int,
    built_at: datetime,
    terms: Terms,
    key: ec.EllipticCurvePrivateKey,
) -> bytes:
    """Return the signed bundle; entries, version and built_at as `bundle.encode_body` takes them.

    key: one of terms.signers. Raises ToolError when a limit of the format is passed.
    """
    point = point_of(key.public_key())
    if point not in terms.signers or len(set(terms.signers)) != 2:
        raise ValueError("the signer is one of two different keys")
    body = encode_body(entries, version=version, built_at=built_at, terms=terms.encoded)
    value = key.sign(body, ec.ECDSA(hashes.SHA256()))
    if not holds(point, hashlib.sha256(body).digest(), value):
        raise ToolError(
            "the signature that was made does not hold, and nothing was written: this computer "
            "miscalculates; do not sign with it"
        )
    return bundle_file(body, sequence(octet_string(key_id(point)), octet_string(value)))


def read_for_cable(path: Path) -> bytes:
    """Return the content of a bundle, signed or not, that boards will read.

    Raises BundleError; ToolError for a signature that does not hold, which a board never checks
    of what comes by cable.
    """
    content = read_bounded(path, "a bundle")
    why = refusal(SignedBundle(str(path))) if Bundle(str(path)).signed else ""
    if why:
        raise ToolError(f"{path}: {why}; sign it again before it goes onto a board")
    return content


def refusal(bundle: SignedBundle) -> str:
    """Return why every board would refuse the signature of this bundle; "" where it holds."""
    point = next((one for one in bundle.signers if key_id(one) == bundle.signer), None)
    if point is None:
        return "it was signed by a key that it does not name itself, which no board takes"
    if not holds(point, bundle.digest, bundle.signature):
        return "its signature does not hold: it was changed, or forged"
    return ""


def holds(point: bytes, digest: bytes, value: bytes) -> bool:
    """Whether a signature (Ecdsa-Sig-Value, DER) is that key's, as a board finds out."""
    return signature.check(("secp256r1", point), "ecdsa-sha256", digest, value) is True
