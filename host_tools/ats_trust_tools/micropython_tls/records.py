"""What goes over the wire before encryption: records, and the handshake messages in them.

The server's first flight is readable in TLS 1.2. `Flight` takes its records and hands back one
handshake message at a time, each as a record of its own, so that the caller can look at the
Certificate message before anything else sees it.
"""

from __future__ import annotations

from ats_trust_tools.micropython_tls.codes import Code, MbedError

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
SERVER_HELLO, CERTIFICATE = 2, 11
HEADER_BYTES = 5
MOST_CONTENT = 16384


def content_length(header: bytes) -> int:
    """Bytes that follow this record header; refuses what is no TLS record."""
    length = int.from_bytes(header[3:5], "big")
    if not CHANGE_CIPHER_SPEC <= header[0] <= APPLICATION_DATA or header[1] != 3:
        raise MbedError(Code.SSL_INVALID_RECORD)
    if not 0 < length <= MOST_CONTENT + 2048:
        raise MbedError(Code.SSL_INVALID_RECORD)
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

    def messages(self, record: bytes) -> list[tuple[int, bytes, bytes]]:
        """(type, body, records to pass on) of every message that this record completes.

        Type 0 stands for a record that carries no readable handshake message.
        """
        kind = record[0]
        if self.encrypted or kind != HANDSHAKE:
            if self._partial:
                raise MbedError(Code.SSL_UNEXPECTED_MESSAGE)
            self.encrypted = self.encrypted or kind == CHANGE_CIPHER_SPEC
            return [(0, b"", record)]
        self._partial += record[HEADER_BYTES:]
        found = []
        while len(self._partial) >= 4:
            end = 4 + int.from_bytes(self._partial[1:4], "big")
            if end > MOST_CONTENT:
                raise MbedError(Code.SSL_INVALID_RECORD)
            if len(self._partial) < end:
                break
            message, self._partial = self._partial[:end], self._partial[end:]
            again = record[:3] + len(message).to_bytes(2, "big") + message
            found.append((message[0], message[4:], again))
        return found


def cipher_suite(server_hello: bytes) -> int:
    """The number of the suite that the server chose."""
    try:
        at = 35 + server_hello[34]
        return int.from_bytes(server_hello[at : at + 2], "big")
    except IndexError:
        raise MbedError(Code.SSL_DECODE_ERROR) from None


def certificates(body: bytes) -> list[bytes]:
    """The DER certificates of a Certificate message, the server's own first."""
    end = 3 + int.from_bytes(body[:3], "big")
    if len(body) < 7 or end != len(body):
        raise MbedError(Code.SSL_DECODE_ERROR)
    found, at = [], 3
    while at < end:
        length = int.from_bytes(body[at : at + 3], "big")
        at += 3
        if at > end or length < 1 or at + length > end:
            raise MbedError(Code.SSL_DECODE_ERROR)
        found.append(body[at : at + length])
        at += length
    return found
