"""The certificates that a live server presents to a board, as they came over the wire.

They are had from any server, trusted or not, also from one that demands a client certificate:
in TLS 1.2 the Certificate message comes in clear, before anything is asked of the client.

Rules kept here:
- This never becomes a connection. The one thing that is sent is a ClientHello; what answers it is
  read up to the end of the Certificate message and goes nowhere but into `fetch`'s result, so the
  handshake can not go on, no key is ever agreed on and no byte of an application can follow. That
  nothing is verified here lets nobody in: the chain is evidence, for others to judge.
- The hello offers what boards offer: TLS 1.2, ECDHE with AES-GCM, for one type of leaf key.
- Time and size are bounded as a whole, whatever the server does.
"""

from __future__ import annotations

import errno
import math
import socket
import ssl
import threading
import time
from enum import StrEnum
from typing import Any, Literal, NoReturn

from .errors import ToolError
from .micropython_tls import records
from .micropython_tls.codes import MbedError
from .micropython_tls.suites import NAME_OF_NUMBER, OPENSSL_NAME
from .printable import printable

LeafKey = Literal["rsa", "ecdsa"]


class Reason(StrEnum):
    """Why there is no chain."""

    NO_SUCH_LEAF = "no_such_leaf"  # It speaks TLS 1.2, but has no certificate with such a key.
    TLS13_ONLY = "tls13_only"  # Boards speak TLS 1.2.
    ALERT = "alert"  # It refused the hello with another alert.
    NOT_TLS = "not_tls"
    MALFORMED = "malformed"  # It began in TLS, and what followed was none.
    OVERSIZED = "oversized"
    HUNG_UP = "hung_up"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"  # Nothing listens on that port.
    UNREACHABLE = "unreachable"
    UNKNOWN_NAME = "unknown_name"


class NoChain(ToolError):
    """The server's chain could not be had; `reason` is for programs, the message for people."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def fetch(
    host: str,
    port: int,
    address: str | None = None,
    leaf: LeafKey = "rsa",
    timeout: float = 10.0,
) -> list[bytes]:
    """Return the certificates that the server presents, DER, its own first, in its order.

    host: the name to ask for (SNI), as ats_trust.endpoint.parse returns it. port: 1 to 65535.
    address: where to connect if not to what DNS says of the name. leaf: the type of the server's
    own key. timeout: seconds for all of it. Raises NoChain; ToolError where this computer's
    OpenSSL is at fault.
    """
    deadline = time.monotonic() + timeout
    suites = {
        number: OPENSSL_NAME[name]
        for number, name in NAME_OF_NUMBER.items()
        if name.startswith(f"TLS-ECDHE-{leaf.upper()}-") and "-GCM-" in name
    }
    hello = _client_hello(host, suites.values())
    with _connected(address or host, port, deadline) as sock:
        server = _Server(sock, f"{printable(host)}, port {port},", deadline)
        server.send(hello)
        return _presented(server, leaf, suites)


# A chain of AWS IoT Core has 4 to 6 KB; no board reads one of more than 16 KB.
_MOST = 128 * 1024
_LEAST_WAIT = 0.001  # Seconds: 0 would mean another mode to a socket.
_FIRST_BYTES = 80
_REST_OF_LINE = 0.5  # Seconds.
_ALERTS = {
    # RFC 5246, 7.2; RFC 6066, 3.
    40: Reason.NO_SUCH_LEAF,
    70: Reason.TLS13_ONLY,
    71: Reason.NO_SUCH_LEAF,  # insufficient_security: "instead of handshake_failure".
}


def _client_hello(host: str, suites: Any) -> bytes:
    """The one message of ours. OpenSSL writes it, and never gets to see an answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    written = ssl.MemoryBIO()
    try:
        # Level 0: also what a board would refuse is to be seen, for the refusal to be explained.
        context.set_ciphers(":".join(suites) + ":@SECLEVEL=0")
        context.wrap_bio(ssl.MemoryBIO(), written, server_hostname=host).do_handshake()
    except ssl.SSLWantReadError:
        pass  # For the answer.
    except ssl.SSLError:
        raise ToolError(
            "this computer's OpenSSL can not offer what boards do, TLS 1.2 with ECDHE and "
            "AES-GCM; look at its configuration, OPENSSL_CONF"
        ) from None
    except (ValueError, TypeError):  # What IDNA can not encode; a NUL.
        raise NoChain(Reason.UNKNOWN_NAME, f'"{printable(host)}" is not a host name') from None
    return written.read()


