"""Chains of which each breaks one rule for certificates, below a CA of one's own.

root > upper > lower > leaf, all P-256: the Plan that nobody changed is accepted by everybody. A
Deviation changes one thing in it. The tables of deviations are in deviations_*.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from ats_trust_tools.der_writer import integer
from ats_trust_tools.emulate.keys import PrivateKey
from ats_trust_tools.emulate.pki import Chain
from e2e.deviant_certificate import (
    DAY,
    ECDSA_SHA256,
    RSA_SHA256,
    SERVER_AUTH,
    TODAY,
    Draft,
    Signer,
    alternative_names,
    authority_key,
    basic_constraints,
    dns,
    extended_usage,
    information_access,
    key,
    key_usage,
    name,
    signer,
    spki,
    subject_key,
    utc_time,
)

HOST = "board.deviant.test"
LEAF, LOWER, UPPER, PATH = "leaf", "lower intermediate", "upper intermediate", "path"


class Plan:
    """A chain before it is signed. host: the name that the client asks for. tls_key: what the
    server proves the handshake with. extra: intermediates between upper and lower. order: in which
    the certificates are sent, if not from the leaf up."""

    def __init__(self) -> None:
        self.host = HOST
        self.tls_key: PrivateKey = key("leaf")
        self.root = _authority("root", key("root"), "root", key("root"))
        self.upper = _authority("upper", key("upper"), "root", key("root"))
        self.lower = _authority("lower", key("lower"), "upper", key("upper"), path_length=0)
        self.leaf = _leaf()
        self.extra: list[Draft] = []
        self.order: tuple[Draft, ...] = ()

    @property
    def chain(self) -> Chain:
        """What the server sends, and the key that it has."""
        drafts = self.order or (self.leaf, self.lower, *reversed(self.extra), self.upper)
        sent = tuple(draft.signed() for draft in drafts)
        return Chain(sent, self.tls_key, _stand_in(self.tls_key), is_consistent=False)

    def issuer_key(
        self, info: bytes, sign: Signer, algorithm: bytes = RSA_SHA256, *, of: str = LOWER
    ) -> None:
        """Give an intermediate another key, and what it signs its signature."""
        issuer, child = (self.lower, self.leaf) if of == LOWER else (self.upper, self.lower)
        issuer.key = info
        issuer.put("ski", subject_key(info).value)
        child.put("aki", authority_key(info).value)
        child.sign, child.algorithm = sign, algorithm

    def leaf_key(self, info: bytes, tls_key: PrivateKey | None = None) -> None:
        """Give the leaf another key; `tls_key` is the server's, where that is another."""
        self.leaf.key = info
        self.leaf.put("ski", subject_key(info).value)
        if tls_key is not None:
            self.tls_key = tls_key

    def longer(self, count: int) -> None:
        """Put so many more intermediates between upper and lower."""
        above = "upper"
        for number in range(count):
            label = f"between {number}"
            self.extra.append(_authority(label, key(label), above, key(above)))
            above = label
        private = key(above)
        self.lower.issuer = name(f"ats_trust tests {above}")
        self.lower.put("aki", authority_key(spki(private)).value)
        self.lower.sign = signer(private)


@dataclass(frozen=True)
class Deviation:
    """One thing that is wrong in a chain. code: what ats_trust says to it, None: nothing."""

    name: str
    where: str
    code: str | None
    change: Callable[[Plan], None]

    @property
    def plan(self) -> Plan:
        """The chain with this deviation."""
        plan = Plan()
        self.change(plan)
        return plan


@dataclass(frozen=True)
class Rule:
    """A rule, the clauses that it comes from, and the chains that break it.

    left_out: why ats_trust does not keep it, "" where it does.
    """

    title: str
    clause: str
    words: str
    deviations: tuple[Deviation, ...] = field(default=())
    left_out: str = ""


def _authority(
    label: str, private: PrivateKey, above: str, issuer: PrivateKey, path_length: int | None = None
) -> Draft:
    info = spki(private)
    return Draft(
        subject=name(f"ats_trust tests {label}"),
        issuer=name(f"ats_trust tests {above}"),
        key=info,
        sign=signer(issuer),
        serial=integer(0x5AFE_0000_0000_0001 + len(label)),
        starts=utc_time(TODAY - 400 * DAY),
        ends=utc_time(TODAY + 400 * DAY),
        extensions={
            "basic": basic_constraints(True, path_length),
            "usage": key_usage(0x06),
            "ski": subject_key(info),
            "aki": authority_key(spki(issuer)),
        },
    )


def _leaf() -> Draft:
    info = spki(key("leaf"))
    return Draft(
        subject=name(HOST, organization=False),
        issuer=name("ats_trust tests lower"),
        key=info,
        sign=signer(key("lower")),
        extensions={
            "basic": basic_constraints(False),
            "usage": key_usage(0x80),
            "purposes": extended_usage(SERVER_AUTH),
            "san": alternative_names(dns(HOST)),
            "ski": subject_key(info),
            "aki": authority_key(spki(key("lower"))),
            "aia": information_access(),
        },
    )


@cache
def _stand_in(private: PrivateKey) -> bytes:
    """A leaf for this key from which the server's TLS can tell how to sign."""
    draft = _leaf()
    draft.key = spki(private)
    assert draft.algorithm == ECDSA_SHA256
    return draft.signed()


def rsa_key(label: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, made once."""
    found = key(label, f"rsa-{bits}")
    assert isinstance(found, rsa.RSAPrivateKey)
    return found
