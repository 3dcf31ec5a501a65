"""What one client did on one connection, told from the bytes that it sent.

Rules it keeps: every byte that arrives is looked at before TLS sees it, so that application data
outside of TLS is counted too; nothing is guessed from what the client says about itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_HEAD = 4096
# Record types (RFC 5246, 6.2.1; RFC 8446, 5.1): change_cipher_spec, alert, handshake, data.
_RECORD_TYPES = (20, 21, 22, 23)


@dataclass
class Connection:
    """One connection as the emulator saw it.

    suite: OpenSSL's name of the negotiated cipher suite. version: "TLSv1.2" or "TLSv1.3".
    server_name: the name that the client asked for (SNI). client_certificate: the common name of
    the certificate that the client presented and proved. error: why TLS ended, if it failed.
    before_handshake, after_handshake: application bytes that arrived, in clear or through TLS,
    before and after its end. plaintext: those that came in clear, at most 4,096 of them. head: the
    first bytes as they came in, as many. closed: the client is gone. reset: it went with a TCP
    reset (it closed with bytes of ours unread); what it sent last may have been lost.
    """

    suite: str | None = None
    version: str | None = None
    handshake_complete: bool = False
    client_certificate: str | None = None
    server_name: str | None = None
    error: str | None = None
    before_handshake: int = 0
    after_handshake: int = 0
    plaintext: bytes = b""
    head: bytes = field(default=b"", repr=False)
    closed: bool = False
    reset: bool = False
    _records: _Records = field(default_factory=lambda: _Records(), repr=False, compare=False)

    @property
    def application_bytes(self) -> int:
        """All application bytes that arrived, however they came."""
        return self.before_handshake + self.after_handshake

    def arrived(self, data: bytes) -> None:
        """Note bytes as they come from the socket."""
        self.head += data[: _HEAD - len(self.head)]
        clear = self._records.feed(data)
        self.plaintext += clear[: _HEAD - len(self.plaintext)]
        self._count(len(clear))

    def decrypted(self, data: bytes) -> None:
        """Note application data that came through TLS."""
        self._count(len(data))

    def _count(self, length: int) -> None:
        if self.handshake_complete:
            self.after_handshake += length
        else:
            self.before_handshake += length


class _Records:
    """Follows TLS records; whatever is not part of one is application data in clear."""

    def __init__(self) -> None:
        self._pending = b""
        self._left = 0
        self._lost = False

    def feed(self, data: bytes) -> bytes:
        """The part of the stream that is outside of TLS; once lost, TLS is never found again."""
        if self._lost:
            return data
        self._pending += data
        while self._pending:
            if self._left:
                taken = min(self._left, len(self._pending))
                self._left -= taken
                self._pending = self._pending[taken:]
            elif not _may_begin_record(self._pending):
                self._lost = True
                return self._pending
            elif len(self._pending) < 5:
                break
            else:
                self._left = int.from_bytes(self._pending[3:5], "big")
                self._pending = self._pending[5:]
        return b""


def _may_begin_record(data: bytes) -> bool:
    return data[0] in _RECORD_TYPES and data[1:2] in (b"", b"\x03")
