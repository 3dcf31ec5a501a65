"""Serves deviant chains on 127.0.0.1, each on a port of its own, with real handshakes.

The server's TLS is tlslite-ng (`CarelessStream`): it sends whatever bytes are called certificates
and proves that it has the key.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Mapping

from ats_trust_tools.emulate.pki import Chain
from ats_trust_tools.emulate.terminator import CarelessStream, TlsEnded
from ats_trust_tools.emulate.wire import Connection

ADDRESS = "127.0.0.1"
_SECONDS = 10


class Server:
    """All the chains, open while the `with` block runs. ports: by the chain's name."""

    def __init__(self, chains: Mapping[str, Chain]) -> None:
        self._chains = dict(chains)
        self._seen: dict[str, list[Connection]] = {name: [] for name in chains}
        self._faults: dict[str, Exception] = {}
        self._stopped = threading.Event()
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Server:
        self._selector = selectors.DefaultSelector()
        for name in self._chains:
            listener = socket.create_server((ADDRESS, 0))
            self.ports[name] = listener.getsockname()[1]
            self._selector.register(listener, selectors.EVENT_READ, name)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()
        self._thread.join(2 * _SECONDS)
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

    def visit(self, name: str) -> Connection:
        """What the last client of this chain did; waits until it is gone."""
        deadline = time.monotonic() + _SECONDS
        while not self._seen[name] or not self._seen[name][-1].closed:
            assert time.monotonic() < deadline, f"{name}: no client, or one that stays"
            time.sleep(0.005)
        if name in self._faults:
            raise AssertionError(f"{name}: the server failed") from self._faults[name]
        return self._seen[name][-1]

    def _serve(self) -> None:
        # One after the other, as the clients come.
        while not self._stopped.is_set():
            for key, _ in self._selector.select(0.1):
                assert isinstance(key.fileobj, socket.socket)
                sock, _ = key.fileobj.accept()
                seen = Connection()
                self._seen[key.data].append(seen)
                with sock:
                    sock.settimeout(_SECONDS)
                    try:
                        self._talk(sock, self._chains[key.data], seen)
                    except Exception as error:  # Told by visit(); the others are served on.
                        self._faults[key.data] = error
                seen.closed = True

    @staticmethod
    def _talk(sock: socket.socket, chain: Chain, seen: Connection) -> None:
        stream = CarelessStream(sock, [chain], seen)
        with contextlib.suppress(OSError):
            try:
                stream.handshake()
            except TlsEnded as ended:
                seen.error = str(ended)
                return
            while stream.read():
                pass
