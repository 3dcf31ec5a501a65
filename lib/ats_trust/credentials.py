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

from . import der
from .errors import ConfigError

_MAX_SIZE = 8192
_RSA_OID = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
_EC_OID = b"\x2a\x86\x48\xce\x3d\x02\x01"
_KEYS = ("RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY")


class Device:
    """A device blob (docs/device-blob.md): host, port, client_id at hand, the rest on flash."""

    def __init__(self, path, host, port, client_id):
        self.path = path
        self.host = host
        self.port = port
        self.client_id = client_id

    def context(self, **options):
        """Return the TrustedContext for this device's endpoint; options as for `context`."""
        from .trusted_context import TrustedContext

        options.setdefault("port", self.port)
        return TrustedContext(self.host, credentials=self.credentials, **options)

    def credentials(self):
        """Return (certificate, private key), DER, read from flash now."""
        return _blob(self.path)[3:]


def load_device(path):
    """Return the Device that a blob made by `ats-trust device create` describes.

    Raises ConfigError("bad_credentials") when the file is missing, damaged or not such a blob.
    """
    return Device(path, *_blob(path)[:3])


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
        certificate = _certificate(self._cert)
        key, public = _private_key(self._key)
        if public and public not in certificate:
            raise ConfigError("bad_credentials", "the key does not belong to the certificate")
        return certificate, key


def _certificate(source):
    label, data = _load(source, "cert")
    if label in _KEYS:
        raise ConfigError("bad_credentials", "cert= is a private key: swapped with key=?")
    if label not in ("CERTIFICATE", ""):
        raise ConfigError("bad_credentials", "cert= is a %s, not a certificate" % label)
    try:
        a, stop = der.only(data, 0, len(data), der.SEQUENCE)
        if der.header(data, a, stop)[0] == der.INTEGER:
            raise ConfigError("bad_credentials", "cert= is a private key: swapped with key=?")
        der.expect(data, a, stop, der.SEQUENCE)
    except der.DerError as error:
        raise ConfigError("bad_credentials", "cert= is damaged or cut off: " + error.detail)
    return data


def _private_key(source):
    """Return (DER of PKCS#1 or SEC1, a part of it that the certificate must hold too)."""
    label, data = _load(source, "key")
    if label == "CERTIFICATE":
        raise ConfigError("bad_credentials", "key= is a certificate: swapped with cert=?")
    if label not in _KEYS and label:
        raise ConfigError("bad_credentials", "key= is a %s, not a private key" % label)
    try:
        return _plain_key(data, None)
    except der.DerError as error:
        raise ConfigError("bad_credentials", "key= is damaged or cut off: " + error.detail)


def _plain_key(data, curve):
    """Return what `_private_key` does; curve: what PKCS#8 states outside of the key, or None."""
    a, stop = der.only(data, 0, len(data), der.SEQUENCE)
    if der.header(data, a, stop)[0] == der.SEQUENCE:
        tag = der.header(data, der.expect(data, a, stop, der.SEQUENCE)[1], stop)[0]
        # A SEQUENCE first is a certificate, or EncryptedPrivateKeyInfo: that ends in OCTET STRING.
        what = "encrypted: decrypt it first" if tag == der.OCTET_STRING else "not a private key"
        raise ConfigError("bad_credentials", "key= is " + what)
    version, b = der.integer(data, a, stop)
    tag, c, d = der.header(data, b, stop)
    if tag == der.INTEGER:  # PKCS#1, RFC 8017: version, modulus, ...
        return bytes(data), bytes(data[c:d])
    if tag == der.SEQUENCE:  # PKCS#8, RFC 5208: version, algorithm, key.
        e, f = der.expect(data, c, d, der.OID)
        oid = bytes(data[e:f])
        k, m = der.expect(data, d, stop, der.OCTET_STRING)
        if oid not in (_RSA_OID, _EC_OID) or curve is not None:
            raise ConfigError("bad_credentials", "key= is neither RSA nor EC")
        return _plain_key(bytes(data[k:m]), bytes(data[f:d]) if oid == _EC_OID else b"")
    if tag != der.OCTET_STRING or version != 1:
        der.fail("tag %d in the key" % tag)
    # SEC1, RFC 5915: version, secret, [0] curve, [1] public point.
    has_curve = False
    public = None
    pos = d
    while pos < stop:
        tag, e, pos = der.header(data, pos, stop)
        if tag == 0xA0:
            has_curve = True
        elif tag == 0xA1:
            e, f = der.only(data, e, pos, der.BIT_STRING)
            public = bytes(data[e + 1 : f])
    if not has_curve:
        if not curve or len(curve) > 100 or stop > 255 - len(curve):
            der.fail("no curve")
        rest = bytes(data[d:stop])
        inner = bytes(data[a:d]) + bytes((0xA0, len(curve))) + curve + rest
        size = bytes((len(inner),)) if len(inner) < 128 else bytes((0x81, len(inner)))
        data = b"\x30" + size + inner
    return bytes(data), public


