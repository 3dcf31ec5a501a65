"""The chain of a live server, fetched by the host tools: whole, from anyone, in bounded time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tls_servers
from ats_trust_tools import live_chain
from ats_trust_tools.errors import ToolError
from ats_trust_tools.live_chain import NoChain, Reason, fetch
from e2e.doors import Door, Doors

HERE = "127.0.0.1"
NAME = "a0example-ats.iot.eu-central-1.amazonaws.com"
HELLO_REQUEST = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"


def fetched(door: Door, leaf: live_chain.LeafKey, timeout: float = 10) -> tuple[bytes, ...]:
    return tuple(fetch(door.host, door.port, HERE, leaf, timeout))


def refusal(port: int, name: str = NAME, address: str | None = HERE, **options: Any) -> NoChain:
    with pytest.raises(NoChain) as caught:
        fetch(name, port, address, **options)
    return caught.value


def test_two_chains(doors: Doors) -> None:
    """A server with both keys shows each chain to who asks for it, in its own order."""
    both = doors.open("both")
    rsa, ecdsa = fetched(both, "rsa"), fetched(both, "ecdsa")
    assert both.chain in (rsa, ecdsa) and rsa != ecdsa
    sizes = [sum(map(len, chain)) for chain in (rsa, ecdsa)]
    assert sizes[0] > sizes[1], sizes


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
@pytest.mark.parametrize(
    "name",
    ["expired", "unknown-ca", "stolen-chain", "sha1", "truncated-certificate", "huge-chain"],
)
def test_chain_of_an_impostor(doors: Doors, name: str, kind: live_chain.LeafKey) -> None:
    """A chain that no client would accept is had as it was sent, byte for byte."""
    door = doors.open(kind, impostor=name)
    assert fetched(door, kind) == door.chain


def test_chain_under_a_demand_for_a_certificate(doors: Doors) -> None:
    """A server that demands a client certificate is told nothing, and shows its chain first."""
    door = doors.open("rsa", impostor="no-client-cert")
    door.visits()
    assert fetched(door, "rsa") == door.chain
    [visit] = door.visits()
    assert visit.server_name == door.host
    assert not visit.handshake_complete and visit.client_certificate is None
    assert (visit.before_handshake, visit.after_handshake, visit.plaintext) == (0, 0, b"")


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        (None, Reason.NO_SUCH_LEAF, "has no certificate with an RSA key"),
        ("no-shared-suite", Reason.NO_SUCH_LEAF, "for what boards offer"),
        ("tls13-only", Reason.TLS13_ONLY, "speaks TLS 1.3 only"),
        ("plain-tcp", Reason.NOT_TLS, r'it began with " \x02\x00\x00'),
        ("close-in-hello", Reason.HUNG_UP, "hung up before it showed"),
        ("silent", Reason.TIMED_OUT, "in time"),
    ],
)
def test_no_chain(doors: Doors, name: str | None, reason: Reason, words: str) -> None:
    """Why there is no chain has a type, and is said with host and port."""
    door = doors.open("ecdsa", **({"impostor": name} if name else {}))
    said = refusal(door.port, door.host, leaf="rsa", timeout=0.5 if name == "silent" else 10)
    assert said.reason is reason
    assert f"{door.host}, port {door.port}, " in str(said) and words in str(said)


def test_garbage_after_hello(doors: Doors) -> None:
    door = doors.open("rsa", impostor="garbage-after-hello")
    assert refusal(door.port, door.host).reason is Reason.MALFORMED


def record(kind: int, content: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(content).to_bytes(2, "big") + content


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def server_hello(suite: int = 0xC02F, version: bytes = b"\x03\x03") -> bytes:
    return record(22, message(2, version + bytes(32) + b"\0" + suite.to_bytes(2, "big") + b"\0"))


def certificate_message(*certificates: bytes) -> bytes:
    listed = b"".join(len(one).to_bytes(3, "big") + one for one in certificates)
    return message(11, len(listed).to_bytes(3, "big") + listed)


HTTP = b"HTTP/1.1 302 Found\r\nLocation: http://login/\x1b[2J\r\n\r\n" + b"<p>" * 99


ODD = {
    "portal": (HTTP, Reason.NOT_TLS, "captive portal"),
    "mail": (b"220 mail ESMTP\r\n", Reason.NOT_TLS, r'"220 mail ESMTP\r\n"'),
    "short": (b"no", Reason.NOT_TLS, '"no"'),
    "nothing": (b"", Reason.HUNG_UP, "hung up"),
    "broken-header": (b"\x16\x03\x03\x40", Reason.NOT_TLS, "began with"),
    "unknown-name": (record(21, b"\x02\x70"), Reason.ALERT, "does not know this name"),
    "internal-error": (record(21, b"\x02\x50"), Reason.ALERT, "alert 80"),
    "insufficient-security": (record(21, b"\x02\x47"), Reason.NO_SUCH_LEAF, "RSA"),
    "close-notify": (record(21, b"\x01\x00"), Reason.ALERT, "alert 0"),
    "damaged-alert": (record(21, b"\x02"), Reason.MALFORMED, "alert"),
    "warning": (record(21, b"\x01\x70") + b"\x16", Reason.HUNG_UP, "hung up"),
    "application-data": (record(23, b"data"), Reason.MALFORMED, "out of place"),
    "other-leaf": (server_hello(0xC02B), Reason.MALFORMED, "not offered"),
    "rsa-key-exchange": (server_hello(0x009C), Reason.MALFORMED, "not offered"),
    "tls11": (server_hello(version=b"\x03\x02"), Reason.MALFORMED, "not offered"),
    "cut-hello": (record(22, message(2, b"\x03\x03")), Reason.MALFORMED, "not offered"),
    "no-hello": (record(22, certificate_message(bytes(200))), Reason.MALFORMED, "out of place"),
    "two-hellos": (server_hello() + server_hello(), Reason.MALFORMED, "out of place"),
    "no-certificates": (
        server_hello() + record(22, certificate_message()),
        Reason.MALFORMED,
        "Certificate",
    ),
    "lying-length": (
        server_hello() + record(22, message(11, b"\0\0\x09\0\0\x01a")),
        Reason.MALFORMED,
        "",
    ),
    "endless": (server_hello() + record(22, b"\x0b\xff\xff\xff"), Reason.HUNG_UP, "hung up"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_answers(name: str) -> None:
    """Whatever is answered has a type of its own, and is shown without an order to a terminal."""
    answer, reason, words = ODD[name]
    with tls_servers.serving(tls_servers.saying(answer), connections=1) as (port, _):
        said = refusal(port, timeout=5)
    assert said.reason is reason, said
    assert words in str(said) and str(said).isprintable() and len(str(said)) < 500


def test_pieces_and_warnings() -> None:
    """Messages are put together from records of any size, and a warning is passed over; nothing
    follows the hello."""
    leaf, issuer = b"l" * 200, b"i" * 300
    flight = certificate_message(leaf, issuer)
    answer = server_hello() + record(21, b"\x01\x70")
    answer += b"".join(record(22, flight[at : at + 7]) for at in range(0, len(flight), 7))
    with tls_servers.serving(tls_servers.saying(answer), connections=1) as (port, saw):
        assert fetch(NAME, port, HERE) == [leaf, issuer]
    assert saw == [["answer", ""]], "something was sent after the hello"


def test_oversized() -> None:
    """A server that never comes to an end of its certificates is read up to a limit."""
    answer = server_hello() + record(22, b"\x0b\xff\xff\xff" + bytes(16000))
    answer += record(22, bytes(16000)) * 9
    with tls_servers.serving(tls_servers.saying(answer), connections=1) as (port, _):
        said = refusal(port, timeout=5)
    assert said.reason is Reason.OVERSIZED and "128 KB" in str(said)


def drip(data: bytes, pause: float) -> Callable[[socket.socket], str]:
    def handle(sock: socket.socket) -> str:
        sock.recv(1024)
        sock.sendall(data)
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            sock.sendall(b"\0")  # An OSError when the client has gone.
            time.sleep(pause)
        return "never left"

    return handle


@pytest.mark.parametrize(
    ("start", "reason"),
    [(b"\x16\x03\x03\x40\x00", Reason.TIMED_OUT), (b"SSH-2.0", Reason.NOT_TLS)],
)
def test_dripping(start: bytes, reason: Reason) -> None:
    """A server that keeps a reader awake, a byte at a time, is left when the time is up."""
    began = time.monotonic()
    with tls_servers.serving(drip(start, 0.05), connections=1) as (port, saw):
        assert refusal(port, timeout=0.5).reason is reason
        assert time.monotonic() - began < 1.5
    assert saw != ["never left"]


def test_a_word_and_then_silence() -> None:
    """What is no TLS is known at its first bytes: the rest of the line is not waited for long."""

    def handle(sock: socket.socket) -> int:
        sock.recv(1024)
        sock.sendall(b"220 x")
        return len(sock.recv(1024))

    began = time.monotonic()
    with tls_servers.serving(handle, connections=1) as (port, _):
        said = refusal(port, timeout=5)
    assert said.reason is Reason.NOT_TLS and '"220 x"' in str(said)
    assert time.monotonic() - began < 2


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nothing listens, and nothing will."""
    with socket.socket() as held:
        held.bind((HERE, 0))
        yield held.getsockname()[1]


