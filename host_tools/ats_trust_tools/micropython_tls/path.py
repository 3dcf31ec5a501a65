"""Does a presented chain lead to a loaded trust anchor? Mbed TLS's answer.

The steps and their order are those of Mbed TLS 3.6 with its default profile, so that the
verify_callback sees the same certificates at the same depths and the same faults are reported:
a trusted parent is preferred to a presented one at every level; a trusted certificate of
version 1 needs no CA mark; name constraints and a CA's extended key usage are not looked at;
the common name counts where there is no subjectAltName. No input or output but the clock,
which comes in as an argument.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ats_trust_tools.micropython_tls.codes import Code, Flag, MbedError
from ats_trust_tools.micropython_tls.names import same_name
from ats_trust_tools.micropython_tls.x509 import Certificate, PublicKey, signed_by


@dataclass
class Step:
    """One certificate of the path, and what is wrong with it."""

    certificate: Certificate
    flags: Flag


def build(
    presented: Sequence[Certificate], trusted: Sequence[Certificate], now: float
) -> list[Step]:
    """The path from the server's certificate (index 0) upwards, with every fault marked.

    It is trusted when no step has a flag; the last step is then a trust anchor. `now` is in
    seconds since 1970.
    """
    moment = time.gmtime(now)[:6]
    child, rest = presented[0], presented[1:]
    path: list[Step] = []
    self_issued = 0
    trusted_child = False
    while True:
        step = Step(child, Flag(0))
        path.append(step)
        if child.not_after < moment:
            step.flags |= Flag.EXPIRED
        if child.not_before > moment:
            step.flags |= Flag.FUTURE
        if trusted_child:
            return path
        if not isinstance(child.signature_hash, _HASHES):
            step.flags |= Flag.BAD_MD
        itself_trusted = any(child.raw == anchor.raw for anchor in trusted)
        if len(path) == 1 and itself_trusted and same_name(child.issuer, child.subject):
            return path

        passed = len(path) - 1 - self_issued
        parent, good = _find(child, trusted, True, passed, moment)
        trusted_child = parent is not None
        if parent is None:
            parent, good = _find(child, rest, False, passed, moment)
        if parent is None:
            step.flags |= Flag.NOT_TRUSTED
            return path
        if len(path) != 1 and same_name(child.issuer, child.subject):
            self_issued += 1
        if not trusted_child and len(path) > _MOST_INTERMEDIATES:
            raise MbedError(Code.X509_FATAL_ERROR)
        if not good:
            step.flags |= Flag.NOT_TRUSTED
        if not acceptable(parent.key):
            step.flags |= Flag.BAD_KEY
        if not trusted_child:
            # A parent is looked for only among the certificates that follow its child.
            rest = rest[next(i for i, c in enumerate(rest) if c is parent) + 1 :]
        child = parent


def leaf_faults(leaf: Certificate, host: str | None) -> Flag:
    """The faults of the server's own certificate that do not depend on the path."""
    flags = Flag(0)
    if host is not None and not names_host(leaf, host):
        flags |= Flag.CN_MISMATCH
    if not acceptable(leaf.key):
        flags |= Flag.BAD_KEY
    return flags


def usage_faults(leaf: Certificate, key_exchange_is_rsa: bool) -> Flag:
    """keyUsage and extendedKeyUsage of a TLS server, for its part in the key exchange."""
    flags = Flag(0)
    needed = _KEY_ENCIPHERMENT if key_exchange_is_rsa else _DIGITAL_SIGNATURE
    if leaf.key_usage is not None and not leaf.key_usage & needed:
        flags |= Flag.KEY_USAGE
    if leaf.purposes is not None and not {_SERVER_AUTH, _ANY_PURPOSE} & set(leaf.purposes):
        flags |= Flag.EXT_KEY_USAGE
    return flags


def acceptable(key: PublicKey) -> bool:
    """Mbed TLS's default profile: RSA of at least 2,048 bits, or one of its curves."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _LEAST_RSA_BITS
    return isinstance(key.curve, _CURVES)


def names_host(leaf: Certificate, host: str) -> bool:
    """Whether the certificate names the host: subjectAltName, or without one the common name."""
    wanted = host.encode()
    if leaf.alternative_names is None:
        return any(_matches(name, wanted) for name in leaf.common_names)
    for kind, value in leaf.alternative_names:
        if kind == _DNS_NAME and _matches(value, wanted):
            return True
        if kind == _IP_ADDRESS and value == _address(host):
            return True
        if kind == _URI and value == wanted:
            return True
    return False


def call_back(path: Sequence[Step], callback: Callable[[memoryview, int], int] | None) -> None:
    """Show the path to the callback, top first; its first answer that is not 0 is an error."""
    if callback is None:
        return
    for depth in range(len(path) - 1, -1, -1):
        # Released afterwards: on a board, keeping the memoryview is a crash later on.
        with memoryview(path[depth].certificate.raw) as view:
            answer = callback(view, depth)
            if not isinstance(answer, int):
                raise TypeError(f"can't convert {type(answer).__name__} to int")
        if answer == Code.X509_CERT_VERIFY_FAILED:
            answer = Code.X509_FATAL_ERROR  # so that it is not taken for a fault of the chain
        if answer:
            raise MbedError(answer)


_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_LEAST_RSA_BITS = 2048
_MOST_INTERMEDIATES = 8

_DIGITAL_SIGNATURE = 0x80
_KEY_ENCIPHERMENT = 0x20
_KEY_CERT_SIGN = 0x04
_SERVER_AUTH = bytes.fromhex("2b06010505070301")
_ANY_PURPOSE = bytes.fromhex("551d2500")
_DNS_NAME, _URI, _IP_ADDRESS = 2, 6, 7


def _find(
    child: Certificate,
    candidates: Sequence[Certificate],
    trusted: bool,
    passed: int,
    moment: tuple[int, ...],
) -> tuple[Certificate | None, bool]:
    """The best parent, and whether it signed the child; one outside its validity comes last."""
    fallback: tuple[Certificate | None, bool] = (None, False)
    for parent in candidates:
        if not same_name(child.issuer, parent.subject):
            continue
        if not (trusted and parent.version < 3):
            if not parent.is_ca:
                continue
            if parent.key_usage is not None and not parent.key_usage & _KEY_CERT_SIGN:
                continue
        if parent.path_length is not None and parent.path_length < passed:
            continue
        good = signed_by(child, parent)
        if trusted and not good:
            continue
        if parent.not_after < moment or parent.not_before > moment:
            if fallback[0] is None:
                fallback = (parent, good)
            continue
        return parent, good
    return fallback


def _matches(pattern: bytes, wanted: bytes) -> bool:
    pattern, wanted = pattern.lower(), wanted.lower()
    if pattern == wanted:
        return True
    dot = wanted.find(b".")
    return pattern.startswith(b"*.") and dot > 0 and pattern[1:] == wanted[dot:]


def _address(host: str) -> bytes | None:
    try:
        return ipaddress.ip_address(host).packed
    except ValueError:
        return None