def _load(source, argument):
    """Return (PEM label or "" for DER, the DER bytes)."""
    try:
        file = io.BytesIO(source) if isinstance(source, (bytes, bytearray)) else open(source, "rb")
    except OSError as error:
        if len(source) > 100 or "--" in source or "\n" in source:
            # It may be the content itself: never to be repeated.
            raise ConfigError("bad_credentials", argument + "= is no path: pass content as bytes")
        raise ConfigError(
            "bad_credentials",
            "%s=%s can not be read (OSError %s)" % (argument, source, error.args[0]),
        )
    try:
        first = file.read(1)
        if first == b"\x30":
            data = first + file.read(_MAX_SIZE)
            if len(data) > _MAX_SIZE:
                raise ConfigError("bad_credentials", argument + "= is too large")
            return "", data
        file.seek(0)
        return _pem(file, argument)
    finally:
        file.close()


def _pem(file, argument):
    label = None
    done = None
    data = bytearray()
    left = 2 * _MAX_SIZE
    while left > 0:
        line = file.readline(256)
        if not line:
            break
        left -= len(line)
        line = line.strip()
        if line.startswith(b"-----BEGIN ") and line.endswith(b"-----"):
            label = bytes([c for c in line[11:-5] if 31 < c < 127]).decode()
            if "ENCRYPTED" in label:
                raise ConfigError("bad_credentials", argument + "= is encrypted: decrypt it first")
            if label in ("CERTIFICATE",) + _KEYS and done:
                raise ConfigError("bad_credentials", argument + "= holds more than one: give one")
        elif line.startswith(b"-----END "):
            if label in ("CERTIFICATE",) + _KEYS:
                done = label
            elif not done and label and label != "EC PARAMETERS":
                return label, b""
            label = None
        elif label is not None and label != "EC PARAMETERS":
            if b":" in line:
                raise ConfigError("bad_credentials", argument + "= is encrypted: decrypt it first")
            try:
                data += binascii.a2b_base64(line)
            except ValueError:
                raise ConfigError("bad_credentials", argument + "= is damaged: not base64")
    if left <= 0:
        raise ConfigError("bad_credentials", argument + "= is too large")
    if label is not None:
        raise ConfigError("bad_credentials", argument + "= is cut off: no END line")
    if not done or not data:
        raise ConfigError("bad_credentials", argument + "= is empty or neither PEM nor DER")
    return done, bytes(data)


def _blob(path):
    """Return (host, port, client id, certificate, private key) of a device blob."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(
            "bad_credentials", "%s can not be read (OSError %s)" % (path, error.args[0])
        )
    try:
        if len(data) > _MAX_SIZE:
            der.fail("too large")
        pos, end = der.only(data, 0, len(data), der.SEQUENCE)
        body, stop = der.expect(data, pos, end, der.SEQUENCE)
        a, b = der.only(data, stop, end, der.OCTET_STRING)
        view = memoryview(data)
        if hashlib.sha256(view[pos:stop]).digest() != data[a:b]:
            der.fail("SHA-256 differs")
        number, pos = der.integer(data, body, stop)
        if number != 1:
            der.fail("format %d" % number)
        host, pos = _text(data, pos, stop)
        port, pos = der.integer(data, pos, stop)
        if not 0 < port < 65536:
            der.fail("port %d" % port)
        client_id, pos = _text(data, pos, stop)
        certificate = pos
        pos = der.expect(data, pos, stop, der.SEQUENCE)[1]
        a, b = der.only(data, pos, stop, der.OCTET_STRING)
        return host, port, client_id, data[certificate:pos], data[a:b]
    except der.DerError as error:
        raise ConfigError(
            "bad_credentials", "%s is no device blob, or damaged: %s" % (path, error.detail)
        )


def _text(data, pos, stop):
    a, b = der.expect(data, pos, stop, der.UTF8_STRING)
    try:
        return data[a:b].decode(), b
    except UnicodeError:
        der.fail("text")
