"""The PKI whose certificates the device tests use; tests/make_device_data.py writes them down.

- No private key is ever written down.
- Every name says "test", hosts are below `.example`; validity is fixed, 2024 to 2049 or 2099, so
  that both forms of time occur and no test ends on a date.
- One deviation for each certificate; the text beside it says which.
"""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

_START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
_LATE = datetime.datetime(2099, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
_HOST = "board.test.example"
_SIGNED = b"ats_trust test message"
_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
_ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE

_keys = {}


def key(name, kind="p256"):
    """The private key of that name, made when first asked for."""
    if name not in _keys:
        if kind.startswith("rsa"):
            _keys[name] = rsa.generate_private_key(65537, int(kind[3:]))
        elif kind == "ed25519":
            _keys[name] = ed25519.Ed25519PrivateKey.generate()
        else:
            curve = {
                "p256": ec.SECP256R1,
                "p384": ec.SECP384R1,
                "p521": ec.SECP521R1,
                "k256": ec.SECP256K1,
            }[kind]
            _keys[name] = ec.generate_private_key(curve())
    return _keys[name]


def _name(common_name):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ats_trust tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def certificate(
    subject, owner, issuer, signer, *, start=_START, end=_END, extensions=(), hash=None
):
    """A certificate as DER. extensions: (extension, critical) pairs."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(owner.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    signed = builder.sign(signer, hash or hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def _usage(**allowed):
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
        " key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names.split()}), True


_CA = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    _usage(key_cert_sign=True, crl_sign=True),
)


def _san(*names):
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False


def _purposes(*purposes):
    return x509.ExtendedKeyUsage(purposes), False


_SIGNS = _usage(digital_signature=True)
_SERVES = (_SIGNS, _purposes(_SERVER))


def certificates():
    """Name -> (what it is, DER)."""
    made = {}

    def add(name, what, *args, **options):
        made[name] = (what, certificate(*args, **options))

    ec_root, rsa_root = key("ec root"), key("rsa root", "rsa2048")
    ec_int, rsa_int = key("ec int"), key("rsa int", "rsa2048")
    ec_leaf, rsa_leaf = key("ec leaf"), key("rsa leaf", "rsa2048")

    def root(subject, owner):
        return subject, owner, subject, owner

    add(
        "EC_ROOT",
        "self-signed P-256 root",
        *root("test EC root", ec_root),
        end=_LATE,
        extensions=_CA,
    )
    add(
        "RSA_ROOT",
        "self-signed RSA root",
        *root("test RSA root", rsa_root),
        end=_LATE,
        extensions=_CA,
    )
    add(
        "EC_TWIN",
        "self-signed, EC_ROOT's name, another key",
        *root("test EC root", key("ec twin")),
        end=_LATE,
        extensions=_CA,
    )
    add(
        "RSA_TWIN",
        "self-signed, RSA_ROOT's name, another key",
        *root("test RSA root", key("rsa twin", "rsa2048")),
        end=_LATE,
        extensions=_CA,
    )
    add(
        "EC_CROSS",
        "EC_ROOT's name and key, signed by RSA_ROOT",
        "test EC root",
        ec_root,
        "test RSA root",
        rsa_root,
        extensions=_CA,
    )
    add(
        "EC_INT",
        "intermediate below EC_ROOT",
        "test EC intermediate",
        ec_int,
        "test EC root",
        ec_root,
        extensions=_CA,
    )
    add(
        "RSA_INT",
        "intermediate below RSA_ROOT",
        "test RSA intermediate",
        rsa_int,
        "test RSA root",
        rsa_root,
        extensions=_CA,
    )
    add(
        "RSA_LEAF",
        "good RSA leaf",
        _HOST,
        rsa_leaf,
        "test RSA intermediate",
        rsa_int,
        extensions=(_san(_HOST, "other.test.example"), *_SERVES),
    )
    add(
        "CONSTRAINED",
        "intermediate for test.example without secret.test.example",
        "test constrained intermediate",
        key("constrained"),
        "test EC root",
        ec_root,
        extensions=(
            *_CA,
            (
                x509.NameConstraints(
                    [x509.DNSName("test.example")], [x509.DNSName("secret.test.example")]
                ),
                False,
            ),
        ),
    )
    add(
        "OLD_INT",
        "intermediate that ended in 2025",
        "test EC intermediate",
        ec_int,
        "test EC root",
        ec_root,
        end=datetime.datetime(2025, 1, 1),
        extensions=_CA,
    )
    add(
        "WEAK_INT",
        "intermediate with a secp256k1 key",
        "test weak intermediate",
        key("weak int", "k256"),
        "test EC root",
        ec_root,
        extensions=_CA,
    )
    add(
        "P384",
        "self-signed, P-384 and SHA-384",
        *root("test P-384", key("p384", "p384")),
        hash=hashes.SHA384(),
    )
    add(
        "P521",
        "self-signed, P-521 and SHA-512",
        *root("test P-521", key("p521", "p521")),
        hash=hashes.SHA512(),
    )
    signer = key("ed25519", "ed25519")
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("test Ed25519"))
        .issuer_name(_name("test Ed25519"))
        .public_key(signer.public_key())
        .serial_number(1)
        .not_valid_before(_START)
        .not_valid_after(_END)
    )
    made["ED25519"] = (
        "self-signed, Ed25519",
        builder.sign(signer, None).public_bytes(Encoding.DER),
    )

    def leaf(
        name, what, *, subject="test leaf", owner=ec_leaf, san=_HOST, usage=_SERVES, **options
    ):
        names = (_san(*san.split()),) if san else ()
        add(
            name,
            what,
            subject,
            owner,
            "test EC intermediate",
            ec_int,
            extensions=(*names, *usage),
            **options,
        )

    leaf("LEAF", "good P-256 leaf with a wildcard too", san=_HOST + " *.wild.test.example")
    leaf("NO_SAN", "leaf with the host as common name alone", subject=_HOST, san="")
    leaf("OTHER_NAME", "leaf for another host", san="other.test.example")
    leaf("WILD_TOP", "leaf for *.example", san="*.example")
    leaf("WILD_PART", "leaf for b*.test.example", san="b*.test.example")
    leaf("UPPER_NAME", "leaf with the host in capitals", san=_HOST.upper())
    leaf("CLIENT_ONLY", "leaf for clients", usage=(_SIGNS, _purposes(_CLIENT)))
    leaf("ANY_USAGE", "leaf for any purpose", usage=(_SIGNS, _purposes(_CLIENT, _ANY)))
    leaf(
        "BOTH_USAGES", "leaf for servers and clients", usage=(_SIGNS, _purposes(_SERVER, _CLIENT))
    )
    leaf("NO_USAGE", "leaf without keyUsage and extendedKeyUsage", usage=())
    leaf(
        "NOT_SIGNING",
        "leaf whose key may only agree on keys",
        usage=(_usage(key_agreement=True), _purposes(_SERVER)),
    )
    leaf("EXPIRED", "leaf that ended in 2025", end=datetime.datetime(2025, 6, 1))
    leaf("FUTURE", "leaf that starts in 2048", start=datetime.datetime(2048, 6, 1))
    leaf("RSA_1024", "leaf with an RSA key of 1024 bits", owner=key("rsa1024", "rsa1024"))
    leaf("ODD_CURVE", "leaf with a secp256k1 key", owner=key("odd leaf", "k256"))
    leaf("ED_LEAF", "leaf with an Ed25519 key", owner=signer)
    leaf(
        "OUTSIDE",
        "leaf that CONSTRAINED may not vouch for, being outside",
        san="board.other.example",
    )
    leaf(
        "EXCLUDED",
        "leaf that CONSTRAINED may not vouch for, being excluded",
        san="board.secret.test.example",
    )
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    leaf(
        "ODD_EXTENSION",
        "leaf with a critical extension of nobody's",
        usage=(*_SERVES, (unknown, True)),
    )
    return made


def signatures():
    """Name -> (what it is, bytes): keys and signatures over SHA-256 of SIGNED."""
    ec_key, rsa_key = key("ec root"), key("rsa root")
    point = ec_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    modulus = rsa_key.public_key().public_numbers().n
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return {
        "SIGNED": ("what was signed", _SIGNED),
        "EC_POINT": ("the key of EC_ROOT", point),
        "EC_SIGNATURE": ("ECDSA", ec_key.sign(_SIGNED, ec.ECDSA(hashes.SHA256()))),
        "RSA_MODULUS": (
            "the key of RSA_ROOT; its exponent is 65537",
            modulus.to_bytes(256, "big"),
        ),
        "RSA_SIGNATURE": (
            "RSA, PKCS#1 v1.5",
            rsa_key.sign(_SIGNED, padding.PKCS1v15(), hashes.SHA256()),
        ),
        "RSA_SHA384_SIGNATURE": (
            "the same with SHA-384",
            rsa_key.sign(_SIGNED, padding.PKCS1v15(), hashes.SHA384()),
        ),
        "RSA_PSS_SIGNATURE": ("RSA, PSS", rsa_key.sign(_SIGNED, pss, hashes.SHA256())),
    }
