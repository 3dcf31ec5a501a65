"""The trust-anchor file: check it, say what it holds, hand out the anchor that is needed.

Rules kept here (format: docs/bundle-format.md):
- Of the library's, the board's and the field's those that name signers come first, of equals the
  one with the highest version, then the later in this order. None is passed over for being
  damaged. Where updates were installed, `slots` has the last word.
- The file is read from front to back, one anchor at a time; only the anchor that is needed is
  kept. Its SHA-256 is checked in the same pass: nothing that was read is used before. That finds
  damage, not forgery: whoever can write to the flash can write another bundle.
- Any fault is a BundleError. Nothing here ever falls back to fewer checks.
"""

import hashlib

from .der import DerError, const, expect, fail, header, integer, moment, only
from .errors import BundleError, library_file

_INTEGER = const(0x02)
_SEQUENCE = const(0x30)

LEAF_RSA = 0x01
LEAF_ECDSA = 0x02
MAX_SIZE = 8192
_TERMS = const(1024)  # The most bytes of a signed bundle's terms, and of its signature.
_SIGNATURE = const(96)


def by_cable(tidy=None):
    """Return (signed, version, path) of the bundle that came by cable: docs/decisions/0010.

    path: "" if there is none. tidy: called before each is read, where memory matters more than
    time. Raises BundleError if any is damaged.
    """
    best = (False, -1, "")
    for kind in ("", "_board", "_field"):
        path = library_file("roots" + kind + ".bin")
        if path:
            if tidy:
                tidy()
            found = Bundle(path)
            if (found.signed, found.version) >= best[:2]:
                best = (found.signed, found.version, path)
    return best


def name_key(name):
    """Return the 8 bytes under which a Name is looked up, the first of its SHA-256.

    name: bytes-like DER. Enough to find an anchor; nothing is trusted for having it.
    """
    return hashlib.sha256(name).digest()[:8]


def name_keys(data):
    """Return the `name_key` of a certificate's issuer and that of its subject, joined.

    data: bytes-like DER. Raises DerError.
    """
    stop = len(data)
    pos = 0
    for _ in range(2):
        tag, pos, _ = header(data, pos, stop)
        if tag != _SEQUENCE:
            fail("no certificate")
    if pos < stop and data[pos] == 0xA0:  # The version is absent in version 1.
        pos = header(data, pos, stop)[2]
    pos = expect(data, pos, stop, _INTEGER)[1]
    pos = expect(data, pos, stop)[1]
    keys = b""
    for _ in range(2):
        start = pos
        pos = expect(data, pos, stop)[1]
        keys += name_key(data[start:pos])
        if not keys[8:]:
            pos = expect(data, pos, stop)[1]  # Validity is between the two.
    return keys


