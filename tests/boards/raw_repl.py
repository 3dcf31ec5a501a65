"""MicroPython's raw REPL over TCP: runs source text on a board and tells what it printed.

mpremote speaks it too, but starts a Python for each command and looks for the answer every 10 ms
only, which takes longer than most commands. Used is raw paste mode, as mpremote does: the board
asks for the text piece by piece, so none of it is lost.
"""

import socket
import time
from types import TracebackType
from typing import Self

_ENTER = b"\r\x03\r\x01"  # Interrupt what runs; Ctrl-A.
_ENTERED = b"raw REPL; CTRL-B to exit\r\n>"
_LEAVE = b"\r\x02"
_RESET = _END = b"\x04"
_PASTE = b"\x05A\x01"
_PASTE_UNDERSTOOD = b"R\x01"
_MORE = 1  # The board can take another window of text.


class RawRepl:
    """A connection to the REPL at this port of the loopback; use it in a `with` statement.

    Nothing takes longer than `seconds` in all: TimeoutError. ConnectionError when the board ends
    the connection, as one without power does.
    """

    def __init__(self, port: int, seconds: float) -> None:
        self._limit = time.monotonic() + seconds
        self._received = b""
        self._socket = socket.create_connection(("127.0.0.1", port), seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        try:
            self._socket.sendall(_ENTER)
            self._until(_ENTERED)
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._socket:
            if error is None:
                self._socket.sendall(_LEAVE)

    def soft_reset(self) -> None:
        """Start the interpreter anew."""
        self._socket.sendall(_RESET)
        self._until(_ENTERED)

    def run(self, code: str) -> tuple[str, str]:
        """What the program printed, and the traceback of the exception that it ended with."""
        self._socket.sendall(_PASTE)
        answer = self._take(len(_PASTE_UNDERSTOOD))
        if answer != _PASTE_UNDERSTOOD:
            raise ConnectionError(f"the REPL answers {answer!r} to raw paste mode")
        self._send(code.encode(), int.from_bytes(self._take(2), "little"))
        printed, error = self._until(_END), self._until(_END)
        self._until(b">")
        return printed.decode().replace("\r\n", "\n"), error.decode().replace("\r\n", "\n")

    def _send(self, text: bytes, window: int) -> None:
        """Send it as the board asks for it; it may ask for an early end, as for a syntax error."""
        room = window
        while text:
            while room == 0 or self._received:
                if self._take(1)[0] != _MORE:
                    self._socket.sendall(_END)
                    return
                room += window
            self._socket.sendall(text[:room])
            text, room = text[room:], max(room - len(text), 0)
        self._socket.sendall(_END)
        self._until(_END)

    def _until(self, mark: bytes) -> bytes:
        """Everything up to this mark, which is taken away."""
        while mark not in self._received:
            self._receive()
        found, _, self._received = self._received.partition(mark)
        return found

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._receive()
        found, self._received = self._received[:count], self._received[count:]
        return found

    def _receive(self) -> None:
        self._socket.settimeout(max(self._limit - time.monotonic(), 0.001))
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the board ended the connection")
        self._received += data
