"""Give OpenSSL a trust anchor that Mbed TLS accepts as it stands.

A trimmed anchor (version 1, no CA mark, an empty signature, an issuer of one part) is a trust
anchor to Mbed TLS and nothing to OpenSSL. `stripped` writes a certificate of version 3 with
the same subject, key and validity, marked as a CA; its signature is never looked at, since it is
the anchor. It exists only inside one connection: callers and callbacks see the loaded bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ats_trust_tools.der_writer import bit_string, sequence
from ats_trust_tools.micropython_tls import extensions, path, x509
from ats_trust_tools.micropython_tls.names import same_name


def for_path(steps: Sequence[path.Step]) -> list[bytes]:
    """What OpenSSL must trust to accept this path, and no more of it than that.

    The anchor alone, so that OpenSSL builds and checks the path for itself. Only where a CA has an
    extension that OpenSSL enforces and Mbed TLS does not, each CA without that extension.
    """
    authorities = [step.certificate for step in steps[1:]]
    if not authorities:
        return [step.certificate.raw for step in steps]
    if any(authority.extensions & _NOT_LOOKED_AT for authority in authorities):
        return [stripped(authority) for authority in authorities]
    top = authorities[-1]
    if top.version == 3 and top.is_ca and same_name(top.issuer, top.subject):
        return [top.raw]
    return [stripped(top)]


def stripped(certificate: x509.Certificate) -> bytes:
    """The same subject, key and validity with a CA mark and no other extension."""
    tbs = sequence(
        bytes.fromhex("a003020102 020101")
        + _SIGNED_WITH
        + certificate.subject_der
        + certificate.validity_der
        + certificate.subject_der
        + certificate.spki_der
        + _CA_MARK,
    )
    return sequence(tbs, _SIGNED_WITH, bit_string(bytes(8)))


_NOT_LOOKED_AT = {
    extensions.OID_NAME_CONSTRAINTS,
    extensions.OID_POLICY_CONSTRAINTS,
    extensions.OID_INHIBIT_ANY_POLICY,
    extensions.OID_EXT_KEY_USAGE,
}

# sha256WithRSAEncryption
_SIGNED_WITH = bytes.fromhex("300d06092a864886f70d01010b0500")
# basicConstraints, critical, CA:TRUE
_CA_MARK = bytes.fromhex("a3133011300f0603551d130101ff040530030101ff")
