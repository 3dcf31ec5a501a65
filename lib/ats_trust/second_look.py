"""What a server's certificates say, in words for a person. Only `diagnosis` imports this.

Rules kept here:
- It stands below a connection of a TrustedContext, which verifies as ever, and breaks it off when
  the Certificate message has passed: before Mbed TLS has seen its end, and long before a byte of
  the application could be sent.
- Of the chain a bounded part is kept, and only looked at when the connection is over: within it
  there is neither the memory for that nor, on a board, the stack.
- What a server says leaves here through `show`, which hides and bounds it; never as it came.
"""

from .bundle import name_keys
from .der import DerError, const, expect, header
from .flight import Flight
from .preflight import date
from .x509 import Certificate

_OID = const(0x06)
_LONGEST = const(3072)  # Bytes of a certificate. With RSA of 4,096 bits they have 2,000.
_MOST = const(6)  # Certificates that are kept.
# The attributes of X.520 that a name is shown with, by the last octet of 2.5.4.n.
_ATTRIBUTES = {3: "CN", 6: "C", 10: "O", 11: "OU"}


class SecondLook(Flight):
    """In a socket's place: it keeps the certificates that the server presents.

    raw: a connected socket with readinto and write.
    certificates: the chain as presented; DER, or the length of one that was not kept.
    """

    def __init__(self, raw):
        self.certificates = []
        self._over = False
        super().__init__(raw, None)

    def readinto(self, buf):
        """As a socket does, up to the end of the chain; then it fails."""
        count = super().readinto(buf)
        if self._over:
            raise OSError(103)  # ECONNABORTED
        if count is not None and count < 0:
            raise OSError(-count)
        return count

    def close(self):
        """Close the socket below."""
        self.raw.close()

    def _read(self, on_chain):
        """As Flight does, but with each certificate as a whole."""
        small = self._part
        while True:
            yield 4
            kind = self._part[0]
            rest = self._number(1)
            if kind == 11 and rest >= 3:
                yield 3
                rest -= 3
                while rest >= 3:
                    yield 3
                    size = self._number(0)
                    rest -= 3 + size
                    if not size or rest < 0:
                        break
                    if len(self.certificates) < _MOST and size <= _LONGEST:
                        self._part = bytearray(size)
                        yield size
                        self.certificates.append(self._part)
                        self._part = small
                    else:
                        yield -size
                        if len(self.certificates) < 2 * _MOST:
                            self.certificates.append(size)
                self._over = True
                rest = max(rest, 0)
            if rest:
                yield -rest

    def tell(self, find, show):
        """Yield lines of words on each certificate, then on the issuers that are missing.

        find: callable, the key of an issuer's name -> list of anchors. show: callable, bytes or
        str -> str.
        """
        known = []
        wanted = []
        for number, data in enumerate(self.certificates, 1):
            start = "certificate %d: " % number
            if isinstance(data, int):
                yield start + "%d bytes, not looked at" % data
                continue
            try:
                for line in described(data, show, number == 1):
                    yield start + line
                keys = name_keys(data)
                known.append(keys[8:])
                issuer = name(data, Certificate(data).issuer, show)
                wanted.append((number, keys[:8], issuer))
            except DerError as error:
                yield start + "%d bytes that can not be read: %s" % (len(data), error.detail)
        for number, key, issuer in wanted:
            if key not in known and not find(key):
                yield "missing: the issuer of certificate %d, %s" % (number, issuer)


def described(data, show, leaf=False):
    """Yield the lines that describe a certificate. Raises DerError.

    data: bytes-like DER. show: callable, bytes or str -> str. leaf: with the names that it is for.
    """
    certificate = Certificate(data)
    yield "subject " + name(data, certificate.subject, show)
    yield "issuer " + name(data, certificate.issuer, show)
    yield "%s to %s, key %s, signature %s, %d bytes" % (
        date(certificate.not_before),
        date(certificate.not_after),
        key_kind(certificate),
        certificate.algorithm or "of another kind",
        len(data),
    )
    if leaf:
        names = certificate.dns_names() or []
        shown = [show(each) for each in names[:4]]
        yield "for %s%s" % (
            ", ".join(shown) or "no name in subjectAltName",
            " and %d more" % (len(names) - 4) if len(names) > 4 else "",
        )
    # 2.5.29.30 with the mark that it is critical. Mbed TLS refuses any chain that has one.
    if bytes(data).find(b"\x06\x03\x55\x1d\x1e\x01\x01\xff") >= 0:
        yield "has critical name constraints, which Mbed TLS can not check"


def key_kind(certificate):
    """Return a certificate's kind of key: "rsa 2048", "secp256r1", "of another kind"."""
    found = certificate.key()
    if found[0] != "rsa":
        return found[0] or "of another kind"
    rest = found[1]
    bits = 0
    for step in (512, 1):  # Large numbers are slow on a board.
        while rest >> step or step == 1 and rest:
            rest >>= step
            bits += step
    return "rsa %d" % bits


def name(data, span, show):
    """Return the Name at data[span[0]:span[1]] as CN="...", O="...". Raises DerError."""
    pos, end = expect(data, *span)
    parts = []
    while pos < end:
        a, pos = expect(data, pos, end, 0x31)
        while a < pos:
            b, a = expect(data, a, pos)
            start, b = expect(data, b, a, _OID)
            oid = bytes(data[start:b])
            tag, start, stop = header(data, b, a)
            label = _ATTRIBUTES.get(oid[2]) if oid[:2] == b"\x55\x04" and len(oid) == 3 else None
            if label and len(parts) < 6:
                # UTF8String, PrintableString, TeletexString, IA5String; others are not text.
                text = show(data[start:stop]) if tag in b"\x0c\x13\x14\x16" else "(tag %d)" % tag
                parts.append('%s="%s"' % (label, text))
    return ", ".join(parts) or "without CN, O, OU and C"
