"""What a server presents, as plain data: a genuine chain is the default of every field.

Rules it keeps: an impostor is the genuine recipe with exactly one field changed, so that what a
client says about it can only be about that one thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

ChainKind = Literal["rsa", "ecdsa"]
Tail = Literal["cross-signed", "none"]
# Whose names and keys: the CA that the bundle trusts; a CA that nobody trusts; the trusted CA's
# names on other keys; the VeriSign-shaped CA of the endpoints before 2018.
Authority = Literal["genuine", "unknown", "same-names", "legacy"]
# Which names the leaf carries: the endpoint's, those of another region, or one label too few.
Names = Literal["endpoint", "other-region", "one-label-short"]


@dataclass(frozen=True)
class Recipe:
    """One chain as a server sends it, leaf first."""

    kind: ChainKind
    tail: Tail = "cross-signed"
    authority: Authority = "genuine"

    names: Names = "endpoint"
    names_in_san: bool = True
    # The leaf's validity, counted from midnight (UTC) of today, as long as AWS's of 2025.
    starts: timedelta = timedelta(days=-30)
    ends: timedelta = timedelta(days=245)
    usages: tuple[Literal["server", "client"], ...] = ("server", "client")
    leaf_key: str | None = None
    leaf_digest: Literal["sha256", "sha1"] = "sha256"
    self_signed: bool = False

    intermediate_key: str | None = None
    intermediate_is_ca: bool = True
    permitted_names: tuple[str, ...] = ()
    # Name constraints that permit the leaf's own names, marked critical as RFC 5280 wants them.
    critical_constraints: bool = False
    second_intermediate: bool = False

    send_intermediate: bool = True
    bytes_at_least: int = 0
    # The DER of the leaf is cut short by this many bytes, inside a message that is well formed.
    leaf_cut: int = 0
    # The server signs the handshake with a key that is not the leaf's.
    holds_leaf_key: bool = True


# How the door answers a connection.
Answer = Literal["tls", "plain", "portal", "close", "silent", "garbage"]


@dataclass(frozen=True)
class Door:
    """What a server does with a connection, whatever its chain is."""

    answer: Answer = "tls"
    suites: Literal["aws", "chacha20"] = "aws"
    tls_1_2: bool = True
    tls_1_3: bool = True
    # Clients' certificates: not asked for, demanded, or demanded and then refused.
    client_certificate: Literal["not-asked", "demanded", "refused"] = "not-asked"
    # After the handshake: an MQTT broker, or nothing but a close once CONNECT has arrived.
    behind: Literal["broker", "hang-up"] = "broker"
