"""Streams: a CPython socket as a MicroPython stream, and MicroPython's asyncio Stream."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any


class SocketStream:
    """A socket.socket with the stream methods that MicroPython's own sockets have."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def readinto(self, buf: bytearray | memoryview, size: int = -1, /) -> int | None:
        view = memoryview(buf)
        try:
            return self.sock.recv_into(view if size < 0 else view[:size])
        except (BlockingIOError, InterruptedError):
            return None
        except TimeoutError:
            raise OSError(errno.ETIMEDOUT, "timed out") from None

    def write(self, buf: bytes | bytearray | memoryview, /) -> int | None:
        try:
            return self.sock.send(buf)
        except (BlockingIOError, InterruptedError):
            return None
        except TimeoutError:
            raise OSError(errno.ETIMEDOUT, "timed out") from None

    def setblocking(self, flag: bool) -> None:
        self.sock.setblocking(flag)

    def settimeout(self, seconds: float | None) -> None:
        self.sock.settimeout(seconds)

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()


class Stream:
    """MicroPython's asyncio.Stream over a stream object that returns None where it would block.

    As there: `write` sends what it can at once and keeps the rest for `drain`; `read(n)` gives
    what one read gives, at most n bytes and b"" at the end. The stream is polled, since it can
    be any object; with a stream that blocks, each call blocks the event loop.
    """

    def __init__(self, s: Any, e: dict[str, Any] | None = None) -> None:
        self.s = s
        self.e = e or {}
        self.out_buf = b""

    def get_extra_info(self, name: str) -> Any:
        return self.e[name]

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.wait_closed()

    def close(self) -> None:
        """Closes nothing: `await wait_closed()` does."""

    async def wait_closed(self) -> None:
        self.s.close()

    async def read(self, n: int = -1) -> bytes:
        """At most n bytes; with n = -1 everything up to the end."""
        found = b""
        while True:
            some: bytes | None = self.s.read(n)
            if some is None:
                await _pause()
            elif n >= 0 or not some:
                return found + some
            else:
                found += some

    async def readinto(self, buf: bytearray | memoryview) -> int:
        while (count := self.s.readinto(buf)) is None:
            await _pause()
        return int(count)

    async def readexactly(self, n: int) -> bytes:
        """n bytes, or EOFError."""
        found = b""
        while n:
            some = self.s.read(n)
            if some is None:
                await _pause()
                continue
            if not some:
                raise EOFError
            found += some
            n -= len(some)
        return found

    async def readline(self) -> bytes:
        line = b""
        while True:
            some: bytes | None = self.s.readline()
            if some is None:
                await _pause()
                continue
            line += some
            if not some or line.endswith(b"\n"):
                return line

    def write(self, buf: bytes | bytearray | memoryview) -> None:
        data = bytes(buf)
        if not self.out_buf:
            data = data[self.s.write(data) or 0 :]
        self.out_buf += data

    async def drain(self) -> None:
        while self.out_buf:
            count = self.s.write(self.out_buf)
            if count is None:
                await _pause()
            else:
                self.out_buf = self.out_buf[count:]


async def _pause() -> None:
    await asyncio.sleep(0.005)
