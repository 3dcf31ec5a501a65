"""The real MQTT broker behind the front door: amqtt, or mosquitto where amqtt is missing.

Rules it keeps: it opens no TCP port, so that the door is the only way in; it starts with the
first client that gets as far as MQTT (importing amqtt takes a while) and ends with the emulator.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import importlib.util
import logging
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from ats_trust_tools.errors import ToolError

_START_SECONDS = 10.0
_LISTENER = "default"


class Broker:
    """One broker for all the clients of an emulator. Raises ToolError where there is none."""

    def __init__(self) -> None:
        self._mosquitto = shutil.which("mosquitto") or ""
        if not importlib.util.find_spec("amqtt") and not self._mosquitto:
            raise ToolError(
                "there is no MQTT broker to put behind the emulator; install one with "
                "`pip install '.[emulate]'` in the checkout"
            )
        self._running: _Running | None = None
        self._lock = threading.Lock()

    def connect(self) -> socket.socket:
        """A connection to the broker, as a client in clear; starts it when it is not running."""
        with self._lock:
            if self._running is None:
                self._running = self._start()
            return self._running.connect()

    def stop(self) -> None:
        """End the broker and its clients; `connect` starts a new one."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop()

    def _start(self) -> _Running:
        # amqtt first: its version is pinned, so that every machine has the same broker.
        return _Amqtt() if importlib.util.find_spec("amqtt") else _Mosquitto(self._mosquitto)


class _Running(Protocol):
    def connect(self) -> socket.socket: ...

    def stop(self) -> None: ...


class _Amqtt:
    """amqtt in a thread of its own, reached over socket pairs."""

    def __init__(self) -> None:
        # amqtt declares no types (no py.typed), here and below.
        from amqtt.broker import Broker as AmqttBroker  # type: ignore[import-untyped]

        # Without a handler its warnings about clients that hang up would go to stderr.
        logging.getLogger("amqtt").addHandler(logging.NullHandler())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        config = {
            "listeners": {_LISTENER: {"type": "external"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {}},
        }

        async def start() -> AmqttBroker:
            broker = AmqttBroker(config)
            await broker.start()
            return broker

        self._broker = self._wait_for(start())

    def connect(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        asyncio.run_coroutine_threadsafe(self._serve(theirs), self._loop)
        return ours

    def stop(self) -> None:
        with contextlib.suppress(TimeoutError):
            self._wait_for(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, theirs: socket.socket) -> None:
        from amqtt.adapters import (  # type: ignore[import-untyped]  # as above
            StreamReaderAdapter,
            StreamWriterAdapter,
        )

        reader, writer = await asyncio.open_connection(sock=theirs)
        adapter = StreamWriterAdapter(writer)
        # A socket pair has no addresses, and amqtt wants one for its log.
        adapter.get_peer_info = lambda: ("emulator", 0)
        with contextlib.suppress(Exception):  # What a client does wrong is the client's affair.
            await self._broker.external_connected(StreamReaderAdapter(reader), adapter, _LISTENER)
        writer.close()

    async def _end(self) -> None:
        await self._broker.shutdown()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _wait_for(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)


class _Mosquitto:
    """mosquitto as a child process that listens on a Unix socket in a private folder."""

    def __init__(self, program: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ats-trust-"))
        self._path = self._folder / "broker"
        settings = self._folder / "mosquitto.conf"
        settings.write_text(
            f"listener 0 {self._path}\nallow_anonymous true\npersistence false\nlog_dest none\n"
            # Started by root it would become another user, to whom the folder is closed.
            f"user {getpass.getuser()}\n"
        )
        self._process = subprocess.Popen(
            [program, "-c", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def connect(self) -> socket.socket:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(self._path))
            except OSError:
                sock.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise ToolError("mosquitto does not start; version 2.0 is needed") from None
                time.sleep(0.02)
            else:
                return sock

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
