"""The few fields of an X.509 certificate (RFC 5280) that a client needs to judge a server.

Pure. A Certificate keeps positions into the bytes that it was given, not copies, so it lives only
as long as they do: inside a verify_callback these bytes are gone when the callback returns.
Malformed bytes raise der.DerError. Signatures are not checked here.
"""

from . import der

# Extensions, by the last arc of their object identifiers: 2.5.29.n.
EXT_KEY_USAGE = 15
EXT_SUBJECT_ALT_NAME = 17
EXT_BASIC_CONSTRAINTS = 19
EXT_NAME_CONSTRAINTS = 30
EXT_EXTENDED_KEY_USAGE = 37

# Object identifiers, as the content octets of their DER.
_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
_EC = b"\x2a\x86\x48\xce\x3d\x02\x01"
_CURVES = (
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", "secp256r1"),
    (b"\x2b\x81\x04\x00\x22", "secp384r1"),
    (b"\x2b\x81\x04\x00\x23", "secp521r1"),
)
_SIGNATURES = (
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "rsa-sha256"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", "rsa-sha384"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", "rsa-sha512"),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", "ecdsa-sha256"),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", "ecdsa-sha384"),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", "ecdsa-sha512"),
)


def names(data):
    """Return (issuer start, issuer stop, subject start, subject stop), DER Names in `data`.

    data: bytes-like, a certificate or its first part, as long as it holds both names.
    """
    stop = len(data)
    tag, pos, _ = der.header(data, 0, stop, False)
    tag2, pos, _ = der.header(data, pos, stop, False)
    if tag != der.SEQUENCE or tag2 != der.SEQUENCE:
        der.fail("no certificate")
    if pos < stop and data[pos] == 0xA0:  # The version is absent in version 1.
        pos = der.header(data, pos, stop)[2]
    pos = der.expect(data, pos, stop, der.INTEGER)[1]
    issuer = der.expect(data, pos, stop, der.SEQUENCE)[1]
    pos = der.expect(data, issuer, stop, der.SEQUENCE)[1]
    subject = der.expect(data, pos, stop, der.SEQUENCE)[1]
    return issuer, pos, subject, der.expect(data, subject, stop, der.SEQUENCE)[1]


