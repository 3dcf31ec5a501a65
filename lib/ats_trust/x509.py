"""The few fields of an X.509 certificate (RFC 5280) that a client needs to judge a server.

Pure. A Certificate keeps positions into the bytes that it was given, not copies, so it lives only
as long as they do: inside a verify_callback these bytes are gone when the callback returns.
Malformed bytes raise der.DerError. Signatures are not checked here.
"""

from .der import const, expect, fail, header, integer, moment, octets, only

_BOOLEAN = const(0x01)
_INTEGER = const(0x02)
_BIT_STRING = const(0x03)
_OCTET_STRING = const(0x04)
_OID = const(0x06)

# Object identifiers, as the content octets of their DER; the first two are common beginnings.
_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01"
_EC = b"\x2a\x86\x48\xce\x3d"
_CURVES = {
    b"\x2a\x86\x48\xce\x3d\x03\x01\x07": "secp256r1",
    b"\x2b\x81\x04\x00\x22": "secp384r1",
    b"\x2b\x81\x04\x00\x23": "secp521r1",
}


class Certificate:
    """Positions and small values of one certificate.

    tbs, issuer, subject, spki, signature: (start, stop) into `data`, whole elements but for
    `signature`, which is the value of the BIT STRING. algorithm: str, the signature algorithm as
    "rsa-sha256", or "" for one that is not accepted here. not_before, not_after: "YYYYMMDDHHMMSS".
    version: int, 3 for v3. serial: (start, stop), the whole element.
    extensions: {n: (start, stop)}, the value of each extension 2.5.29.n. critical: tuple of those
    of 14, 17 and 35 that are.
    """

    def __init__(self, data):
        self.data = data
        start, stop = only(data, 0, len(data))
        pos, end = expect(data, start, stop)
        self.tbs = (start, end)
        outer = expect(data, end, stop)[1]
        a, b = only(data, outer, stop, _BIT_STRING)
        if a == b or data[a] or b - a > 1025:  # That of the longest key that anyone uses.
            fail("signature")
        self.signature = (a + 1, b)

        self.version = 1
        if data[pos] == 0xA0:
            a, pos = expect(data, pos, end, 0xA0)
            self.version += integer(data, a, pos)[0]
        self.serial = (pos, expect(data, pos, end, _INTEGER)[1])
        pos = self.serial[1]
        a, b = expect(data, pos, end)
        # RFC 5280, 4.1.1.2: both statements of the algorithm are the same.
        if data[pos:b] != data[end:outer]:
            fail("two signature algorithms")
        self.algorithm = _algorithm(octets(data, a, b)[0])
        self.issuer = (b, expect(data, b, end)[1])
        a, pos = expect(data, self.issuer[1], end)
        self.not_before, a = moment(data, a, pos)
        self.not_after, a = moment(data, a, pos)
        self.subject = (pos, expect(data, pos, end)[1])
        pos = self.subject[1]
        self.spki = (pos, expect(data, pos, end)[1])
        self.extensions = {}
        self.critical = ()
        pos = self.spki[1]
        if pos < end:  # Not issuerUniqueID or subjectUniqueID, which no CA has put in for decades.
            self._extend(*only(data, *only(data, pos, end, 0xA3)))

    def _extend(self, pos, end):
        data = self.data
        while pos < end:
            a, stop = expect(data, pos, end)
            pos = stop
            b, a = expect(data, a, stop, _OID)
            key = data[b + 2] if a - b == 3 and data[b] == 0x55 and data[b + 1] == 0x1D else 0
            if a < stop and data[a] == _BOOLEAN:
                b, a = expect(data, a, stop, _BOOLEAN)
                # An explicit FALSE is not DER either, as it is the default, but harmless.
                if a - b != 1 or data[b] not in (0, 255):
                    fail("boolean")
                if data[b] and key in (14, 17, 35):
                    self.critical += (key,)
            span = only(data, a, stop, _OCTET_STRING)
            if key:
                if key in self.extensions:
                    fail("the same extension twice")
                self.extensions[key] = span

    def _inside(self, number, tag=0x30):
        """Return (start, stop) of what the extension 2.5.29.`number` consists of, or None."""
        span = self.extensions.get(number)
        return span and only(self.data, span[0], span[1], tag)

    def is_ca(self):
        """Whether basicConstraints says that this certificate may sign others.

        None where it says anything but a plain yes or no.
        """
        pos, stop = self._inside(19) or (0, 0)
        if self.data[pos : min(pos + 3, stop)] == b"\x01\x01\xff":
            return True
        # An explicit FALSE is not DER, but harmless.
        return None if bytes(self.data[pos:stop]) not in (b"", b"\x01\x01\x00") else False

    def key_usage(self):
        """Return keyUsage's first octet (0x80 digitalSignature, 0x04 keyCertSign), or None."""
        span = self._inside(15, _BIT_STRING)
        if not span:
            return None
        a, b = span
        if b - a < 2:
            return 0
        if self.data[b - 1] & (1 << self.data[a]) - 1:
            fail("key usage")  # A bit that is set is not there.
        return self.data[a + 1]

    def extended_key_usage(self):
        """Return the list of key purposes, each the content octets of an OID, or None."""
        span = self._inside(37)
        return span and self._values(span, _OID)

    def dns_names(self):
        """Return the dNSName entries of subjectAltName as a list of bytes, or None without one."""
        span = self._inside(17)
        return span and self._values(span, 0x82)

    def _values(self, span, wanted):
        pos, end = span
        found = []
        while pos < end:
            tag, start, pos = header(self.data, pos, end)
            if tag == wanted:
                found.append(bytes(self.data[start:pos]))
        return found

    def dns_constraints(self):
        """Return (permitted, excluded), lists of bytes: the dNSName subtrees of nameConstraints.

        RFC 5280, 4.2.1.10. None where the certificate constrains no DNS name; `permitted` is
        empty where only exclusions are stated.
        """
        span = self._inside(30)
        if not span:
            return None
        trees = ([], [])
        pos, end = span
        if pos == end:
            fail("name constraints")
        while pos < end:
            tag, sub, pos = header(self.data, pos, end)
            if tag not in (0xA0, 0xA1) or sub == pos:
                fail("name constraints")
            while sub < pos:
                a, sub = expect(self.data, sub, pos)
                kind, a, b = header(self.data, a, sub)
                # minimum or maximum, of which RFC 5280 knows only the defaults; or a DNS name in
                # the wrong form, which would count for nothing.
                if b != sub or kind == 0xA2:
                    fail("name constraints")
                if kind == 0x82:
                    trees[tag & 1].append(bytes(self.data[a:b]))
        return trees if trees[0] or trees[1] else None

    def key_identifiers(self):
        """Return (subjectKeyIdentifier, that of the issuer as stated here), bytes or None."""
        own = self._inside(14, _OCTET_STRING)
        above = self._inside(35)
        above = above and self._values(above, 0x80)
        return own and bytes(self.data[own[0] : own[1]]), above[0] if above else None

    def has_plain_subject(self):
        """Whether the subject is of UTF8String, PrintableString and IA5String, without a NUL."""
        data = self.data
        pos, end = expect(data, *self.subject)
        while pos < end:
            a, pos = expect(data, pos, end, 0x31)
            while a < pos:
                b, a = expect(data, a, pos)
                tag, start, stop = header(data, expect(data, b, a, _OID)[1], a)
                if tag not in b"\x0c\x13\x16" or 0 in bytes(data[start:stop]) or stop != a:
                    return False
        return True

    def key(self):
        """Return the public key as `key` gives it."""
        return key(self.data, *self.spki)

    def has_strong_key(self):
        """Whether the key is RSA of 2,048 bits or more, or on P-256, P-384 or P-521.

        An RSA modulus and exponent are odd, the latter above 1 (RFC 8017, 3.1); a point is not
        compressed (RFC 5480, 2.2). That it is on its curve is for Mbed TLS to check.
        """
        found = self.key()
        if found[0] == "rsa":
            return found[1] >> 2047 > 0 and found[1] & found[2] & 1 > 0 and found[2] > 1
        return found[0] != "" and found[1][:1] == b"\x04"


def key(data, start, stop):
    """Return the key in the SubjectPublicKeyInfo data[start:stop].

    ("rsa", n, e) of ints, (curve name, point bytes), or ("",) for any other.
    """
    a, stop = only(data, start, stop)
    a, end = expect(data, a, stop)
    oid, a = octets(data, a, end)
    start, stop = only(data, end, stop, _BIT_STRING)
    if start == stop or data[start]:
        fail("key")
    if oid == _RSA + b"\x01":
        start, stop = only(data, start + 1, stop)
        n, start = integer(data, start, stop)
        return "rsa", n, integer(data, start, stop)[0]
    if oid == _EC + b"\x02\x01":
        name = _CURVES.get(octets(data, a, end)[0])
        if name:
            return name, bytes(data[start + 1 : stop])
    return ("",)


def _algorithm(oid):
    """Return "rsa-sha256" and the like for the OID of a signature algorithm, or ""."""
    for front, first, name in ((_RSA, 11, "rsa-sha"), (_EC + b"\x04\x03", 2, "ecdsa-sha")):
        which = oid[-1] - first if oid[:-1] == front else 3
        if 0 <= which < 3:
            return name + ("256", "384", "512")[which]
    return ""
