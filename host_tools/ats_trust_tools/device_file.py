"""Device files on this computer: read and written, plain or with the key encrypted.

Rules: written whole or not at all, mode 0600; the passphrase is asked for only when the key itself
is needed; what goes onto a board is plain, as a board could only hold the passphrase beside it.
"""

from dataclasses import replace
from pathlib import Path

from ats_trust.errors import ConfigError

from .certificate import load
from .device_blob import ENCRYPTED, PENDING, PLAIN, Device, decode, encode
from .device_check import public_bytes
from .encrypted_key import decrypt_key, encrypt_key
from .errors import ToolError
from .files import read_bounded, write_atomically
from .passphrase import Passphrase


def read_device(path: Path) -> Device:
    """Return what a device file holds; its key stays encrypted if it is. Raises ToolError."""
    content = read_bounded(path, "a device file")
    try:
        return decode(content)
    except ConfigError as error:
        why = error.detail.removeprefix("device file  is unusable: ")
        raise ToolError(
            f"{path} is no usable device file ({why}); make it with `ats-trust device create`"
        ) from None
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from None


def read_for_board(path: Path, passphrase: Passphrase) -> bytes:
    """Return a device file as a board gets it: plain. Asks for the passphrase if there is one."""
    device = read_device(path)
    if device.format == PENDING:
        raise ToolError(
            f"{path} still waits for its certificate: "
            f"`ats-trust device create --complete {path} --cert FILE`"
        )
    return encode(decrypted(device, path, passphrase))


def decrypted(device: Device, path: Path, passphrase: Passphrase) -> Device:
    """Return the device with its key in plain. path: for the prompt and for messages."""
    if not device.encrypted:
        return device
    try:
        key = decrypt_key(device.key, passphrase.existing(str(path)))
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from None
    return replace(device, format=PLAIN if device.format == ENCRYPTED else device.format, key=key)


def encrypted(device: Device, passphrase: bytes) -> Device:
    """Return the device with its plain key encrypted."""
    number = ENCRYPTED if device.format == PLAIN else device.format
    return replace(device, format=number, key=encrypt_key(device.key, passphrase))


def write_device(path: Path, device: Device, *, replace: bool = True) -> int:
    """Write a device file, for its owner only, and return its size in bytes.

    replace: whether what is there may be replaced. Raises ToolError.
    """
    content = encode(device)
    write_atomically(path, content, mode=0o600, replace=replace)
    return len(content)


def refuse_other_key(path: Path, device: Device | None = None) -> None:
    """Raise ToolError when a key would be lost at `path`, whose device file may be its only copy.

    device: what is to be written; a file with the same key may be replaced, unless it waits for
    its certificate. None: any waiting one is refused.
    """
    try:
        there = read_device(path) if path.is_file() else None
    except ToolError:
        return  # No device file: whatever it is, it holds no key of ours.
    if there is None:
        return
    if there.format == PENDING:
        raise ToolError(
            f"{path} holds a key that waits for its certificate; write to another file, or delete "
            "that one first"
        )
    if device is not None and _public(there) != _public(device):
        raise ToolError(
            f"{path} holds the private key of {there.client_id!r}, another one, and may be its "
            "only copy; write to another file, or delete that one first"
        )


def _public(device: Device) -> bytes:
    return public_bytes(load(device.certificate).public_key())


def wrote(path: Path, size: int, device: Device) -> str:
    """What to say of a device file that was written."""
    state = "encrypted; on a board it will be plain" if device.encrypted else "in plain"
    return f"Wrote {path}: {size} bytes, readable by you only; it holds a private key, {state}."
