"""A device's own new private key, and the request (CSR) that a certificate is made from.

Rules: the key comes from the system's random numbers, through `cryptography`; it leaves this
module only as the bytes that a 0600 file gets. The CSR holds the public half alone and is signed
with SHA-256, so whoever signs it can see that its sender has the key.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from . import der_tags
from .der_writer import bit_string, element, integer, sequence, utf8_string

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


def csr(key: DeviceKey, common_name: str, public: bytes = b"") -> bytes:
    """Return a PKCS#10 request (RFC 2986) for the key, as DER. public: `public_der`, if known.

    AWS IoT Core looks the device up by certificate, never by this name: it is for people. What is
    longer than X.509 allows is cut.

    Written here and not by `cryptography`'s builder, which takes half of the time that a fleet of
    P-256 keys takes; its reader checks the result in the tests.
    """
    name = utf8_string(common_name[:MAX_COMMON_NAME])
    subject = sequence(element(der_tags.SET, sequence(_COMMON_NAME, name)))
    body = sequence(_VERSION_1, subject, public or public_der(key), _NO_ATTRIBUTES)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return sequence(body, _ECDSA_SHA256, bit_string(key.sign(body, _ECDSA)))
    return sequence(body, _RSA_SHA256, bit_string(key.sign(body, PKCS1v15(), hashes.SHA256())))


def key_der(key: DeviceKey) -> bytes:
    """Return the private key as a device file holds it: PKCS#1 (RSA) or SEC1 (EC), DER."""
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def public_der(key: DeviceKey, private: bytes = b"") -> bytes:
    """Return the public half: the DER of its SubjectPublicKeyInfo (RFC 5280).

    private: `key_der`, if known; a P-256 one ends in the public point, which saves asking for it.
    """
    if len(private) == _P256_BYTES and private[:7] == _P256_BEGIN:
        return _P256_PUBLIC + private[-_POINT_BYTES:]
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


_ECDSA = ec.ECDSA(hashes.SHA256())
# Object identifiers, encoded: id-at-commonName (RFC 5280), ecdsa-with-SHA256 (RFC 5758),
# sha256WithRSAEncryption (RFC 4055) with its NULL.
_COMMON_NAME = bytes.fromhex("0603550403")
_ECDSA_SHA256 = sequence(bytes.fromhex("06082a8648ce3d040302"))
_RSA_SHA256 = sequence(bytes.fromhex("06092a864886f70d01010b0500"))
_VERSION_1 = integer(0)
_NO_ATTRIBUTES = element(0xA0)  # [0], which RFC 2986 wants although it is empty.
# ECPrivateKey (RFC 5915) with the curve named and the public point, as `cryptography` writes it.
_P256_BYTES = 121
_P256_BEGIN = bytes.fromhex("30770201010420")
_POINT_BYTES = 65
# SubjectPublicKeyInfo up to the point: id-ecPublicKey, prime256v1 (RFC 5480).
_P256_PUBLIC = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
