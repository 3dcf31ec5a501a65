"""The per-device file: endpoint, client id, certificate and private key in one place.

Format: docs/device-blob.md. Rules: the file is written with mode 0600; nothing here prints a key.
"""

from .der_writer import integer, octet_string, sequence, utf8_string, with_digest
from .errors import ToolError, UsageError

FORMAT = 1
MAX_BYTES = 8192


def encode_device(
    endpoint: str, port: int, client_id: str, certificate_der: bytes, key_der: bytes
) -> bytes:
    """Return the device blob.

    endpoint: host name. certificate_der: the device's own certificate. key_der: its private key
    as PKCS#1 (RSA) or SEC1 with the curve named (EC). That they belong together is the caller's
    to check. Raises ToolError when a limit of the format is passed.
    """
    if not 1 <= port <= 65535:
        raise UsageError(f"port {port} is not between 1 and 65535")
    body = sequence(
        integer(FORMAT),
        utf8_string(endpoint.lower()),
        integer(port),
        utf8_string(client_id),
        certificate_der,
        octet_string(key_der),
    )
    encoded = with_digest(body)
    if len(encoded) > MAX_BYTES:
        raise ToolError(
            f"the device file would be {len(encoded)} bytes and boards read at most {MAX_BYTES}"
        )
    return encoded
