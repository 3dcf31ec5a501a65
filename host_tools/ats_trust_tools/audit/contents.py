"""What the bytes of one file are, whatever its name: keys, certificates, device files, bundles.

Rules: a private key is recognised by its shape and never taken apart further than that; what is
returned about it is that it is one, and where.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from itertools import islice

from ats_trust import der

from .. import der_tags
from ..certificate import fields
from ..file_shape import shape
from ..pem import looks_like_pem

_PEM_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_HEADER = re.compile(r"^[A-Za-z-]{1,40}: .*$", re.MULTILINE)
_NOT_KEY = re.compile(r"\\[nr]|[\s\"'\\]")
_PEM_CERTIFICATE = re.compile(
    r"-----BEGIN (?:X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]{0,65536}?)"
    r"-----END (?:X509 )?CERTIFICATE-----"
)
_BEGIN_CERTIFICATE = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----")
_ACCESS_KEY = re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")
_SECRET = re.compile(
    r"(?i)aws_?secret(?:_?access)?_?key[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
)
_BODY = re.compile(r"[A-Za-z0-9+/=]{40}")
_MOST = 200  # Of one kind in one file; who has more knows enough by then.
_HEX = re.compile(r"30[0-9A-Fa-f]{98,131072}")
_BASE64 = re.compile(r"M[A-Za-z0-9+/\s]{70,131072}={0,2}")  # Of stripped text.


@dataclass(frozen=True)
class Certificates:
    """Certificates at one place. pem: the form they are in; broken: lines of damaged ones."""

    der: list[bytes]
    lines: list[int]
    pem: bool
    broken: list[int]


def key_lines(text: str) -> list[int]:
    """Return the lines on which a PEM private key begins.

    A marker alone, as in a program that looks for it, or an elided example is no key.
    """
    places = []
    for found in islice(_PEM_KEY.finditer(text), _MOST):
        body = _HEADER.sub("", text[found.end() : found.end() + 400])
        if _BODY.match(_NOT_KEY.sub("", body)):
            places.append(found.start())
    return [line_of(text, place) for place in places]


def credential_lines(text: str) -> list[int]:
    """Return the lines with an access key of AWS; its documentation's own example is none."""
    places = [
        found.start()
        for found in islice(_ACCESS_KEY.finditer(text), _MOST)
        if not found[0].endswith("EXAMPLE")
    ]
    places += [
        found.start()
        for found in islice(_SECRET.finditer(text), _MOST)
        if not found[1].endswith("EXAMPLEKEY")
    ]
    return sorted({line_of(text, place) for place in places})


def certificates_of(data: bytes) -> Certificates:
    """Return the certificates of a file or a literal, PEM or DER."""
    if not looks_like_pem(data):
        return Certificates([data] if _is_certificate(data) else [], [0], False, [])
    text = data.decode("latin-1")
    found, lines, broken = [], [], []
    ends = {match.start(): match for match in _PEM_CERTIFICATE.finditer(text)}
    for begin in islice(_BEGIN_CERTIFICATE.finditer(text), _MOST):
        line = line_of(text, begin.start())
        try:
            block = ends[begin.start()]
            found.append(base64.b64decode("".join(block[1].split()), validate=True))
            lines.append(line)
        except (KeyError, ValueError):
            broken.append(line)
    return Certificates(found, lines, True, broken)


def is_key(data: bytes) -> bool:
    """Whether bytes are a private key in DER: PKCS#1, SEC1, PKCS#8, encrypted or not."""
    try:
        start, stop = der.only(data, 0, len(data))
        if data[start] == der_tags.INTEGER:
            version, after = der.integer(data, start, stop)
            tag = der.header(data, after, stop)[0]
            inner = der_tags.OCTET_STRING, der_tags.SEQUENCE, der_tags.INTEGER
            return version in (0, 1) and tag in inner
        # EncryptedPrivateKeyInfo: an algorithm of PKCS#5 or PKCS#12, then the octets.
        first, after = der.expect(data, start, stop, der_tags.SEQUENCE)
        _, end = der.expect(data, after, stop, der_tags.OCTET_STRING)
        return end == stop and data[first:after].startswith(
            (
                b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05",
                b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c",
            )
        )
    except (der.DerError, IndexError):
        return False


def is_der(data: bytes) -> bool:
    """Whether bytes are one whole element of DER, of whatever."""
    try:
        der.only(data, 0, len(data))
    except der.DerError:
        return False
    return data[:1] == b"\x30"


def is_device_file(data: bytes) -> bool:
    """Whether bytes are a device file of ours, by their shape."""
    return data[:1] == b"\x30" and shape(data) == "device"


def is_bundle(data: bytes) -> bool:
    """Whether bytes are a bundle of ours, by their shape."""
    return data[:1] == b"\x30" and shape(data) == "bundle"


def decoded(text: str) -> bytes:
    """Return the DER that a literal holds as hex or base64, b"" when it holds none."""
    text = text.strip()
    try:
        if _HEX.fullmatch(text):
            return binascii.unhexlify(text)
        if _BASE64.fullmatch(text):
            return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        pass
    return b""


def line_of(text: str, place: int) -> int:
    """Return the line, from 1, of a place in a text."""
    return text.count("\n", 0, place) + 1


def _is_certificate(data: bytes) -> bool:
    """Whether bytes have the fields of a certificate; more is seen when it is judged."""
    try:
        fields(data)
    except (der.DerError, IndexError):
        return False
    return True
