"""Would a board with this bundle accept this chain, at this moment, for this name?

Two judges, of which each can refuse and neither can overrule the other:

- the board's: lib/ats_trust as it is (which anchor, what the judge says, how a refusal is
  explained) over Mbed TLS's own rules, rebuilt in `micropython_tls`;
- the verifier of `cryptography`, for path, signatures, dates and name. Where it refuses what
  a board would accept, the answer is "unknown": one of the two is wrong, and wants a look.

No input and no output: certificates, bundle and time come in.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Literal

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import verification

from ats_trust import preflight
from ats_trust.bundle import LEAF_ECDSA, LEAF_RSA, Bundle, name_keys
from ats_trust.der import DerError
from ats_trust.endpoint import Endpoint
from ats_trust.errors import BundleError, PeerRejected, TrustError
from ats_trust.explain import explain
from ats_trust.judge import Judge

from .certificate import fields
from .micropython_tls import anchor as anchors_for_openssl
from .micropython_tls import suites, verdict
from .micropython_tls import x509 as mbedtls_x509
from .micropython_tls.codes import Code, MbedError, raise_code, raise_refusal
from .printable import printable
from .roots import Manifest
from .stamps import stamp

Answer = Literal["accepted", "refused", "unknown"]

# What one record can bring, and so the most that a board reads of a Certificate message, its
# header of 4 bytes included: SSL_IN_CONTENT_LEN of MicroPython's Mbed TLS.
RECORD = 16384
LEAF_NAMES = {LEAF_RSA: "rsa", LEAF_ECDSA: "ecdsa"}


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    path: the certificates on the way, the server's first, the bundle's anchor last; empty unless
    the board's judge accepted. error, code, detail, remedy: the board's refusal, as its exception
    says it. verifier: why `cryptography` refuses; empty where it accepts or was not asked.
    """

    answer: Answer
    path: tuple[bytes, ...] = ()
    error: str = ""
    code: str = ""
    detail: str = ""
    remedy: str = ""
    verifier: str = ""


def message_size(chain: Sequence[bytes]) -> int:
    """Return the length of the Certificate message (RFC 5246, 7.4.2) without its header."""
    return 3 + sum(3 + len(certificate) for certificate in chain)


def leaf_key(chain: Sequence[bytes]) -> Literal["rsa", "ecdsa"] | None:
    """Return which kind of suite brings this chain; None for a key that fits none."""
    try:
        key = fields(chain[0]).public_key
    except DerError:
        return None
    return next((kind for oid, kind in _KEY_OIDS.items() if oid in key[:24]), None)


def judge_chain(
    chain: Sequence[bytes], bundle: Bundle, host: Endpoint, at: datetime, manifest: Manifest
) -> Verdict:
    """Return the verdict on a chain as it was presented: DER, the server's certificate first.

    bundle: as the library opens it. host: the name that is asked for. at: the board's clock.
    """
    try:
        path = _on_the_board(chain, bundle, host, at)
    except TrustError as error:
        return Verdict(
            "refused",
            error=type(error).__name__,
            code=error.code,
            detail=printable(error.detail),
            remedy=error.remedy,
        )
    objection = verifier_objects(
        chain, [data for use, data in bundle.anchors() if use & host.roles], host, at, manifest
    )
    return Verdict("unknown" if objection else "accepted", tuple(path), verifier=objection)


def clock_floor(bundle: Bundle, at: datetime) -> str:
    """Return what to say of a moment at which no board can have this bundle; "" of any other."""
    try:
        preflight.check_clock(bundle, min(stamp(at), bundle.not_after))
    except TrustError as error:
        return f"a board with this bundle refuses such a clock ({error.detail})"
    return ""


def verifier_objects(
    chain: Sequence[bytes],
    anchors: Sequence[bytes],
    host: Endpoint,
    at: datetime,
    manifest: Manifest,
) -> str:
    """Return why `cryptography` does not accept the chain below these anchors; "" if it does."""
    with warnings.catch_warnings():
        # Starfield's real root has the serial number 0.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)
        try:
            leaf, *others = [x509.load_der_x509_certificate(one) for one in chain]
            store = verification.Store(
                [x509.load_der_x509_certificate(_dressed(one, manifest)) for one in anchors]
            )
            verifier = (
                verification.PolicyBuilder()
                .store(store)
                .time(at)
                .extension_policies(ca_policy=_CA_POLICY, ee_policy=_LEAF_POLICY)
                .build_server_verifier(x509.DNSName(host.host))
            )
            verifier.verify(leaf, others)
        except (verification.VerificationError, ValueError, MbedError) as error:
            return printable(str(error)) or type(error).__name__
    return ""


