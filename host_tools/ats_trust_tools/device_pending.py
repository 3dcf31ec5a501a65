"""A device file that waits for its certificate: a new key, and the request made with it.

Rules: the key is on disk before anybody sees the request; it is in this one file, which the
certificate completes in its place, so that nothing secret is left over; a file that is there is
never replaced by a new key: the same call again goes on with the key that is there.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .certificate import key_name
from .device_blob import ENCRYPTED, PENDING, PLAIN, Device, encode
from .device_check import check_answer
from .device_file import encrypted, read_device, write_device
from .device_key import csr, key_der, new_key
from .errors import ToolError
from .passphrase import Passphrase
from .roots import Manifest


def pending_device(
    path: Path, wanted: Device, kind: str, passphrase: Passphrase | None
) -> tuple[Device, bool]:
    """Return (the device that waits at `path`, whether it was there already).

    wanted: endpoint, port and client id. kind: of device_key.KINDS. passphrase: encrypts the key.
    A device that waits there for the same is gone on with. Raises ToolError when something else
    is there.
    """
    if os.path.lexists(path):
        return _found(path, wanted, kind, passphrase is not None), True
    key = new_key(kind)
    now = datetime.now(UTC).replace(microsecond=0)
    made = replace(
        wanted,
        format=PENDING,
        certificate=csr(key, wanted.client_id),
        key=key_der(key),
        created=now,
    )
    if passphrase:
        made = encrypted(made, passphrase.new(str(path)))
    write_device(path, made, replace=False)  # Another run may have been quicker.
    return made, False


def request_pem(device: Device) -> bytes:
    """Return the request of a device that waits, as AWS and other CAs take it."""
    return x509.load_der_x509_csr(device.certificate).public_bytes(Encoding.PEM)


def completed(
    device: Device, certificate_file: bytes, manifest: Manifest, now: datetime
) -> tuple[Device, tuple[str, ...]]:
    """Return (the device with its certificate, warnings). Raises ToolError if it is not its own.

    The passphrase of an encrypted key is not needed: the request names the key.
    """
    certificate, warnings = check_answer(certificate_file, device.certificate, manifest, now)
    done = replace(
        device,
        format=ENCRYPTED if device.encrypted else PLAIN,
        certificate=certificate,
        created=None,
    )
    encode(done)  # What a board could not read is refused here.
    return done, warnings


def _found(path: Path, wanted: Device, kind: str, is_encrypted: bool) -> Device:
    try:
        found = read_device(path)
    except ToolError:
        found = None
    if found is None or found.format != PENDING:
        raise ToolError(
            f"{path} is there already and would be lost; name another file, or delete that one"
        )
    mine = (found.endpoint, found.port, found.client_id, _kind(found), found.encrypted)
    if mine != (wanted.endpoint, wanted.port, wanted.client_id, kind, is_encrypted):
        raise ToolError(
            f"{path} waits for its certificate, but was made with other options "
            f"(`ats-trust device show {path}`); repeat those, or name another file"
        )
    return found


def _kind(device: Device) -> str:
    """The name in device_key.KINDS of a waiting device's key."""
    name = key_name(x509.load_der_x509_csr(device.certificate).public_key())
    return name.replace("EC P-256", "EC-P256").replace("RSA 2048", "RSA-2048")
