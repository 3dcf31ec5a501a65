"""Certificates for tests, made in one call each; every deviation is a keyword."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from shell import Shell

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@cache
def key(kind: str, number: int = 0) -> PrivateKey:
    """Return the same key for the same arguments: "RSA 2048", "P-256", "Ed25519" and so on."""
    if kind.startswith("RSA"):
        return rsa.generate_private_key(65537, int(kind.split()[1]))
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "secp256k1":
        return ec.generate_private_key(ec.SECP256K1())
    return ec.generate_private_key(CURVES[kind])


@dataclass(frozen=True)
class Made:
    """A certificate with its key."""

    view: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        return self.view.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.view.public_bytes(Encoding.PEM)

    def key_bytes(
        self,
        form: PrivateFormat = PrivateFormat.PKCS8,
        encoding: Encoding = Encoding.PEM,
        password: bytes | None = None,
    ) -> bytes:
        secret: KeySerializationEncryption = (
            BestAvailableEncryption(password) if password else NoEncryption()
        )
        return self.key.private_bytes(encoding, form, secret)


def name(common_name: str, *more: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """Return a name: C=DE, what `more` says, then CN."""
    attributes = [(NameOID.COUNTRY_NAME, "DE"), *more, (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def certificate(
    subject: str | x509.Name = "Workshop Root",
    *,
    kind: str = "P-256",
    number: int = 0,
    issuer: Made | None = None,
    issuer_name: x509.Name | None = None,
    ca: bool | None = True,
    path_length: int | None = None,
    starts: datetime = NOW - 30 * DAY,
    ends: datetime = NOW + 3650 * DAY,
    host: str | None = None,
    extensions: tuple[x509.ExtensionType, ...] = (),
) -> Made:
    """Make a certificate; without `issuer` it is signed with its own key. ca None: not stated."""
    own = key(kind, number)
    signer = issuer.key if issuer else own
    subject_name = subject if isinstance(subject, x509.Name) else name(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject_name)
        .issuer_name(issuer_name or (issuer.view.subject if issuer else subject_name))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if host:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Made(builder.sign(signer, digest), own)


def device(kind: str = "RSA 2048", **more: object) -> Made:
    """A device's certificate as AWS IoT Core signs it, with its key."""
    ca = certificate("AWS IoT stand-in", kind="P-256", number=99)
    options: dict[str, object] = {"ca": False, "kind": kind, "number": 7, "issuer": ca, **more}
    return certificate("AWS IoT Certificate", **options)  # type: ignore[arg-type]  # passed on


def make_device_file(shell: Shell, host: str) -> None:
    """Make device.bin for this endpoint from two PEM files beside it, as a user does."""
    made = device("P-256")
    shell.path("cert.pem").write_bytes(made.pem)
    shell.path("key.pem").write_bytes(made.key_bytes())
    shell.ok(
        f"device create --endpoint {host} --client-id sensor-1 --cert cert.pem --key key.pem "
        "-o device.bin"
    )
