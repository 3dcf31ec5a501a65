"""A certificate as its raw DER elements, and as something `cryptography` can look into.

Rules: subject, key and validity are kept as the bytes that stand in the certificate, never
encoded again, since a chain is built by comparing exactly these bytes.
"""

import hashlib
import warnings
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from ats_trust import der

from . import der_tags, der_writer
from .errors import ToolError


@dataclass(frozen=True)
class Fields:
    """The top-level elements of one X.509 certificate (RFC 5280, 4.1), each as complete DER.

    version: 1 to 3. extensions: the [3] element or b"". unique_ids: [1] and [2], or b"".
    """

    version: int
    serial: bytes
    algorithm: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    public_key: bytes
    unique_ids: bytes
    extensions: bytes
    signature_algorithm: bytes
    signature: bytes

    @property
    def tbs(self) -> bytes:
        """The part that the signature covers."""
        version = b"" if self.version == 1 else _VERSION[self.version]
        return der_writer.sequence(
            version,
            self.serial,
            self.algorithm,
            self.issuer,
            self.validity,
            self.subject,
            self.public_key,
            self.unique_ids,
            self.extensions,
        )

    @property
    def encoded(self) -> bytes:
        """The certificate as DER again."""
        return der_writer.sequence(self.tbs, self.signature_algorithm, self.signature)

    @property
    def not_before(self) -> datetime:
        """When it begins to be valid, UTC."""
        return self._moments()[0]

    @property
    def not_after(self) -> datetime:
        """The last second in which it is valid, UTC."""
        return self._moments()[1]

    @property
    def self_issued(self) -> bool:
        """Whether issuer and subject are the same name."""
        return self.issuer == self.subject

    @property
    def key_sha256(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, in hex: the same for every cross-signed twin."""
        return hashlib.sha256(self.public_key).hexdigest()

    def _moments(self) -> tuple[datetime, datetime]:
        start, stop = der.only(self.validity, 0, len(self.validity), der_tags.SEQUENCE)
        first, start = der.moment(self.validity, start, stop)
        last, start = der.moment(self.validity, start, stop)
        if start != stop:
            der.fail("trailing bytes")
        return _datetime(first), _datetime(last)


def fields(certificate: bytes) -> Fields:
    """Take a DER certificate apart. Raises ats_trust.der.DerError when it is not one."""
    start, stop = der.only(certificate, 0, len(certificate), der_tags.SEQUENCE)
    outer = _elements(
        certificate, start, stop, (der_tags.SEQUENCE, der_tags.SEQUENCE, der_tags.BIT_STRING)
    )
    tbs = outer[0]
    start, stop = der.only(tbs, 0, len(tbs), der_tags.SEQUENCE)
    version = 1
    if tbs[start : start + 1] == b"\xa0":
        _, inner, end = der.header(tbs, start, stop)
        value, after = der.integer(tbs, inner, end)
        if after != end or value not in (1, 2):
            der.fail("certificate version")
        version, start = value + 1, end
    inner_tags = (der_tags.INTEGER,) + 5 * (der_tags.SEQUENCE,)
    serial, algorithm, issuer, validity, subject, key = _elements(tbs, start, stop, inner_tags)[:6]
    start += sum(map(len, (serial, algorithm, issuer, validity, subject, key)))
    rest: dict[int, bytes] = {}
    while start < stop:
        tag, _, end = der.header(tbs, start, stop)
        if tag not in (0x81, 0x82, 0xA3) or (rest and tag <= max(rest)):
            der.fail("unknown field in a certificate")
        rest[tag] = tbs[start:end]
        start = end
    found = Fields(
        version,
        serial,
        algorithm,
        issuer,
        validity,
        subject,
        key,
        rest.get(0x81, b"") + rest.get(0x82, b""),
        rest.get(0xA3, b""),
        outer[1],
        outer[2],
    )
    found._moments()
    return found


def load(certificate: bytes) -> x509.Certificate:
    """Return the `cryptography` view of a DER certificate, for names, extensions and the key.

    Two old roots have serial number 0, which that library announces it will refuse. Nothing is
    decided by a root's serial, so such a view is made from a copy with serial 1.
    Raises ToolError when the bytes are no X.509 certificate.
    """
    try:
        parts = fields(certificate)
        if int.from_bytes(parts.serial[2:], "big", signed=True) <= 0:
            parts = replace(parts, serial=der_writer.integer(1))
        with warnings.catch_warnings():  # Starfield Class 2 names serial 0 in an extension too.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            warnings.simplefilter("ignore", UserWarning)  # Names that are very long, or empty.
            view = x509.load_der_x509_certificate(parts.encoded)
            # These are parsed, and kept, when they are first asked for.
            _ = view.subject, view.issuer, view.extensions, view.public_key()
    except (*_UNREADABLE, der.DerError) as error:
        detail = error.detail if isinstance(error, der.DerError) else error
        raise ToolError(f"it is not a readable X.509 certificate ({detail})") from None
    return view


def spki_sha256(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate's public key (DER of SubjectPublicKeyInfo), hex.

    Encoded again, where `Fields.key_sha256` is of the bytes as they stand: so it is that of our
    own key whoever made the certificate.
    """
    key = load(certificate).public_key()
    return hashlib.sha256(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def signed_by(certificate: bytes, issuer_key: object) -> bool:
    """Whether the signature on a DER certificate was made with the private half of `issuer_key`.

    issuer_key: a public key of `cryptography`. SHA-1 is allowed: two of the old roots signed
    themselves with it, and nothing is trusted because of the answer.
    """
    view = load(certificate)
    parts = fields(certificate)
    try:
        algorithm = view.signature_hash_algorithm
        if isinstance(issuer_key, rsa.RSAPublicKey) and algorithm:
            parameters = view.signature_algorithm_parameters
            if not isinstance(parameters, padding.PKCS1v15 | padding.PSS):
                return False
            issuer_key.verify(view.signature, parts.tbs, parameters, algorithm)
        elif isinstance(issuer_key, ec.EllipticCurvePublicKey) and algorithm:
            issuer_key.verify(view.signature, parts.tbs, ec.ECDSA(algorithm))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def key_name(key: object) -> str:
    """Return a public or private key of `cryptography` in words: "RSA 2048", "EC P-256"."""
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return "EC " + CURVES.get(key.curve.name, key.curve.name)
    return type(key).__name__.lstrip("_").removesuffix("PublicKey").removesuffix("PrivateKey")


# The curves that the boards' Mbed TLS checks signatures on, and their everyday names.
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}

# What `cryptography` raises for what it can not read.
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)
_VERSION = {2: bytes.fromhex("a003020101"), 3: bytes.fromhex("a003020102")}


def _elements(data: bytes, start: int, stop: int, tags: tuple[int, ...]) -> list[bytes]:
    """Return the elements at data[start:stop], one per expected tag."""
    found = []
    for tag in tags:
        _, end = der.expect(data, start, stop, tag)
        found.append(data[start:end])
        start = end
    return found


def _datetime(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise der.DerError("malformed", f"no such time: {text}") from None
