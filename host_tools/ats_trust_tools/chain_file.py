"""A server's chain out of a file that a person saved, and the name that it is for."""

from pathlib import Path

from .certificate import fields, load
from .certificate_files import certificates_in
from .describe import dns_names
from .errors import ToolError, UsageError
from .files import read_bounded
from .pem import blocks, looks_like_pem

MOST = 64  # Certificates in a file.


def read_chain(path: Path) -> tuple[list[bytes], list[str]]:
    """Return a server's certificates, its own first, and what to warn of.

    Raises ToolError, which names the file, when there is none or one is damaged.
    """
    content = read_bounded(path, "a file of a server's certificates")
    try:
        certificates = certificates_in(content)
        keys = looks_like_pem(content) and any(
            "PRIVATE KEY" in block.label for block in blocks(content)
        )
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from None
    if len(certificates) > MOST:
        raise ToolError(f"{path}: {len(certificates)} certificates are no server's chain")
    warnings = []
    if keys:
        warnings.append(f"there is a private key in {path}; it was not looked at")
    chain = _in_order(certificates)
    if chain != certificates:
        warnings.append(
            f"{path} is not in the order in which a server sends a chain; judged in that order"
        )
    return chain, warnings


def host_of(leaf: bytes) -> str:
    """Return a host name that the certificate is for, as it may be for several or for all of one
    domain. Raises UsageError when it names none."""
    for name in dns_names(load(leaf)):
        first, _, rest = name.partition(".")
        if first != "*":
            continue
        return ("a0example-ats." if rest.startswith("iot.") else "host.") + rest
    for name in dns_names(load(leaf)):
        return name
    raise UsageError("the certificate names no host; say by --host for which it is to be judged")


def _in_order(certificates: list[bytes]) -> list[bytes]:
    """From the certificate that signed none of the others upwards; what does not fit, last."""
    parts = {certificate: fields(certificate) for certificate in certificates}
    rest = list(parts)
    leaves = [
        one
        for one in rest
        if not any(parts[one].subject == parts[two].issuer for two in rest if two is not one)
    ]
    chain = []
    here: bytes | None = leaves[0] if leaves else rest[0]
    while here is not None:
        chain.append(here)
        rest.remove(here)
        here = next((one for one in rest if parts[one].subject == parts[here].issuer), None)
    return chain + rest
