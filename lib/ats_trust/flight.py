"""The stream between Mbed TLS and the socket: it reads along while the server introduces itself.

In TLS 1.2 the server's flight up to its ChangeCipherSpec is in clear. Reading along tells which
certificates were presented even when they are refused, which alert was sent, and how far the
handshake came; and it gives the moment to load the one trust anchor that this chain needs.

Rules kept here:
- What passes is never changed, and nothing is decided: Mbed TLS decides.
- Of a certificate nothing is kept but the keys of its two names. When the handshake is over this
  is a plain pass-through.
- No exception leaves `readinto` or `write`, since Mbed TLS stands between us and the caller.
"""

import io
import select

from .bundle import name_keys
from .der import DerError

_HEAD = 512  # Bytes of a certificate within which both its names must end.
_MOST = 160  # Bytes of `chain`: Mbed TLS refuses chains that are longer than these ten itself.


class Flight(io.IOBase):
    """Wraps a connected stream socket, or any object with readinto and write.

    on_chain: called once, with `chain`, when the server's Certificate message has passed and
    before Mbed TLS gets to see its end.
    What it saw: chain, the bundle.name_keys of each certificate as presented, leaf first, zeros
    for one that was not understood; chain_bytes, length of the Certificate message; first, the
    server's first five bytes; alert, the number of its clear-text alert or None; asked, it asked
    for our certificate; answered, writes of ours since the chain; finished, its Finished message
    passed; eof, it hung up; error, the OSError of the socket; fault, the exception that on_chain
    raised. links: a Judge's list, emptied as soon as the handshake goes on after the chain.
    """

    def __init__(self, raw, on_chain):
        self.raw = raw
        # CPython's sockets have other names for the same two.
        self._recv = raw.readinto if hasattr(raw, "readinto") else raw.recv_into
        self._send = raw.write if hasattr(raw, "write") else raw.send
        self.chain = self.first = b""
        self.links = self.alert = self.fault = self.error = self._poller = None
        self.chain_bytes = self.answered = 0
        self.asked = self.finished = self.eof = False
        self._records = self._follow(self._messages(on_chain))
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
            count = self._recv(buf)
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
            return self._send(buf)
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
        self._records = None

    def _failed(self, error):
        if not isinstance(error, OSError):
            self.fault = self.fault or error
            return -5
        code = error.args[0] if error.args else 0
        if code in (11, 35, 10035):  # EAGAIN, on all ports.
            return None
        self.error = error
        if code == "timed out":
            code = 110  # CPython gives no number for it.
        # Mbed TLS passes on what is in this range as it is; EIO stands for anything else.
        return -code if isinstance(code, int) and 0 < code < 256 else -5

    def _follow(self, messages):
        """Follow the records; is sent the server's bytes, in whatever pieces they come."""
        want = next(messages)
        part = bytearray(want)
        record = bytearray(5)  # The header of this record.
        have = had = 0  # Bytes of it, and of `part`, that have come.
        left = 0  # Bytes of this record still to come.
        alert = 0
        encrypted = False
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
                        self.first = self.first or bytes(record)
                        left = record[3] << 8 | record[4]
                        if record[0] == 20:  # ChangeCipherSpec
                            encrypted = True
                        if not 20 <= record[0] <= 23 or record[1] != 3:
                            self.release()  # Not TLS: Mbed TLS will say so.
                    continue
                stop = min(len(data), pos + left)
                left -= stop - pos
                if encrypted:
                    if record[0] == 22 and not left:
                        # AES-GCM adds 24 bytes to a record: RFC 5288, 3.
                        sealed -= (record[3] << 8 | record[4]) - 24
                        self.finished = sealed <= 0
                elif record[0] == 21:
                    for octet in data[pos:stop]:
                        alert = alert << 8 & 0xFFFF | octet
                    if alert >> 8 == 2 and not left:  # A warning is no end: it is passed over.
                        self.alert = alert & 255
                elif record[0] == 22:
                    while pos < stop:
                        count = min(stop - pos, abs(want) - had)
                        if want > 0:
                            part[had : had + count] = data[pos : pos + count]
                        had += count
                        pos += count
                        if had == abs(want):
                            had = 0
                            want = messages.send(part)
                            part = bytearray(max(want, 0))
                pos = stop

    def _messages(self, on_chain):
        """Follow the handshake messages; yields bytes to be sent next, below 0 those to skip."""
        while True:
            head = yield 4
            left = int.from_bytes(head[1:], "big")
            if head[0] == 11 and left >= 3 and not self.chain:
                self.chain_bytes = left
                yield 3
                left -= 3
                while left >= 3:
                    head = yield 3
                    size = int.from_bytes(head, "big")
                    left -= 3 + size
                    if not size or left < 0:
                        break  # Malformed: Mbed TLS will say so.
                    head = yield min(size, _HEAD)
                    if len(self.chain) < _MOST:
                        try:
                            self.chain += name_keys(head)
                        except DerError:
                            self.chain += bytes(16)
                    if size > _HEAD:
                        head = None
                        yield _HEAD - size
                on_chain(self.chain)
                left = max(left, 0)
            elif head[0] == 13:  # CertificateRequest
                self.asked = True
            if left:
                yield -left
