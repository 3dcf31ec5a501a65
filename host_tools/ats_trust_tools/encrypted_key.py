"""A private key encrypted with a passphrase: EncryptedPrivateKeyInfo (RFC 5958), DER.

PBES2 (RFC 8018) with scrypt (RFC 7914) and AES-256-CBC. Why not `cryptography`'s own writer: its
BestAvailableEncryption takes PBKDF2 with 2,048 rounds, and a passphrase that a person remembers is
found by trying. What is written here is read by `cryptography` and by `openssl pkcs8`, whose limit
of 32 MB for scrypt decides N; p makes up for it.
Rules: salt and IV are new for each key; no message holds a passphrase or a byte of a key.
"""

import secrets

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from . import der_tags
from .der_writer import element, integer, octet_string, sequence
from .errors import ToolError

# As much work for who guesses as N = 2**17 with p = 1.
SCRYPT_N = 1 << 14
SCRYPT_R = 8
SCRYPT_P = 5


def encrypt_key(key_der: bytes, passphrase: bytes) -> bytes:
    """Return the DER of EncryptedPrivateKeyInfo for a private key in DER (also PKCS#1, SEC1)."""
    key = serialization.load_der_private_key(key_der, None)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    salt, iv = secrets.token_bytes(16), secrets.token_bytes(16)
    secret = Scrypt(salt, 32, SCRYPT_N, SCRYPT_R, SCRYPT_P).derive(passphrase)
    pad = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES256(secret), modes.CBC(iv)).encryptor()
    hidden = cipher.update(pad.update(plain) + pad.finalize()) + cipher.finalize()
    scrypt = sequence(
        _oid(_SCRYPT),
        sequence(octet_string(salt), integer(SCRYPT_N), integer(SCRYPT_R), integer(SCRYPT_P)),
    )
    aes = sequence(_oid(_AES256_CBC), octet_string(iv))
    algorithm = sequence(_oid(_PBES2), sequence(scrypt, aes))
    return sequence(algorithm, octet_string(hidden))


def decrypt_key(encrypted: bytes, passphrase: bytes) -> bytes:
    """Return the key of an EncryptedPrivateKeyInfo as a board reads it: PKCS#1 or SEC1, DER.

    Raises ToolError when the passphrase is another one.
    """
    try:
        key = serialization.load_der_private_key(encrypted, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm, MemoryError):
        # What was decrypted with another passphrase is as good as random: any of these may come.
        raise ToolError(
            "the passphrase does not open its private key; give the one that it was made with"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ToolError("its private key is of a kind that no board reads; make it again")
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _oid(encoded: bytes) -> bytes:
    return element(der_tags.OID, encoded)


_PBES2 = bytes.fromhex("2a864886f70d01050d")
_SCRYPT = bytes.fromhex("2b06010401da47040b")
_AES256_CBC = bytes.fromhex("60864801650304012a")
