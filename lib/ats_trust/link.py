"""Connections from a host name: resolve, connect, authenticate. The only importer of `socket`.

Each stage closes what it opened when a later one fails. A fault of the network is an OSError.
"""

import socket

from .errors import ConfigError
from .trusted_context import TrustedContext

_IN_PROGRESS = (11, 35, 36, 115, 119, 10035)


def connect(host, port=None, address=None, timeout=30, **options):
    """Connect to an endpoint and return its authenticated TrustedStream.

    host: str, the endpoint's name, or a TrustedContext. port: int, None is the usual one.
    address: str, where to connect if not to what DNS says of the name; the name is verified all
    the same. timeout: seconds that connecting and each single read or write of the socket may
    take, None for no limit.
    options: as for TrustedContext: cert, key, credentials, bundle, pins.
    Raises TrustError, or OSError when the network fails.
    """
    context, where = _prepare(host, port, address, options)
    raw = socket.socket(where[0], socket.SOCK_STREAM)
    try:
        raw.settimeout(timeout)
        raw.connect(where[-1])
    except BaseException:
        raw.close()
        raise
    return context.wrap_socket(raw)


async def open_connection(host, port=None, address=None, **options):
    """Connect under asyncio; return (reader, writer) once the server is authenticated.

    Parameters and errors as for `connect`; limit the time with asyncio.wait_for. Both are one
    asyncio Stream, as from asyncio.open_connection. Resolving the name blocks, as it does there.
    """
    import asyncio
    import select

    context, where = _prepare(host, port, address, options)
    raw = socket.socket(where[0], socket.SOCK_STREAM)
    try:
        raw.setblocking(False)
        try:
            raw.connect(where[-1])
        except OSError as error:
            if error.args[0] not in _IN_PROGRESS:
                raise
        poller = select.poll()
        poller.register(raw, select.POLLOUT)
        while not poller.poll(0):
            await asyncio.sleep(0.01)
        stream = context.wrap_socket(raw, do_handshake_on_connect=False)
        while not stream.handshake():
            await asyncio.sleep(0.01)
    except BaseException:  # Cancelled, too.
        raw.close()
        raise
    wrapped = _stream_class()(stream)
    return wrapped, wrapped


def _prepare(host, port, address, options):
    """Return (TrustedContext, an entry of getaddrinfo)."""
    context = host
    if not isinstance(host, TrustedContext):
        context = TrustedContext(host, port=port, **options)
    elif options:
        raise ConfigError("bad_call", "a context has its options already")
    port = port or context.port
    return context, socket.getaddrinfo(address or context.host, port, 0, socket.SOCK_STREAM)[0]


def _stream_class():
    try:
        from asyncio.stream import Stream
    except ImportError:
        from tls import Stream  # CPython: the host tools' stand-in for MicroPython's.
    return Stream
