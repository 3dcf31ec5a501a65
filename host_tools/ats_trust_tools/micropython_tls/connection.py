"""MicroPython's SSLSocket over OpenSSL: the TLS stream that `wrap_socket` gives.

OpenSSL runs the protocol through two memory buffers and never touches the stream. Records are
read from the stream as Mbed TLS reads them: five bytes, then the rest. The server's Certificate
message is judged by `verdict` before OpenSSL sees it, so that a refusal or the verify_callback
comes where it comes on a board; anchors that the stream loaded on the way count. What Mbed TLS
accepts goes on to OpenSSL, which has the second vote: with CERT_REQUIRED nothing is accepted that
either refuses, save what Mbed TLS does not look at (name constraints, policies and the extended
key usage of a CA).
"""

from __future__ import annotations

import contextlib
import ssl
import time
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from ats_trust_tools.micropython_tls import anchor, records, suites, verdict, x509
from ats_trust_tools.micropython_tls.codes import (
    Alert,
    Code,
    MbedError,
    raise_code,
    raise_refusal,
)

if TYPE_CHECKING:
    from ats_trust_tools.micropython_tls.context import SSLContext


# MicroPython lends out the bytes of a str as well.
Buffer = bytes | bytearray | memoryview | str


class ByteStream(Protocol):
    """MicroPython's stream: both return None when they would block, 0 at the end."""

    def readinto(self, buf: bytearray, /) -> int | None: ...

    def write(self, buf: bytearray, /) -> int | None: ...