class Bundle:
    """A bundle on flash that was whole when it was opened.

    path: str; None at first for the one in force, for this host if one is named, at the time `now`
    (a stamp; None is the clock's). mark: bytes, with which its digest begins, if known.
    version: int, rises from bundle to bundle. built_at, not_after: "YYYYMMDDHHMMSS".
    uses: bytes, one for each anchor: its roles and the leaf key types that it can authenticate.
    signed: bool, it is of the format that names signers and bears a signature, which nobody checks
    here: `update` does so before a bundle is installed. base: what `by_cable` returned, where no
    path was given.
    Raises BundleError("bundle_missing") or BundleError("bundle_damaged").
    """

    def __init__(self, path=None, host=None, mark=None, now=None):
        self.signed = False
        if not path:
            self.base = base = by_cable()
            path = base[2]
            if library_file("update_state1.bin") or library_file("update_state0.bin"):
                from .slots import State

                path, _, mark = State(base).in_force(host, now)
        self.path = path
        self._mark = mark
        self.uses = bytes([use for use, _ in self._read()])

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
        entries = self._read()
        try:
            for use, certificate in entries:
                if use & roles:
                    key = name_keys(certificate)[8:]
                    for at in range(0, len(chain), 16):
                        if at <= best and chain[at : at + 8] == key:
                            if at < best:
                                best = at
                                found = []
                            found.append(bytes(certificate))
                            break
        except DerError as error:
            raise self._damaged(error.detail)
        finally:
            entries.close()
        return found

    def anchors(self):
        """Return a list of (use, certificate bytes), in order. For tools and tests."""
        return [(use, bytes(certificate)) for use, certificate in self._read()]

    def _read(self):
        """Yield (use, view of the certificate) for every anchor, in order.

        A view is good until the next step. To be exhausted before anything of it is used: damage
        is noticed at the end. `_note` gets what only a signed bundle has.
        """
        try:
            file = open(self.path, "rb")
        except OSError as error:
            path = self.path or "ats_trust/roots.bin in sys.path"
            raise BundleError("bundle_missing", "%s (OSError %s)" % (path, error.args[0]))
        # One buffer for all, since garbage would lie between what a handshake allocates. The
        # largest of AWS's anchors has 693 bytes; for a larger one of your own it has to grow.
        buffer = bytearray(704)
        digest = None

        def take(start, count):
            """Read on, into the buffer from `start`; return the view up to its end."""
            nonlocal buffer
            if count > size - file.tell():
                fail("cut off")
            if start + count > len(buffer):
                buffer = buffer[:start] + bytearray(count)
            view = memoryview(buffer)[: start + count]
            if file.readinto(view[start:]) != count:
                fail("cut off")
            if digest:
                digest.update(view[start:])
            return view

        def element(tag=None):
            """Return the next element; with a tag, only its header is read: return its end."""
            data = take(0, 2)
            if data[1] > 127:
                data = take(2, data[1] & 3)
            found, start, stop = header(data, 0, len(data), False)
            if not tag:
                return take(start, stop - start)
            if found != tag:
                fail("tag %d" % found)
            return file.tell() + stop - start

        try:
            size = file.seek(0, 2)
            file.seek(0)
            if size > MAX_SIZE or element(_SEQUENCE) != size:
                fail("length")
            digest = hashlib.sha256()
            stop = element(_SEQUENCE)
            data = element()
            signed = data == b"\x02\x01\x02"
            if not signed and data != b"\x02\x01\x01":
                fail("format")
            data = element()
            if len(data) > 10:  # 63 bits.
                fail("version")
            version = integer(data, 0, len(data))[0]
            data = element()
            built_at = moment(data, 0, len(data))[0]
            data = element()
            not_after = moment(data, 0, len(data))[0]
            last = element(_SEQUENCE)
            if last > stop or (last < stop) != signed or file.tell() == last:
                fail("anchors")
            while file.tell() < last:
                end = element(_SEQUENCE)
                data = element()
                use = integer(data, 0, len(data))[0]
                data = element()
                if use & ~0x73 or not (use & 3 and use & 0x70) or file.tell() != end:
                    fail("anchor")
                only(data, 0, len(data))
                yield use, data
            if file.tell() != last:
                fail("anchors")
            if signed:
                self._note(element(), None)
            expected = digest.digest()
            digest = None
            if file.tell() != stop or element() != b"\x04\x20" + expected:
                fail("SHA-256 differs")
            if self._mark and expected[:8] != self._mark:
                fail("not the one that was installed")
            if signed:
                self._note(element(), expected)
            if file.tell() != size:
                fail("trailing bytes")
            self.signed = signed
            self.version, self.built_at, self.not_after = version, built_at, not_after
        except DerError as error:
            raise self._damaged(error.detail)
        except OSError as error:
            raise self._damaged("OSError %s" % error.args[0])
        finally:
            file.close()

    def _note(self, data, digest):
        """Look at the terms of a signed bundle, then at its signature over this digest.

        data: a view that is good until this returns. Here only its form counts: see `signed`.
        """
        only(data, 0, len(data))
        if len(data) > (_SIGNATURE if digest else _TERMS):
            fail("length")

    def _damaged(self, why):
        return BundleError("bundle_damaged", "%s: %s" % (self.path, why))
