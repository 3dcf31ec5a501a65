"""The real MQTT broker behind the front door: amqtt.

Rules it keeps: it opens no TCP port, so that the door is the only way in; it starts with the
first client that gets as far as MQTT (importing amqtt takes a while) and ends with the emulator.
Clients may publish below `$aws/`, as AWS lets them (jobs, shadows); who answers there, a test or a
program brings.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import socket
import threading
from typing import Any

from ats_trust_tools.errors import ToolError

_START_SECONDS = 10.0
_LISTENER = "default"


class Broker:
    """One broker for all the clients of an emulator. Raises ToolError where there is none."""

    def __init__(self) -> None:
        if not importlib.util.find_spec("amqtt"):
            raise ToolError(
                "there is no MQTT broker to put behind the emulator; install one with "
                "`pip install '.[emulate]'` in the checkout"
            )
        self._running: _Amqtt | None = None
        self._lock = threading.Lock()

    def connect(self) -> socket.socket:
        """A connection to the broker, as a client in clear; starts it when it is not running."""
        with self._lock:
            if self._running is None:
                self._running = _Amqtt()
            return self._running.connect()

    def stop(self) -> None:
        """End the broker and its clients; `connect` starts a new one."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop()


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

        class AwsBroker(AmqttBroker):  # type: ignore[misc]  # as above
            """amqtt's, which hangs up on a client that publishes to a topic with a `$`."""

            async def _handle_message_delivery(self, session: Any, *more: Any) -> bool:
                message = more[-1].result()
                topic = message.topic if message is not None else ""
                if not topic.startswith("$aws/") or "+" in topic or "#" in topic:
                    return bool(await super()._handle_message_delivery(session, *more))
                await self._broadcast_message(session, topic, message.data)
                return True

        async def start() -> AmqttBroker:
            broker = AwsBroker(config)
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