class SSLSocket:
    """A TLS 1.2 client. Not made directly: `SSLContext.wrap_socket` does."""

    def __init__(
        self, context: SSLContext, stream: ByteStream, openssl: ssl.SSLContext, host: str | None
    ) -> None:
        self._context = context
        self._stream: Any = stream
        self._host = host
        self._openssl = openssl
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        # OpenSSL gets the name for SNI only; who the server must be is decided in `verdict`.
        self._tls = openssl.wrap_bio(self._incoming, self._outgoing, server_hostname=host or None)
        self._flight = records.Flight()
        self._record = bytearray()
        self._unwritten: list[bytes] = []
        self._owed = 0
        self._established = False
        self._reading = False
        self._leaf: x509.Certificate | None = None
        self._suite = 0
        self._failed = 0

    def handshake(self) -> None:
        """Run the handshake to its end, waiting where the stream would block."""
        while not self._shake():
            time.sleep(0.001)

    def cipher(self) -> tuple[str, str]:
        """(Mbed TLS's name of the suite, "TLSv1.2"); only after the handshake."""
        if not self._established:
            raise OSError("cipher() before the end of the handshake crashes a board")
        return suites.NAME_OF_NUMBER[self._suite], "TLSv1.2"

    def read(self, size: int = -1) -> bytes | None:
        """`size` bytes, fewer at the end or when more would block; None when none came yet."""
        found = bytearray()
        while size < 0 or len(found) < size:
            some = self._read_some(min(size - len(found), 16384) if size >= 0 else 4096)
            if some is None:
                return bytes(found) if found else None
            if not some:
                break
            found += some
        return bytes(found)

    def recv(self, size: int) -> bytes | None:
        """At most `size` bytes: what one record holds."""
        return self._read_some(size)

    def readinto(self, buf: bytearray | memoryview, size: int = -1) -> int | None:
        """Fill `buf`; the number of bytes, fewer only at the end or when more would block."""
        view = memoryview(buf)
        found = self.read(len(view) if size < 0 else min(size, len(view)))
        if found is None:
            return None
        view[: len(found)] = found
        return len(found)

    recv_into = readinto

    def readline(self) -> bytes | None:
        """Bytes up to and with a line feed; what there is at the end or when it would block."""
        found = bytearray()
        while not found.endswith(b"\n"):
            some = self._read_some(1)
            if some is None and not found:
                return None
            if not some:
                break
            found += some
        return bytes(found)

    def write(self, buf: Buffer, *span: int) -> int | None:
        """Write all of it; the number of bytes, fewer or None when the stream would block.

        span: (most bytes) or (offset, most bytes); -1 stands for all.
        """
        data = _bytes(buf)
        *offset, most = span or (-1,)
        data = data[offset[0] if offset else 0 :]
        data = data[: most if most >= 0 else len(data)]
        done = 0
        while done < len(data):
            count = self._write_some(data[done:])
            if count is None:
                return done or None
            done += count
        return done

    sendall = write

    def send(self, buf: Buffer) -> int | None:
        """Write one record at most."""
        data = _bytes(buf)
        return self._write_some(data) if len(data) else 0

    def setblocking(self, flag: bool) -> None:
        self._stream.setblocking(flag)

    def close(self) -> None:
        """Close the stream below. Says nothing to the server, as on a board.

        After a refusal it does nothing: the stream below then belongs to the caller again.
        """
        stream, self._stream = self._stream, None
        if stream is None:
            return
        self._failed = self._failed or Code.SSL_BAD_INPUT_DATA
        stream.close()

    # The handshake, then one record in either direction.

    def _shake(self) -> bool:
        """Go on with the handshake; False where the stream would block."""
        if self._failed:
            raise_code(self._failed)
        while not self._established:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                if not self._flush() or not self._take_record():
                    return False
            except ssl.SSLError as error:
                self._give_up(MbedError(_code_of(error, self._leaf)))
            else:
                self._check_leaf()
                self._established = True
        return True

    def _read_some(self, size: int) -> bytes | None:
        if size == 0:
            return b""
        self._reading = True
        try:
            if not self._shake():
                return None
            while True:
                try:
                    return self._tls.read(size)
                except ssl.SSLWantReadError:
                    if not self._take_record():
                        return None
        except (ssl.SSLZeroReturnError, _EndOfData):
            return b""
        except ssl.SSLError as error:
            self._give_up(MbedError(_code_of(error, None)))
        finally:
            self._reading = False

    def _write_some(self, data: memoryview) -> int | None:
        if not self._shake():
            return None
        if not self._owed:
            self._owed = min(len(data), _MOST_OUT)
            try:
                self._tls.write(data[: self._owed])
            except ssl.SSLError as error:
                self._give_up(MbedError(_code_of(error, None)))
        if not self._flush():
            return None
        count, self._owed = self._owed, 0
        return count

    def _flush(self) -> bool:
        """Write what OpenSSL has ready, a record at a time; False where it would block."""
        if self._stream is None:
            raise_code(self._failed)
        if self._outgoing.pending:
            self._unwritten += records.split(self._outgoing.read())
        while self._unwritten:
            count = self._stream.write(bytearray(self._unwritten[0]))
            if count is None:
                return False
            if count < 0:
                self._unwritten.clear()  # Nothing more can be told to the server, no alert either.
                self._give_up(MbedError(count))
            self._unwritten[0] = self._unwritten[0][count:]
            if not self._unwritten[0]:
                del self._unwritten[0]
        return True

    def _take_record(self) -> bool:
        """Read one record and pass it on to OpenSSL; False where the stream would block."""
        try:
            if not self._fill(records.HEADER_BYTES):
                return False
            header = bytes(self._record[: records.HEADER_BYTES])
            if not self._fill(records.HEADER_BYTES + records.content_length(header)):
                return False
            record, self._record = bytes(self._record), bytearray()
            for kind, body, again in self._flight.messages(record):
                if kind == records.SERVER_HELLO:
                    self._suite = records.cipher_suite(body)
                elif kind == records.CERTIFICATE:
                    self._judge(body)
                self._incoming.write(again)
        except MbedError as error:
            # As on a board, to a reader a connection that only stops is one that was closed.
            ends = Code.SSL_CONN_EOF if self._established else Code.SSL_PEER_CLOSE_NOTIFY
            if self._reading and error.code == ends:
                raise _EndOfData from None
            self._give_up(error)
        return True

    def _fill(self, wanted: int) -> bool:
        while len(self._record) < wanted:
            room = bytearray(wanted - len(self._record))
            count = self._stream.readinto(room)
            if count is None:
                return False
            if count < 0:
                raise MbedError(count)
            if count == 0:
                raise MbedError(Code.SSL_CONN_EOF)
            self._record += room[:count]
        return True

    # The server's certificates.

    def _judge(self, body: bytes) -> None:
        """Decide on the Certificate message; returns only if the handshake may go on."""
        if self._leaf is not None:
            raise MbedError(Code.SSL_UNEXPECTED_MESSAGE, Alert.UNEXPECTED_MESSAGE)
        presented = verdict.parse_all(records.certificates(body))
        self._leaf = presented[0]
        path = verdict.judge(presented, self._suite, self._context, self._host, time.time())
        # OpenSSL checks for itself, now that it has an anchor.
        try:
            for der in anchor.for_path(path):
                self._openssl.load_verify_locations(cadata=der)
        except ssl.SSLError:
            raise MbedError(Code.SSL_BAD_CERTIFICATE, Alert.BAD_CERTIFICATE) from None

    def _check_leaf(self) -> None:
        """The certificate whose key OpenSSL has seen proved must be the one that was judged."""
        der = self._tls.getpeercert(binary_form=True)
        if self._leaf is None or der != self._leaf.raw:
            self._give_up(MbedError(Code.SSL_BAD_CERTIFICATE))

    def _give_up(self, error: MbedError) -> NoReturn:
        """End the connection with an alert, and raise what MicroPython raises."""
        self._failed = error.code
        # A stream that would block or fails loses the alert, as on a board.
        with contextlib.suppress(OSError):
            if error.alert:
                self._stream.write(bytearray(records.alert_record(error.alert)))
            else:
                self._flush()  # OpenSSL's alert, if it has one
        if not self._established and error.code != Code.SSL_CONN_EOF:
            self._stream = None
        if error.flags:
            raise_refusal(error.flags)
        raise_code(error.code)