class _Server:
    """The server's end: its records, one after the other, within the limits."""

    def __init__(self, sock: socket.socket, name: str, deadline: float) -> None:
        self.name = name
        self._sock = sock
        self._deadline = deadline
        self._most = _MOST

    def send(self, data: bytes) -> None:
        try:
            self._wait()
            self._sock.sendall(data)
        except OSError as error:
            self._failed(error)

    def record(self, first: bool) -> tuple[int, bytes]:
        """(content type, content) of the next record. first: it is the first one."""
        header = self._read(records.HEADER_BYTES, first)
        try:
            length = records.content_length(header)
        except MbedError:
            if first:
                self._not_tls(header)
            self.malformed("what followed its first TLS records is no TLS")
        return header[0], self._read(length)

    def refuse(self, reason: Reason, message: str) -> NoReturn:
        raise NoChain(reason, f"{self.name} {message}")

    def malformed(self, what: str) -> NoReturn:
        self.refuse(
            Reason.MALFORMED, f"does not keep to TLS ({what}); is something between you and it?"
        )

    def _read(self, wanted: int, first: bool = False) -> bytes:
        data = b""
        self._most -= wanted
        if self._most < 0:
            self.refuse(
                Reason.OVERSIZED,
                f"sent more than {_MOST // 1024} KB without an end of its certificates; "
                "no board takes that",
            )
        while len(data) < wanted:
            try:
                self._wait()
                some = self._sock.recv(wanted - len(data))
            except OSError as error:
                self._failed(error)
            if not some and first and data:
                self._not_tls(data)  # Less than a record's header, and the end.
            if not some:
                self._hung_up()
            data += some
        return data

    def _wait(self, most: float = math.inf) -> None:
        """Let the next call of the socket take what is left of the time, or `most` seconds."""
        left = min(self._deadline - time.monotonic(), most)
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(max(left, _LEAST_WAIT))

    def _failed(self, error: OSError) -> NoReturn:
        if isinstance(error, TimeoutError):
            self.refuse(
                Reason.TIMED_OUT,
                "did not show its certificates in time: wrong port, or a firewall; try again",
            )
        if isinstance(error, ConnectionError):
            self._hung_up()
        self.refuse(Reason.UNREACHABLE, f"can not be read: {error.strerror or error}")

    def _hung_up(self) -> NoReturn:
        self.refuse(
            Reason.HUNG_UP,
            "hung up before it showed its certificates: it may not know this name, not like what "
            "boards offer, or something in between cut it off",
        )

    def _not_tls(self, data: bytes) -> NoReturn:
        """Say so, with what else it says at once: no more than a line."""
        try:
            self._wait(_REST_OF_LINE)
            data += self._sock.recv(_FIRST_BYTES - len(data))
        except OSError:
            pass
        shown = printable(data.decode("latin-1"))
        hint = "is it the port for TLS?"
        if data[:5] == b"HTTP/" or b"<html" in data.lower():
            hint = (
                "a captive portal or a proxy answers in its place; log in there, or go around it"
            )
        self.refuse(Reason.NOT_TLS, f'does not speak TLS: it began with "{shown}"; {hint}')


