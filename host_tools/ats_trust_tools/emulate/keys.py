"""Private keys of the emulator: made when first asked for, shared within a process.

Rules it keeps: no key is committed or shipped; a key is written only into the emulator's own
folder, with mode 0600, so that a CA that a board already trusts survives a restart.
"""

from __future__ import annotations

import threading
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ats_trust_tools.errors import ToolError
from ats_trust_tools.files import write_atomically

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "p256": ec.SECP256R1,
    "p384": ec.SECP384R1,
    "secp256k1": ec.SECP256K1,
}


class Keys:
    """Named private keys. The same name gives the same key for the life of this object.

    With a folder, keys are read from and kept in it (PKCS#8 PEM, mode 0600), so that the next
    process that uses the folder has the same ones.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._made: dict[str, PrivateKey] = {}
        self._lock = threading.Lock()

    def get(self, name: str, kind: str) -> PrivateKey:
        """The key called `name`; `kind` is rsa-BITS or one of p256, p384, secp256k1."""
        label = f"{name}.{kind}"
        with self._lock:
            if label not in self._made:
                self._made[label] = self._load(label) or self._make(label, kind)
            return self._made[label]

    def _load(self, label: str) -> PrivateKey | None:
        path = self._path(label)
        if path is None or not path.is_file():
            return None
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, TypeError, ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ToolError(
                f"{path} is not a key of the emulator; remove {path.parent} to start anew"
            )
        return key

    def _make(self, label: str, kind: str) -> PrivateKey:
        key = generate(kind)
        path = self._path(label)
        if path is not None:
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ToolError(f"can not make {path.parent}: {error.strerror}") from None
            write_atomically(path, private_key_pem(key), mode=0o600)
        return key

    def _path(self, label: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{label}.key"


def generate(kind: str) -> PrivateKey:
    """A new private key; `kind` as in `Keys.get`."""
    if kind.startswith("rsa-"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[4:]))
    return ec.generate_private_key(_CURVES[kind]())


def private_key_pem(key: PrivateKey, traditional: bool = False) -> bytes:
    """The key in PEM: PKCS#8, or `traditional` (PKCS#1 for RSA, SEC1 for EC) as AWS gives."""
    form = serialization.PrivateFormat
    chosen = form.TraditionalOpenSSL if traditional else form.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, chosen, serialization.NoEncryption())


def private_key_der(key: PrivateKey) -> bytes:
    """The key in DER: PKCS#1 for RSA, SEC1 with its curve for EC."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


# Making RSA keys is slow, and tests start many emulators: those without a folder share these.
shared = Keys()
