"""What only a signed bundle has: its terms and its signature. Read by `update` and `slots`.

Format: docs/bundle-format.md. The terms are as well protected by the bundle's SHA-256 as its
anchors; the signature is checked when an update is installed, and then the file is believed.
"""

import hashlib

from .bundle import Bundle
from .der import const, expect, fail, moment, octets, only
from .endpoint import oddity

_BOOLEAN = const(0x01)
_OCTET_STRING = const(0x04)
_UTF8_STRING = const(0x0C)
_POINT = const(65)  # Bytes of an uncompressed point on P-256 (SEC 1, 2.3.3).
MAX_ENDPOINTS = 4


def key_id(point):
    """Return the 8 bytes by which a signer's key is named: the first of its point's SHA-256."""
    return hashlib.sha256(point).digest()[:8]


class SignedBundle(Bundle):
    """A Bundle that names signers.

    expires: "YYYYMMDDHHMMSS", it is not installed later. distrust: bool, anchors and signers that
    it leaves out are never gone back to. signers: list of two points on P-256 (bytes), which may
    sign what replaces it. endpoints: list of str, the host names that prove it. digest: bytes,
    the SHA-256 that was signed. signer: bytes, the `key_id` of whoever signed. signature: bytes.
    Raises BundleError as Bundle does; "bundle_damaged" also for one without signers.
    """

    def __init__(self, *path):
        super().__init__(*path)
        if not self.signed:
            raise self._damaged("not signed")

    def _note(self, data, digest):
        super()._note(data, digest)
        start, stop = only(data, 0, len(data))
        if digest:
            self.digest = digest
            self.signer, start = octets(data, start, stop, _OCTET_STRING)
            self.signature, start = octets(data, start, stop, _OCTET_STRING)
            if start != stop or len(self.signer) != 8:
                fail("signature")
            return
        self.expires, start = moment(data, start, stop)
        flag, start = octets(data, start, stop, _BOOLEAN)
        if flag not in (b"\x00", b"\xff"):
            fail("boolean")
        self.distrust = flag != b"\x00"
        self.signers, start = _list(data, start, stop, _OCTET_STRING)
        if [len(point) for point in self.signers] != [_POINT, _POINT] or len(
            set(self.signers)
        ) < 2:
            fail("signers")
        names, start = _list(data, start, stop, _UTF8_STRING)
        if start != stop or not 0 < len(set(names)) == len(names) <= MAX_ENDPOINTS:
            fail("endpoints")
        if any(oddity(name) for name in names):  # Also what is no UTF-8.
            fail("an endpoint that is no host name")
        self.endpoints = [name.decode() for name in names]

    def leaves_out(self, old):
        """Return whether `old`, a SignedBundle, trusts an anchor or signer that this does not."""
        mine = self._trusted()
        return any(each not in mine for each in old._trusted())

    def _trusted(self):
        anchors = [(use, hashlib.sha256(anchor).digest()) for use, anchor in self._read()]
        return anchors + self.signers


def _list(data, start, stop, tag):
    """Return (list of bytes, position after it) of a SEQUENCE whose elements are all a `tag`."""
    start, stop = expect(data, start, stop)
    found = []
    while start < stop:
        value, start = octets(data, start, stop, tag)
        found.append(value)
    return found, stop
