"""What the door does with one connection, from the first byte to the last.

Rules it keeps: after a failed handshake the socket is read on, in case the client sends
application data to a server that it has just refused; a client that waits is never left waiting
for a server that is done with it.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable, Sequence

from ats_trust_tools.emulate.pki import Chain
from ats_trust_tools.emulate.recipe import Door
from ats_trust_tools.emulate.terminator import (
    CarelessStream,
    OpensslStream,
    Stream,
    TlsEnded,
    server_hello,
)
from ats_trust_tools.emulate.wire import Connection
from ats_trust_tools.errors import ToolError

GARBAGE = bytes(range(256)) * 2
# CONNACK, accepted, and PINGRESP (MQTT 3.1.1, 3.2 and 3.13): what makes a careless client go on.
# Together longer than the header of a TLS record, which a client would wait for.
_WELCOME = b"\x20\x02\x00\x00\xd0\x00"
_CONNECT = 0x10
# What a captive portal says to whoever speaks without having logged in.
_PORTAL = (
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class Session:
    """One accepted connection. `broker` opens a connection to the MQTT broker behind the door."""

    def __init__(
        self,
        sock: socket.socket,
        seen: Connection,
        door: Door,
        chains: Sequence[Chain],
        context: ssl.SSLContext,
        broker: Callable[[], socket.socket] | None,
    ) -> None:
        self._sock = sock
        self._seen = seen
        self._door = door
        self._chains = chains
        self._context = context
        self._broker = broker

    def run(self) -> None:
        """Serve until the client is gone or the emulator closes the socket."""
        answer = {
            "tls": self._answer_tls,
            "plain": self._answer_plain,
            "portal": self._answer_portal,
            "close": self._answer_close,
            "silent": self._drain,
            "garbage": self._answer_garbage,
        }[self._door.answer]
        try:
            answer()
        except ConnectionError as error:
            self._seen.reset = True
            self._seen.error = self._seen.error or error.strerror or str(error)
        except OSError as error:
            # The emulator is closing.
            self._seen.error = self._seen.error or error.strerror or str(error)
        except ToolError as error:
            self._seen.error = str(error)  # The broker did not start.
        finally:
            self._sock.close()
            self._seen.closed = True

    def _answer_tls(self) -> None:
        stream: Stream
        if all(chain.is_consistent for chain in self._chains):
            stream = OpensslStream(self._sock, self._context, self._seen)
        else:
            stream = CarelessStream(self._sock, self._chains, self._seen)
        try:
            stream.handshake()
            self._serve(stream)
        except TlsEnded as error:
            self._seen.error = str(error)
            if not error.by_peer:
                self._sock.shutdown(socket.SHUT_WR)
            self._drain()

    def _serve(self, stream: Stream) -> None:
        first = stream.read()
        if not first or self._door.behind == "hang-up":
            stream.close()
        elif self._broker is not None and first[0] == _CONNECT:
            with self._broker() as broker:
                broker.sendall(first)
                self._relay(stream, broker)
            stream.close()
        else:
            while stream.read():
                pass

    def _relay(self, stream: Stream, broker: socket.socket) -> None:
        """Carry MQTT both ways until one side closes."""
        while True:
            ready = [self._sock]
            if not stream.pending():
                ready = select.select([self._sock, broker], [], [])[0]
            if self._sock in ready:
                data = stream.read()
                if not data:
                    return
                broker.sendall(data)
            if broker in ready:
                data = broker.recv(65536)
                if not data:
                    return
                stream.write(data)

    def _answer_plain(self) -> None:
        data = self._sock.recv(65536)
        while data:
            self._seen.arrived(data)
            self._sock.sendall(_WELCOME)
            data = self._sock.recv(65536)

    def _answer_portal(self) -> None:
        self._seen.arrived(self._sock.recv(65536))
        self._sock.sendall(_PORTAL)
        self._sock.shutdown(socket.SHUT_WR)
        self._drain()

    def _answer_close(self) -> None:
        self._seen.arrived(self._sock.recv(65536))

    def _answer_garbage(self) -> None:
        hello = server_hello(self._sock, self._context, self._seen)
        self._sock.sendall(hello + GARBAGE)
        self._drain()

    def _drain(self) -> None:
        data = self._sock.recv(65536)
        while data:
            self._seen.arrived(data)
            data = self._sock.recv(65536)
