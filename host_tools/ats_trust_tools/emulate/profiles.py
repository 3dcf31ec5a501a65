"""How each kind of certificate of the emulator looks: its fields, extensions and signature.

Source of the shapes: Amazon Root CA 1 to 4, Starfield Services Root CA - G2, their
cross-signatures, Amazon RSA 2048 M04 and ECDSA 256 M02, and the leaf of an ATS data endpoint as
served in 2025. Rules it keeps: every CA name says whose it is, every URL ends in `.invalid`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from ats_trust_tools import certificate as raw_certificate
from ats_trust_tools import der_writer
from ats_trust_tools.emulate.keys import PrivateKey

DOMAIN_VALIDATED = x509.ObjectIdentifier("2.23.140.1.2.1")
ANY_POLICY = x509.ObjectIdentifier("2.5.29.32.0")


@dataclass(frozen=True)
class Issuer:
    """A CA as the certificates below it see it; `slug` stands for it in URLs."""

    name: x509.Name
    key: PrivateKey
    slug: str


def ca_name(brand: str, common_name: str) -> x509.Name:
    """The name of a CA of the emulator: C, O and CN, as Amazon's have."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, brand),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{brand} {common_name}"),
        ]
    )


def ca(
    subject: Issuer,
    starts: datetime,
    ends: datetime,
    *,
    is_ca: bool = True,
    path_length: int | None = None,
    digital_signature: bool = True,
) -> x509.CertificateBuilder:
    """The beginning of a CA certificate; with `is_ca` off it says that it is none."""
    usage = _key_usage(digital_signature=digital_signature, certificates=True)
    constraints = x509.BasicConstraints(is_ca, path_length if is_ca else None)
    return (
        _dated(subject.name, subject.key, starts, ends)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
    )


def leaf(
    names: tuple[str, ...], key: PrivateKey, starts: datetime, ends: datetime, *, in_san: bool
) -> x509.CertificateBuilder:
    """The beginning of a server's certificate; the common name is the first of `names`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = _dated(subject, key, starts, ends)
    if in_san:
        sans = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(sans, critical=False)
    usage = _key_usage(encipherment=isinstance(key, rsa.RSAPrivateKey))
    return (
        builder.add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(_timestamps(), critical=False)
    )


def device(
    common_name: str, key: PrivateKey, starts: datetime, ends: datetime
) -> x509.CertificateBuilder:
    """The beginning of a device's certificate, as AWS issues them."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    return (
        _dated(subject, key, starts, ends)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(_key_usage(), critical=True)
    )


def extended_usage(usages: tuple[str, ...]) -> x509.ExtendedKeyUsage:
    """The purposes "server" and "client" as an extension."""
    known = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
    return x509.ExtendedKeyUsage([known[usage] for usage in usages])


def places_of(
    builder: x509.CertificateBuilder, issuer: Issuer, policy: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    """Add where the issuer's CRL, OCSP responder and certificate would be, and the policy."""
    host = f"{issuer.slug}.emulator.invalid"
    kinds = AuthorityInformationAccessOID
    places = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(kinds.OCSP, _url(f"http://ocsp.{host}")),
            x509.AccessDescription(kinds.CA_ISSUERS, _url(f"http://crt.{host}/{issuer.slug}.cer")),
        ]
    )
    point = x509.DistributionPoint(
        [_url(f"http://crl.{host}/{issuer.slug}.crl")], None, None, None
    )
    return (
        builder.add_extension(places, critical=False)
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
        .add_extension(
            x509.CertificatePolicies([x509.PolicyInformation(policy, None)]), critical=False
        )
    )


def issued(builder: x509.CertificateBuilder, issuer: Issuer) -> x509.Certificate:
    """The finished certificate, naming the issuer's key and signed with it."""
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    return signed(builder.issuer_name(issuer.name), issuer.key)


def signed(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    """The finished certificate, with SHA-384 for the larger curve as Amazon does."""
    large = isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256
    return builder.sign(key, hashes.SHA384() if large else hashes.SHA256())


def signed_with_sha1(certificate: bytes, key: PrivateKey) -> bytes:
    """The DER certificate again, signed with SHA-1, which `cryptography`'s builder refuses."""
    parts = raw_certificate.fields(certificate)
    if isinstance(key, rsa.RSAPrivateKey):
        # sha1WithRSAEncryption, with NULL parameters (RFC 3279, 2.2.1).
        algorithm = der_writer.sequence(bytes.fromhex("06092a864886f70d0101050500"))
    else:
        # ecdsa-with-SHA1 (RFC 3279, 2.2.3).
        algorithm = der_writer.sequence(bytes.fromhex("06072a8648ce3d0401"))
    parts = dataclasses.replace(parts, algorithm=algorithm, signature_algorithm=algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(parts.tbs, padding.PKCS1v15(), hashes.SHA1())
    else:
        signature = key.sign(parts.tbs, ec.ECDSA(hashes.SHA1()))
    return dataclasses.replace(parts, signature=der_writer.bit_string(signature)).encoded


def to_der(certificate: x509.Certificate) -> bytes:
    """The certificate's bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)


def _dated(
    subject: x509.Name, key: PrivateKey, starts: datetime, ends: datetime
) -> x509.CertificateBuilder:
    public_key = key.public_key()
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .public_key(public_key)
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _url(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def _key_usage(
    digital_signature: bool = True, encipherment: bool = False, certificates: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


@cache
def _timestamps() -> x509.UnrecognizedExtension:
    """Three certificate transparency timestamps (RFC 6962, 3.3) of logs that do not exist."""
    number = b"\x02\x20" + b"\x5a" * 32
    signature = der_writer.sequence(number, number)
    entries = b""
    for log in range(3):
        entry = b"\0" + bytes([log]) * 32 + bytes(8) + b"\0\0" + b"\x04\x03"
        entry += len(signature).to_bytes(2, "big") + signature
        entries += len(entry).to_bytes(2, "big") + entry
    value = der_writer.octet_string(len(entries).to_bytes(2, "big") + entries)
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), value)