# Extensions are the judge's business. `cryptography` insists on these two: a CA is marked as one,
# and a name stands in subjectAltName.
_CA_POLICY = verification.ExtensionPolicy.permit_all().require_present(
    x509.BasicConstraints, verification.Criticality.AGNOSTIC, None
)
_LEAF_POLICY = verification.ExtensionPolicy.permit_all().require_present(
    x509.SubjectAlternativeName, verification.Criticality.AGNOSTIC, None
)
_KEY_OIDS: dict[bytes, Literal["rsa", "ecdsa"]] = {
    bytes.fromhex("06092a864886f70d010101"): "rsa",
    bytes.fromhex("06072a8648ce3d0201"): "ecdsa",
}
_ANY_ECDHE = next(number for number, name in suites.NAME_OF_NUMBER.items() if "-ECDHE-" in name)


def _on_the_board(
    chain: Sequence[bytes], bundle: Bundle, host: Endpoint, at: datetime
) -> list[bytes]:
    """Return the path that a board would accept, step by step as TrustedContext and its stream
    do it; raises the TrustError that they would."""
    now = stamp(at)
    # A clock before the bundle was made is refused by a board, whatever the chain: not the
    # question here, as `clock_floor` says.
    preflight.check_clock(bundle, max(now, bundle.built_at))
    offered = [LEAF_NAMES[leaf] for leaf in bundle.leaf_types(host.roles)]
    if not offered:
        raise BundleError("bundle_useless", "no root in it answers for " + host.kind)
    kind = leaf_key(chain)
    if kind and kind not in offered:
        raise PeerRejected(
            "no_shared_suite",
            f"the chain is for {kind.upper()} suites, and with this bundle a board offers "
            f"{' and '.join(offered).upper()} alone: it has no root that authenticates "
            f"{kind.upper()} leaves, so the issuer of this chain is unknown to it",
            "hello",
        )
    keys = b"".join(_name_keys(certificate) for certificate in chain)[:_MOST_KEYS]
    found = bundle.find(keys, host.roles)
    judge = Judge(host.host, now, None, [hashlib.sha256(one).digest() for one in found])
    refusals: list[Exception] = []

    def see(certificate: memoryview, depth: int) -> int:
        try:
            judge.see(certificate, depth)
        except Exception as error:
            refusals.append(error)
            return -0x3000
        return 0

    flight: Any = SimpleNamespace(
        chain=keys,
        not_tls=b"",
        oversized=0,
        alert=None,
        fault=None,
        error=None,
        answered=0,
        asked=False,
        eof=False,
    )
    size = message_size(chain)
    try:
        if size + 4 > RECORD:
            flight.oversized = size
            raise_code(Code.SSL_INVALID_RECORD)
        try:
            settings = SimpleNamespace(
                verify_mode=verdict.CERT_REQUIRED,
                anchors=[mbedtls_x509.parse(one) for one in found],
                verify_callback=see,
            )
            presented = verdict.parse_all(list(chain))
            steps = verdict.judge(presented, _ANY_ECDHE, settings, host.host, at.timestamp())
        except MbedError as error:
            raise_refusal(error.flags) if error.flags else raise_code(error.code)
    except (OSError, ValueError) as error:
        context = SimpleNamespace(
            _bundle=bundle,
            _roles=host.roles,
            _find=lambda keys: bundle.find(keys, host.roles),
            host=host.host,
        )
        refused = explain(error, flight, judge, refusals[:1], context)
        if isinstance(refused, TrustError):
            raise refused from None
        raise PeerRejected("internal", repr(refused), "certificate") from None
    if not judge.accepted:
        raise PeerRejected("protocol_error", "the judge never saw the leaf", "certificate")
    return [step.certificate.raw for step in steps]


_MOST_KEYS = 160  # Of ats_trust.flight: the names of ten certificates.


def _name_keys(certificate: bytes) -> bytes:
    """As ats_trust.flight keeps them: zeros for what it does not understand."""
    try:
        keys: bytes = name_keys(certificate)
    except DerError:
        keys = bytes(16)
    return keys


def _dressed(anchor: bytes, manifest: Manifest) -> bytes:
    """The whole root where it is one of ours; else one that `cryptography` can take for a root:
    a trimmed anchor is of version 1 and has no mark of a CA."""
    root = manifest.by_key(fields(anchor).key_sha256)
    return root.certificate if root else anchors_for_openssl.stripped(mbedtls_x509.parse(anchor))
