"""What the device tests make at run time: DER by a tiny writer, bundles, blobs, fake keys, files.

No private key is committed: `rsa_key` and `ec_key` have the structure of keys and numbers that
belong to no key. It is written without the library, so that the two can not share a mistake.
"""

import binascii
import hashlib
import os

from ats_trust import x509

SEQUENCE = 0x30
OCTET_STRING = 0x04
BUILT = "20260101000000"
END = "20991231235959"
NOW = "20300601120000"
RSA_ENCRYPTION = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
EC_PUBLIC_KEY = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
PRIME256V1 = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
FAKE_SECRET = b"NoRealSecret" + b"!" * 20
FAKE_POINT = b"\x04" + b"\x12\x34" * 32
FAKE_MODULUS = b"\x00\x9a" + b"\x12\x34" * 127 + b"\x57"


def element(tag, *parts):
    """One DER element around these bytes."""
    value = b"".join(parts)
    size = len(value)
    if size < 128:
        return bytes([tag, size]) + value
    if size < 256:
        return bytes([tag, 0x81, size]) + value
    if size < 65536:
        return bytes([tag, 0x82, size >> 8, size & 255]) + value
    return bytes([tag, 0x83, size >> 16, size >> 8 & 255, size & 255]) + value


def sequence(*parts):
    return element(SEQUENCE, *parts)


def integer(number):
    octets = []
    while number or not octets:
        octets.insert(0, number & 255)
        number >>= 8
    if octets[0] > 127:
        octets.insert(0, 0)
    return element(0x02, bytes(octets))


def moment(text):
    return element(0x18, text.encode() + b"Z")


def pem(label, data, line=64):
    """PEM as AWS writes it; data: DER, or None for no lines in between."""
    text = binascii.b2a_base64(data).strip() if data is not None else b""
    lines = [text[i : i + line] for i in range(0, len(text), line)]
    name = label.encode()
    lines.insert(0, b"-----BEGIN " + name + b"-----")
    lines += [b"-----END " + name + b"-----", b""]
    return b"\n".join(lines)


def rsa_key(modulus=FAKE_MODULUS):
    """PKCS#1 RSAPrivateKey. modulus: the content octets of the INTEGER."""
    secret = element(0x02, b"\x01" + FAKE_SECRET)
    return sequence(integer(0), element(0x02, modulus), integer(65537), *[secret] * 6)


def ec_key(point=FAKE_POINT, curve=PRIME256V1):
    """SEC1 ECPrivateKey; point or curve None: that optional part is left out."""
    return sequence(
        integer(1),
        element(OCTET_STRING, FAKE_SECRET),
        element(0xA0, curve) if curve else b"",
        element(0xA1, element(0x03, b"\x00", point)) if point else b"",
    )


def pkcs8(algorithm, key):
    """PKCS#8 PrivateKeyInfo. algorithm: the content of AlgorithmIdentifier."""
    return sequence(integer(0), sequence(algorithm), element(OCTET_STRING, key))


def encrypted_pkcs8():
    """PKCS#8 EncryptedPrivateKeyInfo."""
    pbes2 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"
    return sequence(sequence(pbes2, sequence()), element(OCTET_STRING, FAKE_SECRET))


def certificate_for(key_part):
    """Something of a certificate's outline that holds these bytes of a public key."""
    return sequence(sequence(integer(1), element(OCTET_STRING, key_part)), sequence())


def name(value):
    """A distinguished name of a common name alone. value: the whole element of its string."""
    return sequence(element(0x31, sequence(b"\x06\x03\x55\x04\x03", value)))


_ALGORITHM = sequence(b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
_NAME = name(element(0x0C, b"test"))
_KEY = sequence(
    sequence(RSA_ENCRYPTION), element(0x03, b"\x00", sequence(integer(15), integer(3)))
)


def certificate(
    *rest,
    version=2,
    serial=b"\x02\x01\x01",
    algorithm=_ALGORITHM,
    outer=None,
    subject=_NAME,
    key=_KEY,
    sign=b"\x00\x01",
):
    """A certificate with these elements after its key; version None: none is stated."""
    return sequence(
        sequence(
            element(0xA0, integer(version)) if version is not None else b"",
            serial,
            algorithm,
            _NAME,
            sequence(moment("20240101000000"), moment("20991231235959")),
            subject,
            key,
            *rest,
        ),
        outer or algorithm,
        element(0x03, sign),
    )


def extensions(*them):
    """The element [3] with extensions: (OID, or n of 2.5.29.n; value; BOOLEAN if it is stated)."""
    made = []
    for key, value, *critical in them:
        oid = bytes((0x55, 0x1D, key)) if isinstance(key, int) else key
        made.append(sequence(element(0x06, oid), *critical, element(OCTET_STRING, value)))
    return element(0xA3, sequence(*made))


def trimmed(certificate):
    """The trust anchor that a bundle holds for this certificate."""
    found = x509.Certificate(certificate)
    algorithm = sequence(b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
    issuer = sequence(element(0x31, sequence(b"\x06\x03\x55\x04\x03", element(0x0C, b"-"))))
    validity = sequence(
        *[
            element(0x17, time[2:].encode() + b"Z") if time < "2050" else moment(time)
            for time in (found.not_before, found.not_after)
        ]
    )
    tbs = sequence(
        integer(1),
        algorithm,
        issuer,
        validity,
        certificate[found.subject[0] : found.subject[1]],
        certificate[found.spki[0] : found.spki[1]],
    )
    return sequence(tbs, algorithm, element(0x03, b"\x00"))


def sealed(*parts, digest=None):
    """A body and its SHA-256, as bundles and blobs have them."""
    body = sequence(*parts)
    return sequence(body, element(OCTET_STRING, digest or hashlib.sha256(body).digest()))


def bundle(*anchors, number=1, version=7, built=BUILT, end=END):
    """A bundle of (use, certificate) pairs, certificates as they are given."""
    entries = [sequence(integer(use), certificate) for use, certificate in anchors]
    return sealed(
        integer(number), integer(version), moment(built), moment(end), sequence(*entries)
    )


def blob(certificate, key, host="abc-ats.iot.eu-west-1.amazonaws.com", port=8883, client="dev-1"):
    """A device blob."""
    return sealed(
        integer(1),
        element(0x0C, host.encode()),
        integer(port),
        element(0x0C, client.encode()),
        certificate,
        element(OCTET_STRING, key),
    )


def unused_path():
    """Return a path at which nothing is."""
    name = "ats_trust-" + binascii.hexlify(os.urandom(8)).decode()
    # A board without an operating system has neither environment nor /tmp.
    folder = os.getenv("TMPDIR") or "/tmp" if hasattr(os, "getenv") else ""
    return folder + "/" + name


def write(test, data, path=None):
    """Write bytes to a file that is removed when the test ends; return its path."""
    path = path or unused_path()
    with open(path, "wb") as file:
        file.write(data)
    test.addCleanup(os.remove, path)
    return path


def refusal(test, kind, code, function, *args, **options):
    """Check that the call raises exactly this class and code; return the error."""
    try:
        got = function(*args, **options)
    except kind as error:
        test.assertIs(type(error), kind)
        test.assertEqual(error.code, code, str(error))
        return error
    test.fail("%s(%s) not raised; the result is %r" % (kind.__name__, code, got))
