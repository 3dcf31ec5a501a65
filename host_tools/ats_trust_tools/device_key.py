"""A device's own new private key, and the request (CSR) that a certificate is made from.

Rules: the key comes from the system's random numbers, through `cryptography`; it leaves this
module only as the bytes that a 0600 file gets. The CSR holds the public half alone and is signed
with SHA-256, so whoever signs it can see that its sender has the key.
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

DeviceKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

# As --key-type takes them. P-256: small, and quick on boards; AWS IoT Core takes both.
KINDS = ("EC-P256", "RSA-2048")
DEFAULT_KIND = KINDS[0]
MAX_COMMON_NAME = 64  # Characters; RFC 5280, ub-common-name.


def new_key(kind: str = DEFAULT_KIND) -> DeviceKey:
    """Make a private key of one of KINDS."""
    if kind == "EC-P256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "RSA-2048":
        return rsa.generate_private_key(65537, 2048)
    raise ValueError(f"no kind of key: {kind}")


def csr(key: DeviceKey, common_name: str) -> bytes:
    """Return a PKCS#10 request (RFC 2986) for the key, as DER.

    AWS IoT Core looks the device up by certificate, never by this name: it is for people. What is
    longer than X.509 allows is cut.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:MAX_COMMON_NAME])])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def key_der(key: DeviceKey) -> bytes:
    """Return the private key as a device file holds it: PKCS#1 (RSA) or SEC1 (EC), DER."""
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def public_der(key: DeviceKey) -> bytes:
    """Return the public half: the DER of its SubjectPublicKeyInfo (RFC 5280)."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
