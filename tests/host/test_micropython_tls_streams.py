"""The host's stand-in for MicroPython's asyncio Stream, and streams that fail."""

import asyncio
import socket
import sys

import pytest

import tls_pki as pki
import tls_servers as servers
from ats_trust_tools import micropython_tls
from tls_pki import HOST


@pytest.fixture
def tls():
    micropython_tls.install()
    return sys.modules["tls"]


class Scripted:
    """A stream that gives the bytes it was told to, None where it would block."""

    def __init__(self, reads, room=10**6):
        self.reads = list(reads)
        self.room = room
        self.written = b""
        self.closed = False

    def read(self, n=-1):
        return self.reads.pop(0) if self.reads else b""

    readline = read

    def readinto(self, buf):
        data = self.read()
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def write(self, buf):
        if self.room == 0:
            self.room = 4
            return None
        part = bytes(buf[: self.room])
        self.room -= len(part)
        self.written += part
        return len(part)

    def close(self):
        self.closed = True


def run(call, stream):
    return asyncio.run(call(micropython_tls.Stream(stream)))


def test_stream_reads():
    """read(n) gives what comes first, read() everything; would-block is waited for."""
    assert run(lambda s: s.read(4), Scripted([None, b"ab", b"cd"])) == b"ab"
    assert run(lambda s: s.read(), Scripted([None, b"ab", None, b"cd", b""])) == b"abcd"
    assert run(lambda s: s.readexactly(3), Scripted([b"a", None, b"bc"])) == b"abc"
    assert run(lambda s: s.readline(), Scripted([b"a", None, b"b\n", b"c"])) == b"ab\n"
    assert run(lambda s: s.readinto(bytearray(4)), Scripted([None, b"abc"])) == 3
    with pytest.raises(EOFError):
        run(lambda s: s.readexactly(3), Scripted([b"a", b""]))


def test_stream_writes():
    """write sends what it can, drain the rest; wait_closed closes."""

    async def talk(stream):
        stream.write(b"0123456789")
        sent = stream.s.written
        stream.write(b"more")
        await stream.drain()
        stream.close()
        await stream.wait_closed()
        return sent

    below = Scripted([], room=6)
    assert run(talk, below) == b"012345"
    assert below.written == b"0123456789more"
    assert below.closed


def test_stream_over_tls(tls):
    """The Stream drives a deferred, non-blocking handshake and carries the data."""
    root, middle, leaf = pki.chain()

    async def talk(port):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setblocking(False)
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(root.der)
        stream = micropython_tls.Stream(
            context.wrap_socket(sock, server_hostname=HOST, do_handshake_on_connect=False)
        )
        stream.write(b"question")
        await stream.drain()
        answer = await stream.readexactly(11)
        await stream.wait_closed()
        return answer

    with servers.serving(servers.answering(servers.context(leaf, middle)), 1) as (port, saw):
        assert asyncio.run(talk(port)) == b"hi question"
    assert saw == [["data", "question"]]


@pytest.mark.parametrize("call", ["readinto", "write"])
def test_stream_that_fails(tls, call):
    """A negative number from the stream below is its errno, as on a board."""
    below = Scripted([b""])
    setattr(below, call, lambda buf: -104)
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.chain()[0].der)
    with pytest.raises(OSError) as raised:
        context.wrap_socket(below, server_hostname=HOST)
    assert raised.value.errno == 104


@pytest.mark.parametrize("call", ["readinto", "write"])
def test_stream_that_raises(tls, call):
    """An exception of the stream below comes out as it is."""

    def fail(buf):
        raise KeyError("below")

    below = Scripted([b""])
    setattr(below, call, fail)
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.chain()[0].der)
    with pytest.raises(KeyError):
        context.wrap_socket(below, server_hostname=HOST)
