"""Certificates with one peculiarity each, for the tests of the host's `tls`."""

import datetime
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ats_trust_tools.der_writer import bit_string, element, sequence

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
HOST = "host.test"


@cache
def key(kind, number=0):
    """A private key; the same for the same arguments."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(getattr(ec, kind)())


def name(*parts):
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests")]
        + [x509.NameAttribute(NameOID.COMMON_NAME, part) for part in parts]
    )


class Party:
    """A certificate and its private key."""

    def __init__(self, certificate, private):
        self.certificate = certificate
        self.private = private

    @property
    def der(self):
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def private_der(self):
        return self.private.private_bytes(
            Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )

    @property
    def private_pem(self):
        return self.private.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )


def issue(
    subject,
    private,
    issuer=None,
    *,
    ca=False,
    path_length=None,
    sans=None,
    purposes=None,
    key_usage=None,
    extensions=(),
    start=-DAY,
    end=DAY,
    digest=None,
    pss=False,
    constraints=True,
):
    """A certificate for `subject` (a Name) from `issuer` (a Party; None: self-signed)."""
    signer = issuer.private if issuer else private
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + start)
        .not_valid_after(NOW + end)
    )
    if ca and constraints:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), True)
    if sans is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    if key_usage is not None:
        builder = builder.add_extension(_key_usage(key_usage), True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return Party(builder.sign(signer, None), private)
    options = {}
    if pss:
        options["rsa_padding"] = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return Party(builder.sign(signer, digest or hashes.SHA256(), **options), private)


def chain(kind="SECP256R1", *, root=None, middle=None, leaf=None, kinds=None):
    """(root, intermediate, leaf); `root`, `middle`, `leaf` change what `issue` is told."""
    kinds = kinds or (kind, kind, kind)
    top = issue(name("Root"), key(kinds[0], 1), **{"ca": True, **(root or {})})
    inter = issue(name("Issuing"), key(kinds[1], 2), top, **{"ca": True, **(middle or {})})
    told = {"subject": name("leaf"), "sans": [x509.DNSName(HOST)], **(leaf or {})}
    return top, inter, issue(private=key(kinds[2], 3), issuer=told.pop("issuer", inter), **told)


def trimmed(party):
    """An anchor as small as Mbed TLS takes it: version 1, issuer of one part, no signature."""
    certificate = party.certificate
    subject = certificate.subject.public_bytes()
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "-")]).public_bytes()
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    dates = b"".join(
        element(0x17, when.strftime("%y%m%d%H%M%SZ").encode())
        for when in (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    )
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    tbs = b"\x02\x01\x01" + algorithm + issuer + sequence(dates) + subject + spki
    return sequence(sequence(tbs), algorithm, bit_string(b""))


def signed_with_sha1(party, issuer):
    """The same certificate with a SHA-1 signature, which `cryptography` no longer makes.

    Both must have been signed with RSA: the names of the two algorithms differ in one byte.
    """
    sha256, sha1 = (bytes.fromhex("300d06092a864886f70d0101") + end for end in (b"\x0b", b"\x05"))
    tbs = party.certificate.tbs_certificate_bytes.replace(sha256, sha1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ca.key"
        path.touch(mode=0o600)
        path.write_bytes(issuer.private_pem)
        signature = subprocess.run(
            ["openssl", "dgst", "-sha1", "-sign", str(path)],
            input=tbs,
            check=True,
            capture_output=True,
            timeout=30,
        ).stdout
    der = sequence(tbs, sha1 + b"\x05\x00", bit_string(signature))
    return Party(x509.load_der_x509_certificate(der), party.private)


def _key_usage(bits):
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
        " key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{one: one in bits for one in names})


CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
