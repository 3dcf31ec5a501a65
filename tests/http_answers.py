"""HTTP by hand, for `tls_servers.serving`: what a server says that is AWS, or is not."""

import json
import socket
from collections.abc import Callable

Handler = Callable[[socket.socket], object]


def say(sock: socket.socket, status: int, body: str | dict[str, object], *headers: str) -> None:
    """Send one answer; the caller closes."""
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(text)}", "Connection: close"]
    sock.sendall("\r\n".join([*lines, *headers, "", text]).encode())


def answer(status: int, body: str | dict[str, object], *headers: str) -> Handler:
    """A server that reads a request, which it returns, answers it and closes."""

    def handle(sock: socket.socket) -> bytes:
        request = sock.recv(8192)
        say(sock, status, body, *headers)
        return request

    return handle
