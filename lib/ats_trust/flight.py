"""The stream between Mbed TLS and the socket: it reads along while the server introduces itself.

In TLS 1.2 the server's flight up to its ChangeCipherSpec is in clear. Reading along tells which
certificates were presented even when they are refused, which alert was sent, and how far the
handshake came; and it gives the moment to load the one trust anchor that this chain needs.

Rules kept here:
- What passes is never changed, and nothing is decided: Mbed TLS decides.
- Of a certificate nothing is kept but the keys of its two names, and they are made from the bytes
  as they pass. When the handshake is over this is a plain pass-through.
- No exception leaves `readinto` or `write`, since Mbed TLS stands between us and the caller; but
  for those that end the program (KeyboardInterrupt), after which all is closed.
- What is alive when the chain has passed is heap that the TLS lacks to verify it, and what was
  made in between splits what is free. A generator's frame holds on to all that it worked with.
"""

import hashlib
import io
import select

from . import der

_MOST = 160  # Bytes of `chain`: Mbed TLS refuses chains that are longer than these ten itself.
# The tags of a certificate up to its subject: two to enter, version, serial number, algorithm,
# issuer, validity, subject.
_PARTS = b"\x30\x30\xa0\x02\x30\x30\x30\x30"


class Flight(io.IOBase):
    """Wraps a connected stream socket, or any object with readinto and write.

    on_chain: called with `chain` when the server's Certificate message has passed and before
    Mbed TLS gets to see its end; again only after an empty one, which Mbed TLS refuses.
    What it saw: chain, the bundle.name_keys of each certificate as presented, leaf first, zeros
    for one that was not understood; oversized, length of a Certificate message that no board can
    read, or 0; not_tls, the first five bytes of a server that does not speak TLS; alert, the
    number of its clear-text alert or None; asked, it asked for our certificate; answered, writes
    of ours since the chain; finished, its Finished message passed; eof, it hung up; error, the
    OSError of the socket; fault, the exception that on_chain raised.
    links: a Judge's list, emptied as soon as the handshake goes on after the chain.
    """

    # Of the class, so that an object takes no heap for what most servers never show.
    not_tls = b""
    links = alert = fault = error = _poller = _digest = None
    oversized = answered = 0
    asked = finished = eof = False

    def __init__(self, raw, on_chain):
        self.raw = raw
        self.chain = b""
        self._part = bytearray(5)  # What is looked at: the header of a message or an element.
        self._had = 0  # Bytes that have come of those that _messages wants.
        self._messages = self._read(on_chain)
        self._want = next(self._messages)
        self._records = self._follow()  # None once the handshake is over.
        next(self._records)

    def readinto(self, buf):
        """Read into buf as a socket does: the count, 0 at the end, None when it would block."""
        watched = self._records
        if watched:
            if self.finished:
                # The handshake is over. Hold Mbed TLS back here, or it would now wait for the
                # first bytes of the application; `release` lets it go on.
                return None
            if self.links:
                self.links.clear()  # The chain was accepted: make room for what comes now.
        try:
            count = self.raw.readinto(buf)
        except Exception as error:  # Nothing may pass through Mbed TLS, whatever `raw` is.
            return self._failed(error)
        if count == 0:
            self.eof = True
        elif count and watched:
            try:
                watched.send(memoryview(buf)[:count])
            except Exception as error:  # As above; `explain` tells a bug from the rest.
                self.fault = self.fault or error
                return -5
        return count

    def write(self, buf):
        """Write as a socket does."""
        if self.chain and self._records and buf[:1] == b"\x16":  # Handshake, not an alert.
            self.answered += 1
        try:
            return self.raw.write(buf)
        except Exception as error:  # As above.
            return self._failed(error)

    def ioctl(self, request, arg):
        """Answer select.poll for the socket below. Closing that is its owner's business."""
        if request == 3:  # MP_STREAM_POLL
            return self.poll(arg)
        return 0 if request == 4 else -22  # MP_STREAM_CLOSE; EINVAL.

    def poll(self, flags):
        """Return those of the poll flags that are true of the socket now."""
        poller = self._poller
        if not poller:
            self._poller = poller = select.poll()
            poller.register(self.raw, flags)
        poller.modify(self.raw, flags)
        ready = poller.poll(0)
        return ready[0][1] if ready else 0

    def release(self):
        """Stop watching: the handshake is over, or has failed."""
        self._records = self._messages = None

    def _failed(self, error):
        if not isinstance(error, OSError):
            self.fault = self.fault or error
            return -5
        code = error.args[0] if error.args else 0
        if code in (11, 35, 10035):  # EAGAIN, on all ports.
            return None
        self.error = error
        # Mbed TLS passes on what is in this range as it is; EIO stands for anything else.
        return -code if isinstance(code, int) and 0 < code < 256 else -5

    def _follow(self):
        """Follow the records; is sent the server's bytes, in whatever pieces they come."""
        record = bytearray(5)  # The header of this record.
        have = left = 0  # Bytes of it that have come; bytes of the record still to come.
        alert = 0
        begun = encrypted = False
        sealed = 16  # Bytes of the server's Finished still to come; in one record or more.
        while True:
            data = yield
            pos = 0
            while pos < len(data) and self._records:
                if not left:
                    record[have] = data[pos]
                    pos += 1
                    have = (have + 1) % 5
                    if not have:
                        left = record[3] << 8 | record[4]
                        alert = 0
                        if record[0] == 20:  # ChangeCipherSpec
                            encrypted = True
                        if not 20 <= record[0] <= 23 or record[1] != 3:
                            if not begun:
                                self.not_tls = bytes(record)
                            self.release()  # Mbed TLS will say so.
                        begun = True
                    continue
                stop = min(len(data), pos + left)
                left -= stop - pos
                if encrypted:
                    if record[0] == 22 and not left:
                        # AES-GCM adds 24 bytes to a record: RFC 5288, 3.
                        sealed -= (record[3] << 8 | record[4]) - 24
                        self.finished = self.finished or sealed <= 0
                elif record[0] == 21:
                    for octet in data[pos:stop]:
                        alert = alert << 8 & 0xFFFF | octet
                    if alert >> 8 == 2 and not left:  # A warning is no end: it is passed over.
                        self.alert = alert & 255
                elif record[0] == 22:
                    self._feed(data[pos:stop])
                pos = stop

    def _feed(self, data):
        """Give the bytes of handshake messages to _messages, in the portions that it asks for."""
        pos = 0
        while pos < len(data):
            want = self._want
            stop = min(len(data), pos + abs(want) - self._had)
            if want > 0:
                self._part[self._had : self._had + stop - pos] = data[pos:stop]
            elif self._digest:
                self._digest.update(data[pos:stop])
            self._had += stop - pos
            pos = stop
            if self._had == abs(want):
                self._had = 0
                self._want = next(self._messages)

    def _read(self, on_chain):
        """Follow the messages; yields how many bytes to put into _part, below 0 to pass over."""
        while True:
            yield 4
            kind = self._part[0]
            rest = self._number(1)
            if kind == 11 and rest >= 3 and not self.chain:
                if rest > 16384:
                    self.oversized = rest
                yield 3
                rest -= 3
                while rest >= 3:
                    yield 3
                    left = self._number(0)
                    rest -= 3 + left
                    if not left or rest < 0:
                        break  # Malformed: Mbed TLS will say so.
                    at = 0
                    while at < len(_PARTS) and left >= 5:
                        yield 2
                        size = self._part[1]
                        size = 2 + (size & 3 if size > 127 else 0)
                        if size > 2:
                            self._had = 2
                            yield size
                        left -= size
                        at, size = self._enter(at, size)
                        if size > left:
                            at = 9
                        elif size:
                            yield -size
                            left -= size
                    self._note(at == len(_PARTS))
                    if left:
                        yield -left
                on_chain(self.chain)
                rest = max(rest, 0)
            elif kind == 13:  # CertificateRequest
                self.asked = True
            if rest:
                yield -rest

    def _number(self, pos):
        return int.from_bytes(self._part[pos : pos + 3], "big")

    def _enter(self, at, size):
        """Look at the element whose header is in _part, number `at` of _PARTS.

        Returns the number of the next one, above the last if it is not this, and how many bytes
        come before it.
        """
        self._close()
        try:
            tag, start, stop = der.header(self._part, 0, size, False)
        except der.DerError:
            return 9, 0
        if at == 2 and tag != _PARTS[2]:
            at = 3  # The version is absent in version 1.
        if tag != _PARTS[at]:
            return 9, 0
        if at in (5, 7):
            self._digest = hashlib.sha256(self._part[:size])
        return at + 1, stop - start if at > 1 else 0

    def _close(self):
        """Add the digest of a name that has passed to the chain."""
        if self._digest:
            self.chain += self._digest.digest()[:8]
            self._digest = None

    def _note(self, whole):
        """A certificate has passed, up to its subject at least. whole: it was understood."""
        if whole:
            self._close()
        else:
            self._digest = None
            self.chain = self.chain[: len(self.chain) // 16 * 16] + bytes(16)
        self.chain = self.chain[:_MOST]
