"""The servers that are not AWS IoT Core, and those that turn the client away.

Each is the genuine door with exactly one deviation; its summary is its published explanation
(`ats-trust emulate --list`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ats_trust_tools.emulate.recipe import ChainKind, Door, Recipe

_BOTH: tuple[ChainKind, ...] = ("rsa", "ecdsa")
# A handshake message longer than this can not come in one record, and boards hold one record.
_RECORD = 16384


@dataclass(frozen=True)
class Impostor:
    """One deviation: a change of the chain, or a change of the door, of a single field.

    kinds: the chains that it exists for. refuses_client: the server is the genuine one and it is
    the client that is turned away.
    """

    name: str
    summary: str
    chain: Mapping[str, Any] = field(default_factory=dict)
    door: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[ChainKind, ...] = _BOTH
    refuses_client: bool = False

    def recipe(self, genuine: Recipe) -> Recipe:
        """The genuine recipe with this impostor's change."""
        return dataclasses.replace(genuine, **self.chain)

    def opened(self, genuine: Door) -> Door:
        """The genuine door with this impostor's change."""
        return dataclasses.replace(genuine, **self.door)


_ALL = (
    Impostor(
        "unknown-ca",
        "A well-formed chain of a CA that the client has never heard of.",
        chain={"authority": "unknown"},
    ),
    Impostor(
        "same-name-other-key",
        "Every name in the chain is the genuine one, every key is the impostor's own.",
        chain={"authority": "same-names"},
    ),
    Impostor(
        "self-signed",
        "The server's certificate is signed by itself; no CA vouches for it.",
        chain={"self_signed": True},
    ),
    Impostor(
        "missing-intermediate",
        "The intermediate certificate is left out, so that nothing joins leaf and root.",
        chain={"send_intermediate": False},
    ),
    Impostor(
        "expired",
        "The server's certificate ended two days ago.",
        chain={"ends": timedelta(days=-2)},
    ),
    Impostor(
        "not-yet-valid",
        "The server's certificate begins in two days.",
        chain={"starts": timedelta(days=2)},
    ),
    Impostor(
        "wrong-name",
        "A valid certificate for the AWS IoT endpoints of another region.",
        chain={"names": "other-region"},
    ),
    Impostor(
        "common-name-only",
        "The right name stands in the common name; there is no subjectAltName at all.",
        chain={"names_in_san": False},
    ),
    Impostor(
        "wildcard-too-deep",
        "A wildcard one label short: its star would have to cover two labels of the endpoint.",
        chain={"names": "one-label-short"},
    ),
    Impostor(
        "client-auth-only",
        "The certificate is for clients: its extended key usage lacks serverAuth.",
        chain={"usages": ("client",)},
    ),
    Impostor(
        "intermediate-not-ca",
        "The intermediate says that it is no CA (basicConstraints CA:FALSE), yet it signed.",
        chain={"intermediate_is_ca": False},
    ),
    Impostor(
        "path-too-long",
        "The intermediate may issue leaves only (pathLenConstraint 0), yet a CA hangs below it.",
        chain={"second_intermediate": True},
    ),
    Impostor(
        "sha1",
        "The server's certificate is signed with SHA-1, for which collisions can be bought.",
        chain={"leaf_digest": "sha1"},
    ),
    Impostor(
        "rsa-1024",
        "The server's key is RSA with 1,024 bits.",
        chain={"leaf_key": "rsa-1024"},
        kinds=("rsa",),
    ),
    Impostor(
        "odd-curve",
        "The intermediate's key is on secp256k1, a curve that no Amazon certificate uses.",
        chain={"intermediate_key": "secp256k1"},
    ),
    Impostor(
        "stolen-chain",
        "A genuine chain, replayed by someone who does not hold its private key.",
        chain={"holds_leaf_key": False},
    ),
    Impostor(
        "name-constraint-violated",
        "The intermediate may issue for example.org only (name constraints, not critical).",
        chain={"permitted_names": ("example.org",)},
    ),
    Impostor(
        "name-constraint-critical",
        "The intermediate may issue for this endpoint's names (name constraints, critical).",
        chain={"critical_constraints": True},
    ),
    Impostor(
        "captive-portal",
        "No TLS: a web server that sends everybody to its page for logging in.",
        door={"answer": "portal"},
    ),
    Impostor(
        "plain-tcp",
        "No TLS: an MQTT server that accepts whatever it is sent, in clear.",
        door={"answer": "plain"},
    ),
    Impostor(
        "close-in-hello",
        "The connection is closed as soon as the client has said hello.",
        door={"answer": "close"},
    ),
    Impostor(
        "silent",
        "The connection is accepted and nothing is ever said.",
        door={"answer": "silent"},
    ),
    Impostor(
        "garbage-after-hello",
        "A genuine ServerHello, then 512 bytes that are no TLS.",
        door={"answer": "garbage"},
    ),
    Impostor(
        "truncated-certificate",
        "The leaf breaks off in the middle, inside messages whose lengths are right.",
        chain={"leaf_cut": 100},
    ),
    Impostor(
        "huge-chain",
        "A genuine chain, followed by unrelated certificates until it passes 16 KB.",
        chain={"bytes_at_least": _RECORD + 1},
    ),
    Impostor(
        "legacy-chain",
        "A chain of the VeriSign-shaped root, which never answers for an ATS endpoint.",
        chain={"authority": "legacy"},
        kinds=("rsa",),
    ),
    Impostor(
        "tls13-only",
        "The genuine server under a policy that leaves TLS 1.2 out.",
        door={"tls_1_2": False},
    ),
    Impostor(
        "no-shared-suite",
        "The genuine chain under ChaCha20-Poly1305 only, which AWS offers in TLS 1.3 alone.",
        door={"suites": "chacha20"},
    ),
    Impostor(
        "no-client-cert",
        "The genuine server, which demands a certificate of the client; one without is refused.",
        door={"client_certificate": "demanded"},
        refuses_client=True,
    ),
    Impostor(
        "inactive-cert",
        "The genuine server, to which every device certificate is inactive.",
        door={"client_certificate": "refused"},
        refuses_client=True,
    ),
    Impostor(
        "policy-denied",
        "The genuine server, which reads CONNECT and hangs up: no policy allows the client.",
        door={"behind": "hang-up"},
        refuses_client=True,
    ),
)

IMPOSTORS: Mapping[str, Impostor] = {one.name: one for one in _ALL}
