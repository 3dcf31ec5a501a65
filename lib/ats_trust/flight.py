"""The stream between Mbed TLS and the socket: it reads along while the server introduces itself.

In TLS 1.2 the server's flight up to its ChangeCipherSpec is in clear. Reading along tells which
certificates were presented even when they are refused, which alert was sent, and how far the
handshake came; and it gives the moment to load the one trust anchor that this chain needs.

Rules kept here:
- What passes is never changed, and nothing is decided: Mbed TLS decides.
- Only the first bytes of each certificate are kept, in one buffer, and it is dropped when the
  handshake is over. From then on this is a plain pass-through.
- No exception leaves `readinto` or `write`, since Mbed TLS stands between us and the caller.
"""

import io
import select

from .bundle import name_key
from .der import DerError
from .x509 import names

_HEAD = 512  # Bytes of a certificate within which both its names must end.
_MOST = 10  # Certificates that are looked at; Mbed TLS refuses longer chains itself.
_GCM = 24  # Bytes that AES-GCM adds to a record in TLS 1.2: RFC 5288, 3.
_POLL = 3
_CLOSE = 4
_EAGAIN = (11, 35, 10035)


class Flight(io.IOBase):
    """Wraps a connected stream socket, or any object with readinto and write.

    on_chain: called once, with the list of issuer keys (bundle.name_key), leaf first, when the
    server's Certificate message has passed and before Mbed TLS gets to see its end.
    What it saw: chain, [(issuer key, subject key)] as presented, leaf first, (b"", b"") for one
    that was not understood; chain_bytes, length of the Certificate message; first, the server's
    first five bytes; alert, the number of its clear-text alert or None; asked, it asked for our
    certificate; answered, writes of ours since the chain; finished, its Finished message passed;
    eof, it hung up; error, the OSError of the socket; fault, the exception that on_chain raised.
    """

    def __init__(self, raw, on_chain):
        self.raw = raw
        # CPython's sockets have other names for the same two.
        self._recv = raw.readinto if hasattr(raw, "readinto") else raw.recv_into
        self._send = raw.write if hasattr(raw, "write") else raw.send
        self._poller = None
        self.chain = []
        self.first = b""
        self.alert = self.fault = self.error = None
        self.chain_bytes = self.answered = 0
        self.asked = self.finished = self.eof = False
        self.links = []  # The Judge's: of use until the handshake goes on after the chain.
        self._record = bytearray(5)  # The header of this record, as far as it has come.
        self._have = 0  # Bytes of it.
        self._left = 0  # Bytes of this record still to come.
        self._changed = False  # ChangeCipherSpec has passed: the rest is encrypted.
        self._sealed = 16  # Bytes of the server's Finished still to come; in one record or more.
        self._fatal = False  # The alert that is coming is one.
        self._head = bytearray(_HEAD)  # The part of a message that is looked at.
        self._filled = 0  # Bytes of it.
        self._script = self._messages(on_chain)
        self._want = next(self._script)  # Bytes until _script goes on; below 0: not looked at.

    def readinto(self, buf):
        """Read into buf as a socket does: the count, 0 at the end, None when it would block."""
        if self.finished and self._script:
            # The handshake is over. Hold Mbed TLS back here, or it would now wait for the first
            # bytes of the application; `release` lets it go on.
            return None
        if self._script and self.links:
            self.links.clear()  # The chain was accepted: make room for what comes now.
        try:
            count = self._recv(buf)
        except Exception as error:  # Nothing may pass through Mbed TLS, whatever `raw` is.
            return self._failed(error)
        if count == 0:
            self.eof = True
        elif count and self._script:
            try:
                self._watch(memoryview(buf)[:count])
            except Exception as error:  # As above; `explain` tells a bug from the rest.
                self.fault = self.fault or error
                return -5
        return count

    def write(self, buf):
        """Write as a socket does."""
        if self.chain and self._script and buf[:1] == b"\x16":  # Handshake, not an alert.
            self.answered += 1
        try:
            return self._send(buf)
        except Exception as error:  # As above.
            return self._failed(error)

    def ioctl(self, request, arg):
        """Answer select.poll for the socket below. Closing that is its owner's business."""
        if request == _POLL:
            return self.poll(arg)
        return 0 if request == _CLOSE else -22

    def poll(self, flags):
        """Return those of the poll flags that are true of the socket now."""
        if self._poller is None:
            self._poller = select.poll()
            self._poller.register(self.raw, flags)
        else:
            self._poller.modify(self.raw, flags)
        ready = self._poller.poll(0)
        return ready[0][1] if ready else 0

    def release(self):
        """Stop watching: the handshake is over, or has failed."""
        self._script = self._head = None

    def _failed(self, error):
        if not isinstance(error, OSError):
            self.fault = self.fault or error
            return -5
        code = error.args[0] if error.args else 0
        if code in _EAGAIN:
            return None
        self.error = error
        if code == "timed out":
            code = 110  # CPython gives no number for it.
        # Mbed TLS passes on what is in this range as it is; EIO stands for anything else.
        return -code if isinstance(code, int) and 0 < code < 256 else -5

    def _watch(self, data):
        """Follow the records through these bytes, in whatever pieces they come."""
        pos = 0
        while pos < len(data) and self._script:
            if not self._left:
                self._record[self._have] = data[pos]
                self._have += 1
                pos += 1
                if self._have == 5:
                    self._begin_record()
                continue
            stop = min(len(data), pos + self._left)
            self._left -= stop - pos
            if not self._changed:
                if self._record[0] == 22:
                    self._feed(data, pos, stop)
                elif self._record[0] == 21:
                    if self._left + stop - pos == 2:
                        self._fatal = data[pos] == 2  # A warning is no end: it is passed over.
                    if self._fatal and not self._left:
                        self.alert = data[stop - 1]
            elif self._record[0] == 22 and not self._left:
                self._sealed -= (self._record[3] << 8 | self._record[4]) - _GCM
                if self._sealed <= 0:
                    self.finished = True
                    return
            pos = stop

    def _begin_record(self):
        if not self.first:
            self.first = bytes(self._record)
        self._have = 0
        self._left = self._record[3] << 8 | self._record[4]
        if self._record[0] == 20:
            self._changed = True
        if not 20 <= self._record[0] <= 23 or self._record[1] != 3:
            self.release()  # Not TLS: Mbed TLS will say so.

    def _feed(self, data, pos, stop):
        """Give the bytes of handshake messages to _script, in the portions that it asks for."""
        while pos < stop and self._script:
            count = min(stop - pos, abs(self._want))
            if self._want > 0:
                self._head[self._filled : self._filled + count] = data[pos : pos + count]
                self._filled += count
                self._want -= count
            else:
                self._want += count
            pos += count
            if not self._want:
                self._filled = 0
                self._want = next(self._script)

    def _messages(self, on_chain):
        """Follow the handshake messages; yields bytes wanted in _head, below 0 to skip."""
        while True:
            yield 4
            kind = self._head[0]
            left = self._number(1)
            if kind == 11 and left >= 3 and not self.chain:
                self.chain_bytes = left
                yield 3
                left -= 3
                while left >= 3:
                    yield 3
                    size = self._number(0)
                    left -= 3 + size
                    if not size or left < 0:
                        break  # Malformed: Mbed TLS will say so.
                    part = min(size, _HEAD)
                    yield part
                    if len(self.chain) < _MOST:
                        self.chain.append(self._names(part))
                    if part < size:
                        yield part - size
                if self.chain:
                    # From here on only headers are looked at: the TLS needs the memory more.
                    self._head = bytearray(4)
                on_chain([issuer for issuer, _ in self.chain])
                left = max(left, 0)
            elif kind == 13:
                self.asked = True
            if left:
                yield -left

    def _number(self, pos):
        return self._head[pos] << 16 | self._head[pos + 1] << 8 | self._head[pos + 2]

    def _names(self, size):
        head = memoryview(self._head)[:size]
        try:
            a, b, c, d = names(head)
        except DerError:
            return b"", b""
        return name_key(head, a, b), name_key(head, c, d)
