"""Certificates out of the files that people have: PEM or DER, one or several.

Rules: a file that holds something else (a private key, half a download) is refused by what it is.
"""

from pathlib import Path

from ats_trust import der

from .certificate import load
from .errors import ToolError
from .files import read_bounded
from .pem import blocks, looks_like_pem


def read_certificates(path: str | Path, what: str) -> list[bytes]:
    """Return the DER of every certificate in a PEM or DER file, in order.

    what: for messages, as "your CA". Raises ToolError, which names the file, when there is none
    or one is damaged.
    """
    content = read_bounded(path, f"{what}, PEM or DER")
    try:
        return certificates_in(content)
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from None


def certificates_in(content: bytes) -> list[bytes]:
    """Return the DER of every certificate in the content of a file; see `read_certificates`."""
    if not looks_like_pem(content):
        _check_der(content)
        return [content]
    found = blocks(content)
    certificates = [block.data for block in found if block.label in _LABELS]
    if not certificates:
        labels = " and ".join(sorted({block.label for block in found}))
        raise ToolError(f"it holds no certificate but a {labels}; give the certificate's file")
    for certificate in certificates:
        load(certificate)
    return certificates


_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")


def _check_der(content: bytes) -> None:
    if content[:1] != b"\x30":
        raise ToolError(
            "it is neither PEM (a BEGIN CERTIFICATE line) nor DER; download the certificate again"
        )
    try:
        _, _, stop = der.header(content, 0, len(content))
    except der.DerError:
        raise ToolError("it begins like DER but is cut off; download it again") from None
    if stop != len(content):
        raise ToolError(
            f"{len(content) - stop} bytes follow the end of the DER; give one certificate a file"
        )
    load(content)