def _presented(server: _Server, leaf: LeafKey, suites: dict[int, str]) -> list[bytes]:
    """Read the server's messages up to its Certificate message, and return what is in that."""
    pending = b""
    first = True
    greeted = False
    while True:
        kind, content = server.record(first)
        first = False
        if kind == records.ALERT:
            _alerted(server, content, leaf)
            continue
        if kind != records.HANDSHAKE:
            server.malformed("a record out of place")
        pending += content
        while len(pending) >= 4:
            end = 4 + int.from_bytes(pending[1:4], "big")
            if len(pending) < end:
                break
            message, body = pending[0], pending[4:end]
            pending = pending[end:]
            if not greeted and message == records.SERVER_HELLO:
                _check_hello(server, body, leaf, suites)
                greeted = True
            elif greeted and message == records.CERTIFICATE:
                return _certificates(server, body)
            else:
                server.malformed("a message out of place")


def _check_hello(server: _Server, body: bytes, leaf: LeafKey, suites: dict[int, str]) -> None:
    """The server chose what was offered, so that the chain is the one a board would get."""
    try:
        suite = records.cipher_suite(body)
    except MbedError:
        suite = 0
    if body[:2] != b"\x03\x03" or suite not in suites:
        server.malformed("it chose what was not offered")


def _certificates(server: _Server, body: bytes) -> list[bytes]:
    try:
        return records.certificates(body)
    except MbedError:
        server.malformed("its Certificate message is damaged")


def _alerted(server: _Server, content: bytes, leaf: LeafKey) -> None:
    """Raise what the alert stands for; a warning is passed over, as boards do."""
    if len(content) != 2:
        server.malformed("a damaged alert")
    level, number = content
    reason = _ALERTS.get(number, Reason.ALERT)
    if level != 2 and number:  # 0 is close_notify.
        return
    if reason is Reason.NO_SUCH_LEAF:
        server.refuse(
            reason, f"has no certificate with an {leaf.upper()} key for what boards offer"
        )
    if reason is Reason.TLS13_ONLY:
        server.refuse(
            reason,
            "speaks TLS 1.3 only, and boards speak TLS 1.2: choose a security policy with both",
        )
    if number == 112:
        server.refuse(reason, "does not know this name (alert 112, unrecognized_name)")
    server.refuse(reason, f"refused the hello with alert {number}")


def _connected(address: str, port: int, deadline: float) -> socket.socket:
    """A socket connected to the first of the name's addresses that answers."""
    places = _resolved(address, port, deadline)
    name = f"{printable(address)}, port {port},"
    failure: OSError = TimeoutError()
    for tried, (family, kind, protocol, _, place) in enumerate(places):
        # An address that swallows what it is sent must leave time for the others.
        left = (deadline - time.monotonic()) / (len(places) - tried)
        if left <= 0:
            break
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # A system without IPv6.
            failure = error
            continue
        try:
            sock.settimeout(max(left, _LEAST_WAIT))
            sock.connect(place)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    if isinstance(failure, ConnectionRefusedError):
        raise NoChain(Reason.REFUSED, f"{name} refuses connections: is it the right port?")
    if isinstance(failure, TimeoutError) or failure.errno == errno.ETIMEDOUT:
        raise NoChain(
            Reason.TIMED_OUT,
            f"{name} does not answer: wrong address or port, a firewall, or no network",
        )
    raise NoChain(Reason.UNREACHABLE, f"{name} can not be reached: {failure.strerror or failure}")


def _resolved(address: str, port: int, deadline: float) -> list[Any]:
    """What DNS says of the name; the resolver's own time-outs are longer than one may like."""
    answer: list[Any] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(address, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError, OverflowError) as error:
            answer.append(error)

    # A daemon: a program that has given up on the answer can end.
    thread = threading.Thread(target=ask, name="getaddrinfo", daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), _LEAST_WAIT))
    name = printable(address)
    if not answer:
        raise NoChain(Reason.TIMED_OUT, f"the name {name} was not resolved in time; check the DNS")
    if isinstance(answer[0], Exception):
        raise NoChain(
            Reason.UNKNOWN_NAME,
            f"the name {name} can not be resolved: check its spelling, and the network",
        )
    found: list[Any] = answer[0]
    return found