class Certificate:
    """Positions and small values of one certificate.

    version: int, 1 to 3. tbs, issuer, subject, spki, signature: (start, stop) into `data`, whole
    elements but for `signature`, which is the value of the BIT STRING. algorithm: str, the
    signature algorithm as "rsa-sha256", or "" for one that is not accepted here. not_before,
    not_after: "YYYYMMDDHHMMSS".
    """

    def __init__(self, data):
        self.data = data
        start, stop = der.only(data, 0, len(data), der.SEQUENCE)
        pos, end = der.expect(data, start, stop, der.SEQUENCE)
        self.tbs = (start, end)
        outer = (end, der.expect(data, end, stop, der.SEQUENCE)[1])
        a, b = der.only(data, outer[1], stop, der.BIT_STRING)
        if a == b or data[a] != 0 or b - a > 1025:  # That of the longest key that anyone uses.
            der.fail("signature")
        self.signature = (a + 1, b)

        self.version = 1
        if data[pos] == 0xA0:
            a, pos = der.expect(data, pos, end, 0xA0)
            self.version = der.integer(data, a, pos)[0] + 1
        pos = der.expect(data, pos, end, der.INTEGER)[1]
        inner = (pos, der.expect(data, pos, end, der.SEQUENCE)[1])
        # RFC 5280, 4.1.1.2: both statements of the algorithm are the same.
        if data[inner[0] : inner[1]] != data[outer[0] : outer[1]]:
            der.fail("two signature algorithms")
        self.algorithm = _named(data, inner[0], inner[1], _SIGNATURES)
        pos = inner[1]
        self.issuer = (pos, der.expect(data, pos, end, der.SEQUENCE)[1])
        a, pos = der.expect(data, self.issuer[1], end, der.SEQUENCE)
        self.not_before, a = der.moment(data, a, pos)
        self.not_after, a = der.moment(data, a, pos)
        self.subject = (pos, der.expect(data, pos, end, der.SEQUENCE)[1])
        pos = self.subject[1]
        self.spki = (pos, der.expect(data, pos, end, der.SEQUENCE)[1])
        # What follows is optional: issuerUniqueID [1], subjectUniqueID [2], extensions [3].
        self._extensions = self._found = None
        pos = self.spki[1]
        while pos < end:
            tag, a, pos = der.header(data, pos, end)
            if tag == 0xA3:
                self._extensions = der.only(data, a, pos, der.SEQUENCE)
            elif tag not in (0x81, 0x82):
                der.fail("tag %d in the certificate" % tag)

    def extension(self, number):
        """Return (start, stop) of the value of the extension 2.5.29.`number`, or None."""
        if self._extensions is None:
            return None
        if self._found is None:
            self._walk()
        return self._found.get(number)

    def _walk(self):
        """Note where each extension 2.5.29.n has its value, in one pass."""
        data = self.data
        found = {}
        pos, end = self._extensions
        while pos < end:
            a, stop = der.expect(data, pos, end, der.SEQUENCE)
            pos = stop
            b, c = der.expect(data, a, stop, der.OID)
            if c - b != 3 or data[b] != 0x55 or data[b + 1] != 0x1D:
                continue
            if data[b + 2] in found:
                der.fail("the same extension twice")
            if c < stop and data[c] == der.BOOLEAN:
                a = der.header(data, c, stop)[2]
            else:
                a = c
            found[data[b + 2]] = der.only(data, a, stop, der.OCTET_STRING)
        self._found = found

    def is_ca(self):
        """Whether basicConstraints says that this certificate may sign others."""
        span = self.extension(EXT_BASIC_CONSTRAINTS)
        if not span:
            return False
        a, b = der.only(self.data, span[0], span[1], der.SEQUENCE)
        if a == b or self.data[a] != der.BOOLEAN:
            return False
        a, b = der.header(self.data, a, b)[1:]
        return b - a == 1 and self.data[a] == 0xFF

    def key_usage(self):
        """Return keyUsage's first octet (0x80 digitalSignature, 0x04 keyCertSign), or None."""
        span = self.extension(EXT_KEY_USAGE)
        if not span:
            return None
        a, b = der.only(self.data, span[0], span[1], der.BIT_STRING)
        return self.data[a + 1] if b - a > 1 else 0

    def extended_key_usage(self):
        """Return the list of key purposes, each the content octets of an OID, or None."""
        span = self.extension(EXT_EXTENDED_KEY_USAGE)
        if not span:
            return None
        purposes = []
        pos, end = der.only(self.data, span[0], span[1], der.SEQUENCE)
        while pos < end:
            a, pos = der.expect(self.data, pos, end, der.OID)
            purposes.append(bytes(self.data[a:pos]))
        return purposes

    def dns_names(self):
        """Return the dNSName entries of subjectAltName as a list of bytes, or None without one."""
        span = self.extension(EXT_SUBJECT_ALT_NAME)
        if not span:
            return None
        found = []
        pos, end = der.only(self.data, span[0], span[1], der.SEQUENCE)
        while pos < end:
            tag, a, pos = der.header(self.data, pos, end)
            if tag == 0x82:
                found.append(bytes(self.data[a:pos]))
        return found

    def dns_constraints(self):
        """Return (permitted, excluded), lists of bytes: the dNSName subtrees of nameConstraints.

        RFC 5280, 4.2.1.10. None where the certificate constrains no DNS name; `permitted` is
        empty where only exclusions are stated.
        """
        span = self.extension(EXT_NAME_CONSTRAINTS)
        if not span:
            return None
        trees = ([], [])
        pos, end = der.only(self.data, span[0], span[1], der.SEQUENCE)
        while pos < end:
            tag, sub, pos = der.header(self.data, pos, end)
            if tag not in (0xA0, 0xA1):
                der.fail("name constraints")
            while sub < pos:
                a, sub = der.expect(self.data, sub, pos, der.SEQUENCE)
                kind, a, b = der.header(self.data, a, sub)
                if kind == 0x82:
                    trees[tag & 1].append(bytes(self.data[a:b]))
        return trees if trees[0] or trees[1] else None

    def key(self):
        """Return the public key as `key` gives it."""
        return key(self.data, *self.spki)

    def has_strong_key(self):
        """Whether the key is RSA of 2,048 bits or more, or on P-256, P-384 or P-521."""
        kind, start, stop = _key(self.data, *self.spki)
        if kind != "rsa":
            return bool(kind)
        start, stop = der.expect(self.data, start, stop, der.INTEGER)
        # A modulus whose highest bit is set has a zero octet in front of it.
        zero = self.data[start] == 0 if start < stop else False
        return stop - start - zero > 256 or zero and stop - start == 257


def key(data, start, stop):
    """Return the key in the SubjectPublicKeyInfo data[start:stop].

    ("rsa", n, e) of ints, (curve name, point bytes), or ("",) for any other.
    """
    kind, start, stop = _key(data, start, stop)
    if kind == "rsa":
        n, start = der.integer(data, start, stop)
        return kind, n, der.integer(data, start, stop)[0]
    return (kind, bytes(data[start:stop])) if kind else ("",)


def _key(data, start, stop):
    """Return ("rsa" or curve name or "", start, stop): what is inside of the BIT STRING."""
    a, stop = der.only(data, start, stop, der.SEQUENCE)
    b, c = der.expect(data, a, stop, der.SEQUENCE)
    d, e = der.expect(data, b, c, der.OID)
    oid = bytes(data[d:e])
    k, m = der.only(data, c, stop, der.BIT_STRING)
    if k == m or data[k] != 0:
        der.fail("key")
    if oid == _RSA:
        k, m = der.only(data, k + 1, m, der.SEQUENCE)
        return "rsa", k, m
    return _named(data, a, c, _CURVES, e) if oid == _EC else "", k + 1, m


def _named(data, start, stop, table, pos=0):
    """Return the name that `table` gives to the OID in the SEQUENCE at data[start:stop], or ""."""
    a, b = der.only(data, start, stop, der.SEQUENCE)
    a, b = der.expect(data, pos or a, b, der.OID)
    oid = bytes(data[a:b])
    for value, name in table:
        if value == oid:
            return name
    return ""
