"""Connections under asyncio, for clients that take a reader and a writer."""

import asyncio
import select

from .trusted_context import prepare

_IN_PROGRESS = (11, 35, 36, 115, 119, 10035)  # EINPROGRESS or EAGAIN, on all ports.


async def open_connection(host, port=None, address=None, **options):
    """Connect under asyncio; return (reader, writer) once the server is authenticated.

    Parameters and errors as for `connect`; limit the time with asyncio.wait_for. Both are one
    asyncio Stream, as from asyncio.open_connection. Resolving the name blocks, as it does there.
    """
    context, raw, address = prepare(host, port, address, options)
    stream = raw
    try:
        raw.setblocking(False)
        try:
            raw.connect(address)
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
        stream.close()
        raise
    try:
        from asyncio.stream import Stream
    except ImportError:
        from tls import Stream  # CPython: the host tools' stand-in for MicroPython's.
    stream = Stream(stream)
    return stream, stream
