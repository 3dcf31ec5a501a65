"""Do this certificate, key, endpoint and client id make a device that AWS IoT Core will take?

Pure: contents of files and the time come in. Rules: what AWS or a board would refuse later, with
an alert that says nothing, is refused here with the reason. No message holds a byte of a key.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from ats_trust import der

from . import der_tags
from .anchor_check import MIN_RSA_BITS
from .certificate import CURVES, fields, key_name, load
from .certificate_files import certificates_in
from .errors import ToolError
from .pem import blocks, looks_like_pem
from .roots import Manifest

EXPIRES_SOON = 30  # Days.


@dataclass(frozen=True)
class Credentials:
    """A certificate and the key that belongs to it, as every port reads them (DER).

    key: PKCS#1 (RSA) or SEC1 with the curve named (EC).
    """

    certificate: bytes
    key: bytes
    warnings: tuple[str, ...]


def check_credentials(
    certificate_file: bytes, key_file: bytes, manifest: Manifest, now: datetime
) -> Credentials:
    """Return the credentials in the contents of two files, or raise ToolError with the reason.

    The message begins with --cert or --key, the option whose file is at fault.
    """
    try:
        certificate = _device_certificate(certificate_file, manifest)
    except ToolError as error:
        raise ToolError(f"--cert: {error}") from None
    try:
        key = _private_key(key_file)
    except ToolError as error:
        raise ToolError(f"--key: {error}") from None
    view = load(certificate)
    if public_bytes(view.public_key()) != public_bytes(key.public_key()):
        raise ToolError(
            f"--key: it does not belong to the certificate (it is {key_name(key)}, the "
            f"certificate's is {key_name(view.public_key())}); AWS gives both files of a pair "
            "names with the same beginning"
        )
    return Credentials(
        certificate=certificate,
        key=key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        warnings=_certificate_warnings(certificate, now),
    )


def check_answer(
    certificate_file: bytes, request: bytes, manifest: Manifest, now: datetime
) -> tuple[bytes, tuple[str, ...]]:
    """Return (certificate, warnings) of a certificate that was made from this request (DER).

    Raises ToolError, which begins with --cert, when it is for another key or of no use.
    """
    try:
        certificate = _device_certificate(certificate_file, manifest)
    except ToolError as error:
        raise ToolError(f"--cert: {error}") from None
    wanted = x509.load_der_x509_csr(request).public_key()
    found = load(certificate).public_key()
    if public_bytes(found) != public_bytes(wanted):
        raise ToolError(
            f"--cert: it is for another key ({key_name(found)}) than this device file's "
            f"({key_name(wanted)}); give the one that was made from this file's request"
        )
    return certificate, _certificate_warnings(certificate, now)


def belongs_together(public: bytes, key: bytes) -> bool:
    """Whether a DER private key is the one of a public key (DER of SubjectPublicKeyInfo)."""
    try:
        return public_bytes(_private_key(key).public_key()) == public
    except ToolError:
        return False


def public_bytes(key: object) -> bytes:
    """Return the DER of SubjectPublicKeyInfo, by which keys are compared; b"" for other kinds."""
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _device_certificate(content: bytes, manifest: Manifest) -> bytes:
    if looks_like_pem(content):
        if any("PRIVATE KEY" in block.label for block in blocks(content)):
            raise ToolError(_SWAPPED_KEY)
    elif _is_der_key(content):
        raise ToolError(_SWAPPED_KEY)
    certificates = certificates_in(content)
    if len(certificates) > 1:
        raise ToolError(
            f"it holds {len(certificates)} certificates; give the device's own one alone"
        )
    certificate = certificates[0]
    root = manifest.by_key(fields(certificate).key_sha256)
    if root:
        raise ToolError(
            f"it is {root.title}, a root of AWS, not the certificate of your device; that is the "
            "file that ends in certificate.pem.crt"
        )
    key = load(certificate).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise ToolError(f"its key is {key_name(key)}; AWS IoT Core takes RSA from 2048 on")
    elif not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise ToolError(
            f"its key is {key_name(key)}; AWS IoT Core and the boards take RSA and EC on P-256, "
            "P-384 and P-521"
        )
    return certificate


def _private_key(content: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    data = _key_block(content) if looks_like_pem(content) else content
    if data[:1] != b"\x30":
        raise ToolError("it is neither a PEM nor a DER private key")
    if _is_certificate(data):
        raise ToolError("it is a certificate; were --cert and --key swapped?")
    try:
        key = serialization.load_der_private_key(data, None)
    except TypeError:
        raise ToolError(_ENCRYPTED) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ToolError(
            "it is damaged or cut off, or no private key of a kind that boards can read; "
            "download or make it again"
        ) from None
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise ToolError(f"it is {key_name(key)}; boards take RSA and EC on P-256, P-384 and P-521")


def _key_block(content: bytes) -> bytes:
    found = blocks(content)
    keys = [block for block in found if block.label.endswith("PRIVATE KEY")]
    labels = {block.label for block in found}
    if not keys:
        if "CERTIFICATE" in labels:
            raise ToolError("it is a certificate; were --cert and --key swapped?")
        raise ToolError(
            f"it holds no private key but a {' and '.join(sorted(labels))}; AWS's file ends in "
            "private.pem.key"
        )
    if len(keys) > 1:
        raise ToolError(f"it holds {len(keys)} private keys; give the device's own one alone")
    if keys[0].label.startswith("ENCRYPTED") or "ENCRYPTED" in keys[0].headers:
        raise ToolError(_ENCRYPTED)
    return keys[0].data


def _is_certificate(data: bytes) -> bool:
    try:
        fields(data)
    except der.DerError:
        return False
    return True


def _is_der_key(content: bytes) -> bool:
    """Whether DER begins as every plain private key does: SEQUENCE { INTEGER version."""
    try:
        start, stop = der.only(content, 0, len(content), der_tags.SEQUENCE)
        return bool(start < stop and content[start] == der_tags.INTEGER)
    except der.DerError:
        return False


def _certificate_warnings(certificate: bytes, now: datetime) -> tuple[str, ...]:
    return tuple(_dates(certificate, now) + _purpose(load(certificate)))


def _dates(certificate: bytes, now: datetime) -> list[str]:
    parts = fields(certificate)
    if now > parts.not_after:
        raise ToolError(
            f"--cert: it expired on {parts.not_after:%Y-%m-%d}; AWS IoT Core would refuse it; "
            "make the device a new one"
        )
    if parts.not_before > now + timedelta(days=1):
        raise ToolError(
            f"--cert: it is not valid before {parts.not_before:%Y-%m-%d}; is this computer's "
            "clock right?"
        )
    days = (parts.not_after - now).days
    return [f"the device's certificate expires in {days} days"] if days < EXPIRES_SOON else []


def _purpose(view: x509.Certificate) -> list[str]:
    try:
        usage = view.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    if ExtendedKeyUsageOID.CLIENT_AUTH in usage:
        return []
    return ["the certificate's extended key usage leaves out clientAuth; servers may refuse it"]


_SWAPPED_KEY = "it is a private key; were --cert and --key swapped?"
_ENCRYPTED = (
    "it is encrypted, and a board could only hold the password beside it; decrypt it first: "
    "openssl pkey -in ENCRYPTED -out plain.pem"
)