class _EndOfData(Exception):
    """What a reader sees as the end."""


# Mbed TLS's buffer for what goes out, in MicroPython's configuration.
_MOST_OUT = 4096

_REASONS = {
    "BAD_SIGNATURE": Code.RSA_VERIFY_FAILED,
    "UNSUPPORTED_PROTOCOL": Code.SSL_BAD_PROTOCOL_VERSION,
    "WRONG_SSL_VERSION": Code.SSL_BAD_PROTOCOL_VERSION,
    "WRONG_VERSION_NUMBER": Code.SSL_INVALID_RECORD,
    "UNEXPECTED_MESSAGE": Code.SSL_UNEXPECTED_MESSAGE,
    "UNKNOWN_CIPHER_RETURNED": Code.SSL_ILLEGAL_PARAMETER,
    "WRONG_CIPHER_RETURNED": Code.SSL_ILLEGAL_PARAMETER,
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": Code.SSL_INVALID_MAC,
    "DIGEST_CHECK_FAILED": Code.SSL_HANDSHAKE_FAILURE,
    "LENGTH_MISMATCH": Code.SSL_DECODE_ERROR,
    "BAD_EXTENSION": Code.SSL_DECODE_ERROR,
}


def _code_of(error: ssl.SSLError, leaf: x509.Certificate | None) -> int:
    reason = error.reason or ""
    if reason == "CERTIFICATE_VERIFY_FAILED":
        return Code.SSL_BAD_CERTIFICATE
    if "ALERT" in reason:
        return Code.SSL_FATAL_ALERT_MESSAGE
    code = _REASONS.get(reason, Code.SSL_HANDSHAKE_FAILURE)
    if code == Code.RSA_VERIFY_FAILED and leaf and not leaf.signature_is_rsa:
        return Code.ECP_VERIFY_FAILED
    return code


def _bytes(buf: Buffer) -> memoryview:
    return memoryview(buf.encode() if isinstance(buf, str) else buf).cast("B")
