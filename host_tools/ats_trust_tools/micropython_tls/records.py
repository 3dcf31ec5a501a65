"""What goes over the wire before encryption: records, and the handshake messages in them.

The server's first flight is readable in TLS 1.2. `Flight` takes its records and hands back one
handshake message at a time, each as a record of its own, so that the caller can look at the
Certificate message before anything else sees it.
"""

from __future__ import annotations

from ats_trust_tools.micropython_tls.codes import Alert, Code, MbedError
from ats_trust_tools.micropython_tls.suites import NAME_OF_NUMBER

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
HELLO_REQUEST, SERVER_HELLO, CERTIFICATE, SERVER_HELLO_DONE = 0, 2, 11, 14
HEADER_BYTES = 5


def content_length(header: bytes) -> int:
    """Bytes that follow this record header; refuses what is no record of TLS 1.2 or before."""
    length = int.from_bytes(header[3:5], "big")
    if not CHANGE_CIPHER_SPEC <= header[0] <= APPLICATION_DATA:
        raise MbedError(Code.SSL_INVALID_RECORD)
    if header[1] != 3 or header[2] > 3 or not length:
        raise MbedError(Code.SSL_INVALID_RECORD)
    if length > _MOST_CONTENT + _MOST_EXPANSION:
        raise MbedError(Code.SSL_BAD_INPUT_DATA)  # more than Mbed TLS's buffer holds
    return length


def alert_record(number: int) -> bytes:
    """A fatal alert, not encrypted."""
    return bytes((ALERT, 3, 3, 0, 2, 2, number))


def split(data: bytes) -> list[bytes]:
    """Whole records, one by one: Mbed TLS writes them so."""
    records = []
    while data:
        end = HEADER_BYTES + int.from_bytes(data[3:5], "big")
        records.append(data[:end])
        data = data[end:]
    return records


class Flight:
    """Puts the server's readable handshake messages together again."""

    def __init__(self) -> None:
        self.encrypted = False
        self._partial = b""
        self._hello = False
        self._done = False

    def messages(self, record: bytes) -> list[tuple[int, bytes, bytes]]:
        """(type, body, records to pass on) of every message that this record completes.

        Type -1 stands for a record that carries no readable handshake message.
        """
        if self.encrypted:
            return [(-1, b"", record)]
        if record[0] != HANDSHAKE:
            self._other(record)
            return [(-1, b"", record)]
        if self._partial and len(self._partial) + len(record) > _MOST_CONTENT:
            raise MbedError(Code.SSL_BAD_INPUT_DATA)  # the pieces do not fit Mbed TLS's buffer
        self._partial += record[HEADER_BYTES:]
        found = []
        while len(self._partial) >= 4:
            end = 4 + int.from_bytes(self._partial[1:4], "big")
            if len(self._partial) < end:
                break
            message, self._partial = self._partial[:end], self._partial[end:]
            if message[0] not in (HELLO_REQUEST, SERVER_HELLO) and not self._hello:
                raise MbedError(Code.SSL_DECODE_ERROR, Alert.DECODE_ERROR)
            self._hello = self._hello or message[0] == SERVER_HELLO
            self._done = self._done or message[0] == SERVER_HELLO_DONE
            again = record[:3] + len(message).to_bytes(2, "big") + message
            found.append((message[0], message[4:], again))
        return found

    def _other(self, record: bytes) -> None:
        """A record that is no handshake: an alert, or the last one before encryption."""
        content = record[HEADER_BYTES:]
        if record[0] == ALERT:
            if len(content) != 2:
                raise MbedError(Code.SSL_INVALID_RECORD)
            if content[0] == _FATAL:
                raise MbedError(Code.SSL_FATAL_ALERT_MESSAGE)
            if content == _CLOSE_NOTIFY:
                raise MbedError(Code.SSL_PEER_CLOSE_NOTIFY)
        elif record[0] == CHANGE_CIPHER_SPEC and self._done and not self._partial:
            self.encrypted = True
        else:
            raise MbedError(Code.SSL_UNEXPECTED_MESSAGE, Alert.UNEXPECTED_MESSAGE)


def cipher_suite(server_hello: bytes) -> int:
    """The number of the suite that the server chose."""
    try:
        at = 35 + server_hello[34]
        number = int.from_bytes(server_hello[at : at + 2], "big")
    except IndexError:
        raise MbedError(Code.SSL_DECODE_ERROR, Alert.DECODE_ERROR) from None
    if number not in NAME_OF_NUMBER:
        raise MbedError(Code.SSL_BAD_INPUT_DATA, Alert.INTERNAL_ERROR)
    return number


def certificates(body: bytes) -> list[bytes]:
    """The DER certificates of a Certificate message, the server's own first."""
    end = 3 + int.from_bytes(body[:3], "big")
    if len(body) < 6 or end != len(body):
        raise MbedError(Code.SSL_DECODE_ERROR, Alert.DECODE_ERROR)
    found, at = [], 3
    while at < end:
        length = int.from_bytes(body[at : at + 3], "big")
        at += 3
        if length >= 1 << 16:
            raise MbedError(Code.SSL_BAD_CERTIFICATE, Alert.UNSUPPORTED_CERTIFICATE)
        if length < _LEAST_CERTIFICATE or at + length > end:
            raise MbedError(Code.SSL_BAD_CERTIFICATE, Alert.DECODE_ERROR)
        found.append(body[at : at + length])
        at += length
    return found


_MOST_CONTENT = 16384
_MOST_EXPANSION = 320  # what encryption may add
_LEAST_CERTIFICATE = 128
_FATAL = 2
_CLOSE_NOTIFY = b"\x01\x00"
