"""The keys that sign bundles: made here, kept in PEM, known by their id.

Rules: boards check ECDSA on P-256 and nothing else, so no other key is taken; a new one is hidden
by a passphrase, in a form that openssl reads (PKCS#8, `encrypted_key`), and never takes the place
of another; a public half is asked for where no private one is needed, so that the key that is kept
offline stays there. No message holds a byte of a private key.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .certificate import key_name
from .device_key import key_der
from .encrypted_key import decrypt_key, encrypt_key
from .errors import ToolError, UsageError
from .files import read_bounded, write_atomically
from .passphrase import Passphrase
from .pem import Block, armour, blocks, looks_like_pem


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a P-256 public key as bundles hold it: 65 bytes, an uncompressed point (SEC 1)."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def public_file(private: Path) -> Path:
    """Return where the public half goes: signing.pub.pem beside signing.key.pem."""
    name = private.name
    for ending in (".key.pem", ".pem", ".key"):
        name = name.removesuffix(ending) or name
    return private.with_name(name + ".pub.pem")


def new_signing_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key of the only kind whose signatures boards check."""
    return ec.generate_private_key(ec.SECP256R1())


def make_signing_key(private: Path, passphrase: Passphrase) -> bytes:
    """Make a key, write both halves and return its point. Raises ToolError; then there is none.

    private: for the private half; `public_file` says where the other goes. Neither may be there.
    """
    if not private.name:
        raise UsageError(f"-o: {private} names no file")
    public = public_file(private)
    for path in (private, public):
        if path.exists() or path.is_symlink():
            raise ToolError(
                f"{path} is there already, and a signing key is never replaced; name another file"
            )
    key = new_signing_key()
    hidden = encrypt_key(key_der(key), passphrase.new(str(private)))
    half = key.public_key()
    spki = half.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # The public half first: without a private one it is nothing that anybody would use.
    write_atomically(public, armour("PUBLIC KEY", spki), replace=False)
    try:
        content = armour("ENCRYPTED PRIVATE KEY", hidden)
        write_atomically(private, content, mode=0o600, replace=False)
    except BaseException:
        public.unlink(missing_ok=True)
        raise
    return point_of(half)


def read_signing_key(
    path: Path, passphrase: Passphrase
) -> tuple[ec.EllipticCurvePrivateKey, list[str]]:
    """Return a signing key, and what to warn of. Asks for the passphrase if it has one."""
    warnings = []
    if path.exists() and path.stat().st_mode & 0o077:
        warnings.append(f"others on this computer can read the signing key: chmod 600 {path}")
    block = _only_block(path, "PRIVATE KEY", "a signing key (`ats-trust keygen`)")
    try:
        if "ENCRYPTED" in block.headers:
            raise ToolError(
                "it is hidden in OpenSSL's old way, which is soon tried through; convert it with "
                f"`openssl pkcs8 -topk8 -scrypt -in {path}`"
            )
        if block.label.startswith("ENCRYPTED"):
            data = decrypt_key(block.data, passphrase.existing(str(path)))
        else:
            data = block.data
            warnings.append(
                f"{path} has no passphrase: whoever gets to read it can sign roots for all your "
                f"devices; give it one with `openssl pkcs8 -topk8 -scrypt -in {path}`"
            )
        try:
            key = serialization.load_der_private_key(data, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ToolError("its private key is damaged; take it from where it is kept") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != _CURVE:
            raise ToolError(_other_kind(key))
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from None
    return key, warnings


def read_public_key(path: Path) -> bytes:
    """Return the point of a signing key's public half. Raises ToolError."""
    block = _only_block(path, "PUBLIC KEY", "the public half of a signing key (.pub.pem)")
    try:
        key = serialization.load_der_public_key(block.data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ToolError(f"{path}: its public key is damaged; copy it again") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVE:
        raise ToolError(f"{path}: {_other_kind(key)}")
    return point_of(key)


_CURVE = "secp256r1"


def _only_block(path: Path, wanted: str, what: str) -> Block:
    """Return the one PEM block of a file whose label ends in `wanted`."""
    content = read_bounded(path, what)
    if not looks_like_pem(content):
        raise ToolError(f"{path} is no PEM file; {what} belongs there")
    try:
        found = blocks(content)
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from None
    fitting = [block for block in found if block.label.endswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    labels = sorted({block.label for block in found})
    if wanted == "PUBLIC KEY" and any(label.endswith("PRIVATE KEY") for label in labels):
        raise ToolError(
            f"{path} holds a private key, which is not needed here and better stays where it is; "
            f"give its public half, {public_file(path).name}"
        )
    many = "several" if fitting else " and ".join(labels) + ", not"
    raise ToolError(f"{path} holds {many} {wanted} blocks; {what} belongs there, alone")


def _other_kind(key: object) -> str:
    return (
        f"it is {key_name(key)}, and boards check signatures of EC P-256 keys alone; make one "
        "with `ats-trust keygen`"
    )
