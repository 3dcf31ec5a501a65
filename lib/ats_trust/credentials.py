"""The device's own certificate and key: AWS's files, or one blob with all that a device needs.

Rules kept here:
- Every port gets what every port can read: one DER certificate, and the key as PKCS#1 (RSA) or
  SEC1 (EC) in DER. PEM and PKCS#8 are converted on the device.
- The key is read when a connection is made and not kept. No message ever holds a byte of it.
- Whatever is wrong with a file is a ConfigError("bad_credentials") that says which file and what.
"""

import binascii
import hashlib
import io

from .der import DerError, const, expect, fail, header, integer, only
from .errors import ConfigError

_INTEGER = const(0x02)
_BIT_STRING = const(0x03)
_OCTET_STRING = const(0x04)
_OID = const(0x06)
_UTF8_STRING = const(0x0C)
_SEQUENCE = const(0x30)


class Device:
    """A device blob (docs/device-blob.md): host, port, client_id at hand, the rest on flash.

    Raises ConfigError("bad_credentials") when the file is missing, damaged or not such a blob.
    """

    def __init__(self, path):
        self.path = path
        self.host, self.port, self.client_id = self._read()[:3]

    def context(self, **options):
        """Return the TrustedContext for this device's endpoint; options as for `context`."""
        from .trusted_context import TrustedContext

        options.setdefault("port", self.port)
        return TrustedContext(self.host, credentials=self.credentials, **options)

    def credentials(self):
        """Return (certificate, private key), DER, read from flash now."""
        return self._read()[3:]

    def _read(self):
        """Return (host, port, client id, certificate, private key)."""
        try:
            data = _content(self.path)
            pos, end = only(data, 0, len(data))
            body, stop = expect(data, pos, end)
            a, b = only(data, stop, end, _OCTET_STRING)
            if hashlib.sha256(memoryview(data)[pos:stop]).digest() != data[a:b]:
                fail("damaged: SHA-256 differs")
            number, pos = integer(data, body, stop)
            a, b = expect(data, pos, stop, _UTF8_STRING)
            port, pos = integer(data, b, stop)
            if number != 1 or not 0 < port < 65536:
                fail("encrypted: decrypt it first" if number == 2 else "another format")
            c, d = expect(data, pos, stop, _UTF8_STRING)
            pos = expect(data, d, stop)[1]
            e, f = only(data, pos, stop, _OCTET_STRING)
            return data[a:b].decode(), port, data[c:d].decode(), data[d:pos], data[e:f]
        except (OSError, ValueError, DerError) as error:  # ValueError: text that is no UTF-8.
            raise _unusable("device file ", self.path, error)


load_device = Device


class Files:
    """A certificate and a key from paths or bytes, PEM or DER; read when called.

    cert, key: str, a path, or bytes, the content. Checked once when made.
    """

    def __init__(self, cert, key):
        if not cert or not key:
            raise ConfigError("bad_credentials", "cert and key belong together, one is missing")
        self._cert = cert
        self._key = key
        self()

    def __call__(self):
        """Return (certificate, private key), DER."""
        argument, source = "cert=", self._cert
        try:
            certificate = _decoded(source, (b"CERTIFICATE",))
            a, stop = only(certificate, 0, len(certificate))
            if header(certificate, a, stop)[0] != _SEQUENCE:
                fail("no certificate (swapped with key=?)")
            argument, source = "key=", self._key
            labels = b"RSA PRIVATE KEY", b"EC PRIVATE KEY", b"PRIVATE KEY"
            key, public = _plain_key(_decoded(source, labels), None)
            if public not in certificate:
                fail("it does not belong to the certificate")
            return certificate, key
        except (OSError, DerError) as error:
            raise _unusable(argument, source, error)


def _plain_key(data, curve):
    """Return (DER of PKCS#1 or SEC1, a part of it that the certificate must hold too).

    curve: what PKCS#8 states outside of the key, or None.
    """
    a, stop = only(data, 0, len(data))
    tag, b, c = header(data, a, stop)
    if tag == _SEQUENCE:
        # A certificate, or EncryptedPrivateKeyInfo: that ends in OCTET STRING.
        encrypted = header(data, c, stop)[0] == _OCTET_STRING
        fail("encrypted: decrypt it first" if encrypted else "no private key (swapped?)")
    version, b = integer(data, a, stop)
    tag, c, d = header(data, b, stop)
    if tag == _INTEGER:  # PKCS#1, RFC 8017: version, modulus, ...
        return data, data[c:d]
    if tag == _SEQUENCE:  # PKCS#8, RFC 5208: version, algorithm, key.
        a, b = expect(data, c, d, _OID)
        oid = data[a:b]
        k, m = expect(data, d, stop, _OCTET_STRING)
        ec = oid == b"\x2a\x86\x48\xce\x3d\x02\x01"  # id-ecPublicKey; else rsaEncryption.
        if curve is not None or not ec and oid != b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01":
            fail("neither RSA nor EC")
        return _plain_key(data[k:m], data[b:d] if ec else b"")
    if tag != _OCTET_STRING or version != 1:
        fail("neither RSA nor EC")
    # SEC1, RFC 5915: version, secret, [0] curve, [1] public point.
    public = b""
    pos = d
    while pos < stop:
        tag, b, pos = header(data, pos, stop)
        if tag == 0xA0:
            d = 0  # Nothing to put in.
        elif tag == 0xA1:
            b, c = only(data, b, pos, _BIT_STRING)
            public = data[b + 1 : c]
    if d:
        if not curve or len(curve) > 100 or stop > 255 - len(curve):
            fail("no curve")
        inner = data[a:d] + bytes((0xA0, len(curve))) + curve + data[d:stop]
        data = (b"\x30" if len(inner) < 128 else b"\x30\x81") + bytes((len(inner),)) + inner
    return data, public


def _decoded(source, labels):
    """Return the DER of a source that is DER, or PEM with one of these labels."""
    data = _content(source)
    if data[:1] == b"\x30":
        return data
    label = block = b""
    for part in data.split(b"-----BEGIN ")[1:]:
        if part.startswith(b"EC PARAMETERS-"):
            continue
        if label:
            fail("more than one is in it: give one")
        try:
            label, body, end = part.split(b"-----", 2)
            if b"ENCRYPTED" in label or b":" in body:
                fail("encrypted: decrypt it first")
            block = binascii.a2b_base64(body)
        except ValueError:
            end = b""
        if not end.startswith(b"END "):
            fail("cut off before its END line, or not base64")
    if not block:
        fail("empty, or neither PEM nor DER")
    if label not in labels:
        # Where dashes are missing, this could be the key itself, which has small letters, too.
        shown = repr(label)[2:-1] if label.isupper() and len(label) < 25 else "?"
        fail("a %s (swapped?)" % shown)
    return block


def _content(source):
    """Return what is in a file, or these bytes: of DER at most 8,192, of PEM twice as many."""
    content = isinstance(source, (bytes, bytearray))
    with io.BytesIO(source) if content else open(source, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        data = file.read(size if size <= 16384 else 1)
    if size > (8192 if data[:1] == b"\x30" else 16384):
        fail("too large")
    return data


def _unusable(argument, source, error):
    if not isinstance(source, str):
        source = ""
    elif len(source) > 100 or "--" in source or "\n" in source:
        source = "(content? pass it as bytes)"  # Never to be repeated.
    why = getattr(error, "detail", "") or "%s %s" % (type(error).__name__, error.args[:1])
    return ConfigError("bad_credentials", "%s%s is unusable: %s" % (argument, source, why))