def test_closed_port(closed_port: int) -> None:
    said = refusal(closed_port)
    assert said.reason is Reason.REFUSED and "is it the right port?" in str(said)


def test_unanswered_connection() -> None:
    """A host that swallows the first packet is given up when the time is up."""
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        # Linux lets one more wait than `listen` says; after that it answers no more.
        with socket.create_connection((HERE, port)):
            began = time.monotonic()
            said = refusal(port, timeout=0.5)
    assert said.reason is Reason.TIMED_OUT
    assert time.monotonic() - began < 1.5


def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that DNS does not know, that no name can be, and a DNS that does not answer."""

    def unknown(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    said = refusal(8883, "no-such.example.org", None)
    assert said.reason is Reason.UNKNOWN_NAME and "no-such.example.org" in str(said)
    for odd in ("a..example.org", "x" * 64 + ".org", "a\x1b[2J\0.org"):
        said = refusal(8883, odd, None)
        assert said.reason is Reason.UNKNOWN_NAME and str(said).isprintable()

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1))
    began = time.monotonic()
    said = refusal(8883, NAME, None, timeout=0.2)
    assert said.reason is Reason.TIMED_OUT and "DNS" in str(said)
    assert time.monotonic() - began < 0.9


def test_many_addresses(monkeypatch: pytest.MonkeyPatch, doors: Doors) -> None:
    """Of a name's addresses the first that answers is taken; none keeps the others waiting."""
    door = doors.open("rsa")
    with socket.socket() as full:
        full.bind((HERE, 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            tcp = (socket.SOCK_STREAM, 0, "")
            places = [
                (12345, *tcp, (HERE, door.port)),  # No such family of addresses.
                (socket.AF_INET, *tcp, full.getsockname()),
                (socket.AF_INET, *tcp, (HERE, door.port)),
            ]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
            assert fetched(door, "rsa", timeout=1) == door.chain


def test_openssl_that_can_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """An OpenSSL without what boards offer is told from a server without it."""
    monkeypatch.setattr(live_chain, "OPENSSL_NAME", dict.fromkeys(live_chain.OPENSSL_NAME, "NO"))
    with pytest.raises(ToolError, match="OPENSSL_CONF"):
        fetch(NAME, 8883, HERE)
