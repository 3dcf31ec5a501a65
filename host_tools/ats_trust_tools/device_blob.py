"""The per-device file: endpoint, client id, certificate and private key in one place.

Format: docs/device-blob.md. Pure: bytes in, bytes out. Rules: a plain file is read by the device
library's own reader, so what is read here is what a board sees; nothing here prints a key.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from ats_trust import credentials, der

from . import der_tags
from .der_writer import generalized_time, integer, octet_string, sequence, utf8_string, with_digest
from .errors import ToolError, UsageError

PLAIN = 1  # The one that boards read.
ENCRYPTED = 2  # The key is an EncryptedPrivateKeyInfo.
PENDING = 3  # A request in place of the certificate, which is still to come.
MAX_BYTES = 8192


@dataclass(frozen=True)
class Device:
    """What a device file holds. `encode` and `decode` turn it into a file's content and back.

    format: PLAIN, ENCRYPTED or PENDING. certificate: DER; of a PENDING one, the DER of its
    CertificationRequest (PKCS#10). key: DER of PKCS#1 (RSA) or SEC1 with the curve named (EC);
    where `encrypted`, of EncryptedPrivateKeyInfo. created: when the
    key of a PENDING one was made.
    """

    format: int
    endpoint: str
    port: int
    client_id: str
    certificate: bytes
    key: bytes
    created: datetime | None = None

    @property
    def encrypted(self) -> bool:
        """Whether the key is encrypted."""
        if self.format != PENDING:
            return self.format == ENCRYPTED
        start, _ = der.expect(self.key, 0, len(self.key))
        # A plain one begins with its version, the other with the algorithm.
        return bool(self.key[start : start + 1] == bytes((der_tags.SEQUENCE,)))


def encode_device(
    endpoint: str, port: int, client_id: str, certificate_der: bytes, key_der: bytes
) -> bytes:
    """Return the content of a plain device file; see `Device` and `encode`."""
    return encode(Device(PLAIN, endpoint, port, client_id, certificate_der, key_der))


def encode(device: Device) -> bytes:
    """Return the content of a device file.

    That certificate and key belong together is the caller's to check. Raises ToolError when a
    limit of the format is passed.
    """
    if not 1 <= device.port <= 65535:
        raise UsageError(f"port {device.port} is not between 1 and 65535")
    body = sequence(
        integer(device.format),
        utf8_string(device.endpoint.lower()),
        integer(device.port),
        utf8_string(device.client_id),
        generalized_time(device.created) if device.created else b"",
        device.certificate,
        octet_string(device.key),
    )
    encoded = with_digest(body)
    if len(encoded) > MAX_BYTES:
        raise ToolError(
            f"the device file would be {len(encoded)} bytes and boards read at most {MAX_BYTES}"
        )
    return encoded


def decode(content: bytes) -> Device:
    """Return what the content of a device file holds, of any format.

    Raises ConfigError when it is damaged or no device file.
    """
    number, created, as_plain = _as_plain(content)
    found = credentials.load_device(as_plain)
    certificate, key = found.credentials()
    return Device(number, found.host, found.port, found.client_id, certificate, key, created)


def _as_plain(content: bytes) -> tuple[int, datetime | None, bytes]:
    """Return (format number, `created`, the same file in the one form that boards read).

    What is damaged is left as it is, for the boards' reader to say so.
    """
    as_it_is = PLAIN, None, content
    created = None
    try:
        start, end = der.only(content, 0, len(content))
        body, stop = der.expect(content, start, end)
        if with_digest(content[start:stop]) != content:
            return as_it_is
        number, rest = der.integer(content, body, stop)
        if number not in (ENCRYPTED, PENDING):
            return as_it_is
        pos = rest
        for tag in (der_tags.UTF8_STRING, der_tags.INTEGER, der_tags.UTF8_STRING):
            _, pos = der.expect(content, pos, stop, tag)
        names = content[rest:pos]
        if number == PENDING:
            a, pos = der.expect(content, pos, stop, der_tags.GENERALIZED_TIME)
            text = content[a:pos].decode("ascii")
            created = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except (der.DerError, ValueError):
        return as_it_is
    return number, created, with_digest(sequence(integer(PLAIN), names, content[pos:stop]))
