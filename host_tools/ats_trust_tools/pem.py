"""PEM (RFC 7468) as people really have it: with text around the blocks, any line length, CRLF.

Rules: every block that begins must end and decode, or the file is refused; guessing at a damaged
certificate or key helps nobody.
"""

import base64
import re
from dataclasses import dataclass

from .errors import ToolError


@dataclass(frozen=True)
class Block:
    """One PEM block. label: "CERTIFICATE" and so on; headers: RFC 1421 lines, as of encryption."""

    label: str
    data: bytes
    headers: str = ""


def looks_like_pem(content: bytes) -> bool:
    """Whether there is a PEM block, whole or not, rather than DER."""
    return b"-----BEGIN " in content


def blocks(content: bytes) -> list[Block]:
    """Return the blocks of a PEM file in order. Raises ToolError when one is damaged."""
    found = []
    text = content.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    for begin in _BEGIN.finditer(text):
        label = begin[1]
        end = text.find(f"-----END {label}-----", begin.end())
        body = text[begin.end() : end]
        if end < 0 or "-----BEGIN" in body:
            raise ToolError(f"its {label} block is cut off: the END line is missing")
        headers = ""
        if ":" in body:
            headers, _, body = body.strip("\n").partition("\n\n")
        try:
            data = base64.b64decode("".join(body.split()), validate=True)
        except ValueError:  # binascii.Error is one; what is not ASCII is another.
            raise ToolError(f"its {label} block is damaged: the base64 does not decode") from None
        if not data:
            raise ToolError(f"its {label} block is empty")
        found.append(Block(label, data, headers))
    return found


def armour(label: str, data: bytes) -> bytes:
    """Return one PEM block (RFC 7468) around DER: "CERTIFICATE", "CERTIFICATE REQUEST"."""
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 #.]+)-----")
