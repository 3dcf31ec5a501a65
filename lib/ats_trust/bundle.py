"""The trust-anchor file: check it, say what it holds, hand out the anchor that is needed.

Rules kept here (format: docs/bundle-format.md):
- The file is read through small buffers, never whole; only the anchor that is needed is copied.
- Its SHA-256 is checked on every opening, before a byte of it is believed. That finds damage, not
  forgery: whoever can write to the flash can write another bundle.
- Any fault is a BundleError. Nothing here ever falls back to fewer checks.
"""

import hashlib
import sys

from . import der, x509
from .errors import BundleError

LEAF_RSA = 0x01
LEAF_ECDSA = 0x02
MAX_SIZE = 8192
_HEAD = 512  # Bytes that are read at once; an anchor's subject must end within its first.


def name_key(data, start, stop):
    """Return the short digest under which the DER Name data[start:stop] is looked up.

    Eight bytes of a SHA-256: enough to find an anchor. Nothing is trusted for having it.
    """
    return hashlib.sha256(data[start:stop]).digest()[:8]


def default_path():
    """Return the path of the factory bundle: the first ats_trust/roots.bin in sys.path."""
    for place in sys.path:
        path = (place + "/" if place else "") + "ats_trust/roots.bin"
        try:
            open(path, "rb").close()
            return path
        except OSError:
            pass
    raise BundleError("bundle_missing", "no ats_trust/roots.bin in " + repr(sys.path))


class Bundle:
    """A bundle on flash that was whole when it was opened.

    path: str. version: int, rises from bundle to bundle. built_at, not_after: "YYYYMMDDHHMMSS".
    uses: bytes, one for each anchor: its roles and the leaf key types that it can authenticate.
    Raises BundleError("bundle_missing") or BundleError("bundle_damaged").
    """

    def __init__(self, path=None):
        self.path = path or default_path()
        self._view = None
        uses = []
        file, pos, end = self._open()
        try:
            while pos < end:
                use, _, pos = self._entry(file, pos, end)
                uses.append(use)
        finally:
            self._close(file)
        self.uses = bytes(uses)

    def leaf_types(self, roles):
        """Return the leaf key types that the anchors with one of these roles can authenticate.

        A list of LEAF_RSA and LEAF_ECDSA, in the bundle's order of preference.
        """
        types = []
        for use in self.uses:
            if use & roles:
                for leaf in (LEAF_RSA, LEAF_ECDSA):
                    if use & leaf and leaf not in types:
                        types.append(leaf)
        return types

    def find(self, keys, roles):
        """Return [certificate bytes] of the anchors that can end a chain, or [].

        keys: list of `name_key`, the issuers of the chain from the leaf upward; the anchors with
        the earliest of these names are returned (two only where a name has two keys).
        roles: int, bits; anchors that have none of them are passed over.
        """
        best = len(keys)
        spans = []
        file, pos, end = self._open()
        try:
            while pos < end:
                use, start, pos = self._entry(file, pos, end)
                if use & roles:
                    head = self._look(file, start, min(_HEAD, pos - start))
                    a, b = x509.names(head)[2:]
                    key = name_key(head, a, b)
                    if key in keys and keys.index(key) <= best:
                        if keys.index(key) < best:
                            best = keys.index(key)
                            spans = []
                        spans.append((start, pos))
            return [self._read(file, a, b - a) for a, b in spans]
        except der.DerError as error:
            raise self._damaged(error.detail)
        finally:
            self._close(file)

    def anchors(self):
        """Yield (use, certificate bytes) for every anchor, in order. For tools and self-tests."""
        pos = 0
        for _ in self.uses:
            file, start, end = self._open()
            try:
                use, start, pos = self._entry(file, pos or start, end)
                certificate = self._read(file, start, pos - start)
            finally:
                self._close(file)
            yield use, certificate

    def _open(self):
        """Return (file, first, last position of the anchors) after the whole file was checked."""
        try:
            file = open(self.path, "rb")
        except OSError as error:
            raise BundleError("bundle_missing", "%s (OSError %s)" % (self.path, error.args[0]))
        try:
            return (file,) + self._check(file)
        except der.DerError as error:
            self._close(file)
            raise self._damaged(error.detail)
        except OSError as error:
            self._close(file)
            raise self._damaged("OSError %s" % error.args[0])
        except BaseException:
            self._close(file)
            raise

    def _close(self, file):
        self._view = None  # Half a kilobyte that a handshake needs more.
        file.close()

    def _check(self, file):
        size = file.seek(0, 2)
        if size > MAX_SIZE:
            der.fail("%d bytes are too many" % size)
        pos, end = self._element(file, 0, size, der.SEQUENCE)
        body, stop = self._element(file, pos, end, der.SEQUENCE)
        digest, last = self._element(file, stop, end, der.OCTET_STRING)
        if end != size or last != size or last - digest != 32:
            der.fail("length")

        summer = hashlib.sha256()
        for at in range(pos, stop, _HEAD):
            summer.update(self._look(file, at, min(_HEAD, stop - at)))
        if summer.digest() != self._read(file, digest, 32):
            der.fail("SHA-256 differs")

        head = self._look(file, body, min(64, stop - body))
        number, pos = der.integer(head, 0, len(head))
        if number != 1:
            der.fail("format %d" % number)
        self.version, pos = der.integer(head, pos, len(head))
        self.built_at, pos = der.moment(head, pos, len(head))
        self.not_after, pos = der.moment(head, pos, len(head))
        pos, end = self._element(file, body + pos, stop, der.SEQUENCE)
        if end != stop or pos == end:
            der.fail("anchors")
        return pos, end

    def _entry(self, file, pos, stop):
        """Return (use, certificate start, certificate stop) of the anchor entry at `pos`."""
        try:
            pos, stop = self._element(file, pos, stop, der.SEQUENCE)
            use = der.integer(self._look(file, pos, 3), 0, 3)[0]
            if use & 0x0C or not use & 3 or not use & 0x70:
                der.fail("use %d" % use)
            if self._element(file, pos + 3, stop, der.SEQUENCE)[1] != stop:
                der.fail("anchor")
            return use, pos + 3, stop
        except der.DerError as error:
            raise self._damaged(error.detail)

    def _element(self, file, pos, stop, tag):
        """Return (value start, value stop) in the file of the element at `pos`."""
        head = self._look(file, pos, max(0, min(6, stop - pos)))
        found, start, end = der.header(head, 0, len(head), False)
        if found != tag or pos + end > stop:
            der.fail("tag or length at byte %d" % pos)
        return pos + start, pos + end

    def _look(self, file, pos, count):
        """Return a view of `count` bytes of the file, valid until the next call."""
        if self._view is None:
            self._view = memoryview(bytearray(_HEAD))
        view = self._view[:count]
        try:
            file.seek(pos)
            got = file.readinto(view)
        except OSError as error:
            raise self._damaged("OSError %s" % error.args[0])
        if got != count:
            raise self._damaged("cut off")
        return view

    def _read(self, file, pos, count):
        try:
            file.seek(pos)
            data = file.read(count)
        except OSError as error:
            raise self._damaged("OSError %s" % error.args[0])
        if len(data) != count:
            raise self._damaged("cut off")
        return data

    def _damaged(self, why):
        return BundleError("bundle_damaged", "%s: %s" % (self.path, why))
