"""What a server's certificates say, in words for a person. Only `diagnosis` imports this.

Rules kept here:
- It stands below a connection of a TrustedContext, which verifies as ever, and breaks it off when
  the Certificate message has passed: before Mbed TLS has seen its end, and long before a byte of
  the application could be sent.
- One certificate at a time is kept, in a buffer that is there before the TLS takes its memory; and
  of each a few short lines, of a bounded number of certificates.
- What a server says leaves here through `show`, which hides and bounds it; never as it came.
"""

from .bundle import name_keys
from .der import DerError, const, expect, header
from .flight import Flight
from .preflight import date
from .x509 import Certificate

_OID = const(0x06)
_LONGEST = const(3072)  # Bytes of a certificate. With RSA of 4,096 bits they have 2,000.
_MOST = const(6)  # Certificates that are described.
# The attributes of X.520 that a name is shown with, by the last octet of 2.5.4.n.
_ATTRIBUTES = {3: "CN", 6: "C", 10: "O", 11: "OU"}


class SecondLook(Flight):
    """In a socket's place: `lines` tells of the certificates, when the chain has passed.

    raw: a connected socket with readinto and write. show: callable, bytes or str -> str.
    """

    def __init__(self, raw, show):
        self.lines = []
        self._show = show
        self._issuers = []  # (certificate's number, its issuer's key, the issuer in words)
        self._over = False
        super().__init__(raw, None)
        self._part = bytearray(_LONGEST)

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
        while True:
            yield 4
            kind = self._part[0]
            rest = self._number(1)
            if kind == 11 and rest >= 3:
                number = 0
                yield 3
                rest -= 3
                while rest >= 3:
                    yield 3
                    size = self._number(0)
                    rest -= 3 + size
                    if not size or rest < 0:
                        self.lines.append("the list breaks off")
                        break
                    number += 1
                    if number > _MOST or size > _LONGEST:
                        yield -size
                        self._tell(number, "%d bytes, not looked at" % size)
                    else:
                        yield size
                        self._describe(number, memoryview(self._part)[:size])
                self._over = True
                rest = max(rest, 0)
            if rest:
                yield -rest

    def missing(self, find):
        """Return in words the issuers that were not presented and that `find` has no anchor for.

        find: callable, the key of an issuer's name -> list of anchors.
        """
        subjects = [self.chain[at : at + 8] for at in range(8, len(self.chain), 16)]
        return [
            "the issuer of certificate %d (%s)" % (number, issuer)
            for number, key, issuer in self._issuers
            if key not in subjects and not find(key)
        ]

    def _describe(self, number, data):
        try:
            for line in described(data, self._show, number == 1):
                self._tell(number, line)
            keys = name_keys(data)
            self.chain += keys
            issuer = name(data, Certificate(data).issuer, self._show)
            self._issuers.append((number, keys[:8], issuer))
        except DerError as error:
            self._tell(number, "%d bytes that can not be read: %s" % (len(data), error.detail))

    def _tell(self, number, text):
        self.lines.append("certificate %d: %s" % (number, text))


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
