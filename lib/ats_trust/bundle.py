"""The trust-anchor file: check it, say what it holds, hand out the anchor that is needed.

Rules kept here (format: docs/bundle-format.md):
- The file is read from front to back, one anchor at a time; only the anchor that is needed is
  kept. Its SHA-256 is checked in the same pass: nothing that was read is used before. That finds
  damage, not forgery: whoever can write to the flash can write another bundle.
- Any fault is a BundleError. Nothing here ever falls back to fewer checks.
"""

import hashlib

from . import der
from .errors import BundleError, library_file

LEAF_RSA = 0x01
LEAF_ECDSA = 0x02
MAX_SIZE = 8192


def name_keys(data):
    """Return the keys of a certificate's issuer and of its subject, 8 bytes each, joined.

    data: bytes-like DER, a certificate or its first part, as long as it holds both names.
    A key is the first part of the name's SHA-256: enough to look it up. Nothing is trusted for
    having it. Raises DerError.
    """
    stop = len(data)
    pos = 0
    for _ in range(2):
        tag, pos, _ = der.header(data, pos, stop, False)
        if tag != der.SEQUENCE:
            der.fail("no certificate")
    if pos < stop and data[pos] == 0xA0:  # The version is absent in version 1.
        pos = der.header(data, pos, stop)[2]
    pos = der.expect(data, pos, stop, der.INTEGER)[1]
    pos = der.expect(data, pos, stop, der.SEQUENCE)[1]
    keys = b""
    for _ in range(2):
        start = pos
        pos = der.expect(data, pos, stop, der.SEQUENCE)[1]
        keys += hashlib.sha256(data[start:pos]).digest()[:8]
        if not keys[8:]:
            pos = der.expect(data, pos, stop, der.SEQUENCE)[1]  # Validity is between the two.
    return keys


class Bundle:
    """A bundle on flash that was whole when it was opened.

    path: str; None at first for the factory's. version: int, rises from bundle to bundle. built_at, not_after: "YYYYMMDDHHMMSS".
    uses: bytes, one for each anchor: its roles and the leaf key types that it can authenticate.
    Raises BundleError("bundle_missing") or BundleError("bundle_damaged").
    """

    def __init__(self, path=None):
        self.path = path or library_file("roots.bin")
        self.uses = bytes([use for use, _ in self.anchors()])

    def leaf_types(self, roles):
        """Return the leaf key types that the anchors with one of these roles can authenticate.

        A list of LEAF_RSA and LEAF_ECDSA, in the bundle's order of preference.
        """
        types = []
        for use in self.uses:
            for leaf in (LEAF_RSA, LEAF_ECDSA):
                if use & roles and use & leaf and leaf not in types:
                    types.append(leaf)
        return types

    def find(self, chain, roles):
        """Return [certificate bytes] of the anchors that can end a chain, or [].

        chain: bytes, `name_keys` of its certificates from the leaf upward; the anchors that the
        first such issuer names are returned (two only where a name has two keys).
        roles: int, bits; anchors that have none of them are passed over.
        """
        best = len(chain)
        found = []
        for use, certificate in self.anchors():
            if use & roles:
                try:
                    key = name_keys(certificate)[8:]
                except der.DerError as error:
                    raise self._damaged(error.detail)
                for at in range(0, len(chain), 16):
                    if at <= best and chain[at : at + 8] == key:
                        if at < best:
                            best = at
                            found = []
                        found.append(certificate)
                        break
        return found

    def anchors(self):
        """Yield (use, certificate bytes) for every anchor, in order.

        To be exhausted before anything of it is used: damage is noticed at the end.
        """
        try:
            file = open(self.path, "rb")
        except OSError as error:
            path = self.path or "ats_trust/roots.bin in sys.path"
            raise BundleError("bundle_missing", "%s (OSError %s)" % (path, error.args[0]))
        digest = None

        def take(count):
            if count > size - file.tell():
                der.fail("cut off")
            data = file.read(count)
            if digest:
                digest.update(data)
            return data

        def head():
            data = take(2)
            if data[1] > 127:
                data += take(data[1] & 3)
            return (data,) + der.header(data, 0, len(data), False)

        def enter():
            """Read the header of a SEQUENCE; return its end in the file."""
            _, tag, start, stop = head()
            if tag != der.SEQUENCE:
                der.fail("tag %d" % tag)
            return file.tell() + stop - start

        def element():
            data, _, start, stop = head()
            return data + take(stop - start)

        try:
            size = file.seek(0, 2)
            file.seek(0)
            if size > MAX_SIZE or enter() != size:
                der.fail("length")
            digest = hashlib.sha256()
            stop = enter()
            if element() != b"\x02\x01\x01":
                der.fail("format")
            data = element()
            if len(data) > 10:  # 63 bits.
                der.fail("version")
            self.version = der.integer(data, 0, len(data))[0]
            for name in ("built_at", "not_after"):
                data = element()
                setattr(self, name, der.moment(data, 0, len(data))[0])
            if enter() != stop or file.tell() == stop:
                der.fail("anchors")
            while file.tell() < stop:
                end = enter()
                data = element()
                use = der.integer(data, 0, len(data))[0]
                data = element()
                if (
                    use & ~0x73
                    or not use & 3
                    or not use & 0x70
                    or data[0] != der.SEQUENCE
                    or file.tell() != end
                ):
                    der.fail("anchor")
                yield use, data
            data = b"\x04\x20" + digest.digest()
            digest = None
            if file.tell() != stop or element() != data or file.tell() != size:
                der.fail("SHA-256 differs")
        except der.DerError as error:
            raise self._damaged(error.detail)
        except OSError as error:
            raise self._damaged("OSError %s" % error.args[0])
        finally:
            file.close()

    def _damaged(self, why):
        return BundleError("bundle_damaged", "%s: %s" % (self.path, why))
