"""A certificate cut down to what a TLS stack needs of a trust anchor.

A trust anchor is a name, a key and a period (RFC 5280, 6.1.1 d; RFC 5914): nobody checks its
serial number, issuer, extensions or signature, because trust in it comes from the file that holds
it. But Mbed TLS takes anchors only in the shape of a certificate, so the rest is replaced by the
shortest thing that it parses: version 1, serial 1, a one-character issuer, a signature of zero
bits. Subject, SubjectPublicKeyInfo and validity are the original's bytes.
"""

from . import der_writer
from .certificate import fields


def trim(certificate: bytes) -> bytes:
    """Return the trimmed form of a DER certificate; trimming twice changes nothing.

    Raises ats_trust.der.DerError when the bytes are no certificate.
    """
    parts = fields(certificate)
    tbs = der_writer.sequence(
        _SERIAL, _ALGORITHM, _ISSUER, parts.validity, parts.subject, parts.public_key
    )
    return der_writer.sequence(tbs, _ALGORITHM, _SIGNATURE)


_SERIAL = der_writer.integer(1)
# ecdsa-with-SHA256, the shortest algorithm that every Mbed TLS build here knows. It must be a
# known one and the same in both places; what it says is never used, since nothing is signed.
_ALGORITHM = der_writer.sequence(bytes.fromhex("06082a8648ce3d040302"))
# CN=-; Mbed TLS refuses an empty issuer, and each further name component would cost heap.
_ISSUER = der_writer.sequence(
    der_writer.element(
        0x31, der_writer.sequence(bytes.fromhex("0603550403"), der_writer.utf8_string("-"))
    )
)
_SIGNATURE = der_writer.bit_string(b"")
