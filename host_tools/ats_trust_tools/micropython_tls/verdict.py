"""The verdict on the server's certificates: Mbed TLS's, with the verify_callback in its place.

The order is Mbed TLS's: build the path, show it to the callback from the top down, then weigh the
faults by verify_mode. A refusal is an MbedError with the alert for the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ats_trust_tools.micropython_tls import path, suites, x509
from ats_trust_tools.micropython_tls.codes import Alert, Code, Flag, MbedError, alert_for


class Settings(Protocol):
    """What is asked of an SSLContext."""

    @property
    def verify_mode(self) -> int:
        """CERT_NONE, CERT_OPTIONAL or CERT_REQUIRED."""

    @property
    def anchors(self) -> Sequence[x509.Certificate]:
        """The trust anchors that were loaded."""

    @property
    def verify_callback(self) -> Callable[[memoryview, int], int] | None:
        """Called with each certificate of the path and its depth."""


def parse_all(ders: list[bytes]) -> list[x509.Certificate]:
    """The certificates; like Mbed TLS, without those signed in a way that it does not know."""
    parsed = []
    for der in ders:
        try:
            parsed.append(x509.parse(der))
        except MbedError as error:
            if error.code != Code.X509_UNKNOWN_SIG_ALG:
                raise MbedError(error.code, Alert.BAD_CERTIFICATE) from None
    if not parsed:
        raise MbedError(Code.X509_UNKNOWN_SIG_ALG, Alert.BAD_CERTIFICATE)
    return parsed


def judge(
    presented: list[x509.Certificate],
    suite: int,
    context: Settings,
    host: str | None,
    now: float,
) -> list[path.Step]:
    """The path that was accepted, the server's certificate first; empty unless CERT_REQUIRED.

    now: seconds since 1970. Raises MbedError where the context asks for a good chain and this is
    none, and whenever the callback says no.
    """
    if context.verify_mode == CERT_NONE:
        return []
    trusted = context.anchors
    try:
        steps = path.build(presented, trusted, now)
        steps[0].flags |= path.leaf_faults(presented[0], host)
        path.call_back(steps, context.verify_callback)
    except MbedError as error:
        raise MbedError(error.code, alert_for(Flag.OTHER)) from None
    if context.verify_mode != CERT_REQUIRED:
        return []
    faults = Flag(0)
    for step in steps:
        faults |= step.flags
    usage = path.usage_faults(presented[0], suite in suites.RSA_KEY_EXCHANGE)
    alert = alert_for(faults | usage)
    if not trusted:
        raise MbedError(Code.SSL_CA_CHAIN_REQUIRED, alert)
    if faults:
        raise MbedError(Code.X509_CERT_VERIFY_FAILED, alert, faults | usage)
    if usage:
        raise MbedError(Code.SSL_BAD_CERTIFICATE, alert)
    return steps


CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED = 0, 1, 2
