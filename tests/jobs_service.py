"""A small AWS IoT Jobs for the tests: it answers devices behind the doors that it is attached to.

It speaks MQTT as a client of each emulator's broker and does what the AWS IoT Core developer guide
says of start-next, notify-next and update ("Jobs device MQTT API operations", "Jobs
notifications", "ErrorResponse"); no more than that: there is no describe, list or time-out.

Rules it keeps: what a device may say is checked as strictly as AWS's reference states it, so that
a device that passes here is not refused there; everything that was said is kept for the tests.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Message = dict[str, Any]

_REQUEST = re.compile(r"\$aws/things/([a-zA-Z0-9:_-]{1,128})/jobs/(start-next|([^/]+)/update)")
_PACKET = re.compile(rb"[\x00-\xff]([\x80-\xff]{0,3}[\x00-\x7f])")  # The header of one, MQTT 2.2.
_PAUSE = 0.02  # Seconds between looks at what there is to send.
_ASKED = ("$aws/things/+/jobs/start-next", "$aws/things/+/jobs/+/update")
_DONE = ("SUCCEEDED", "FAILED", "REJECTED", "CANCELED")
# What a device may set, and from which states.
_SETTABLE = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")
_PENDING = ("IN_PROGRESS", "QUEUED")


class Refused(Exception):
    """A request that is answered with this error code."""

    def __init__(self, code: str, execution: Execution | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.execution = execution


@dataclass
class Execution:
    """One job on one thing, as AWS keeps it."""

    thing: str
    job: str
    document: Any
    status: str = "QUEUED"
    details: dict[str, str] = field(default_factory=dict)
    version: int = 1
    queued_at: int = field(default_factory=lambda: int(time.time()))

    @property
    def data(self) -> Message:
        """JobExecution."""
        return {
            "jobId": self.job,
            "thingName": self.thing,
            "status": self.status,
            **({"statusDetails": self.details} if self.details else {}),
            "queuedAt": self.queued_at,
            "lastUpdatedAt": int(time.time()),
            "versionNumber": self.version,
            "executionNumber": 1,
            "jobDocument": self.document,
        }

    @property
    def state(self) -> Message:
        """JobExecutionState."""
        return {
            "status": self.status,
            "statusDetails": self.details,
            "versionNumber": self.version,
        }


@dataclass(frozen=True)
class Report:
    """An update of a device that was accepted."""

    job: str
    status: str
    details: dict[str, str]


class JobsService:
    """Jobs for every thing, in a `with` block. twice: say everything twice, as QoS 1 allows."""

    def __init__(self, twice: bool = False) -> None:
        self._twice = twice
        self._lock = threading.Condition()
        self._executions: list[Execution] = []
        self._clients: list[Client] = []
        self._threads: list[threading.Thread] = []
        self._reports: list[tuple[str, Report]] = []
        self._asked: list[tuple[str, int]] = []
        self._refused: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for client in self._clients:
            client.close()
        for thread in self._threads:
            thread.join()

    def attach(
        self, host: str, port: int, root: bytes, credentials: tuple[Path, Path] | None = None
    ) -> None:
        """Serve the devices behind this door. root: DER, what its chain ends in."""
        client = Client("jobs service", _ASKED, host, port, root, credentials)
        self._clients.append(client)
        thread = threading.Thread(target=self._serve, args=(client, port), daemon=True)
        thread.start()
        self._threads.append(thread)

    def create(self, thing: str, job: str, document: Any) -> None:
        """Give a thing a job; it is told when that is its next one."""
        with self._lock:
            before = self._next(thing)
            self._executions.append(Execution(thing, job, document))
            self._notify(thing, before)

    def cancel(self, thing: str, job: str) -> None:
        """Take a job back."""
        with self._lock:
            before = self._next(thing)
            execution = self._find(thing, job)
            execution.status = "CANCELED"
            execution.version += 1
            self._notify(thing, before)

    def reports(self, thing: str) -> list[Report]:
        """What this thing has reported, in order."""
        with self._lock:
            return [report for name, report in self._reports if name == thing]

    def refused(self, thing: str) -> list[str]:
        """The codes with which requests of this thing were refused, in order."""
        with self._lock:
            return [code for name, code in self._refused if name == thing]

    def wait_for_status(self, thing: str, job: str, status: str, timeout: float = 60) -> Report:
        """Wait until a thing reports this status of a job; the report."""

        def found() -> list[Report]:
            return [
                report
                for report in self.reports(thing)
                if (report.job, report.status) == (job, status)
            ]

        self._wait(found, f"{job} {status} of {thing}", timeout)
        return found()[0]

    def wait_for_start(self, thing: str, port: int, timeout: float = 60) -> None:
        """Wait until a thing asks for its next job behind the door on this port."""
        self._wait(lambda: (thing, port) in self._asked, f"start-next of {thing}", timeout)

    def _wait(self, found: Callable[[], object], what: str, timeout: float) -> None:
        with self._lock:
            if not self._lock.wait_for(found, timeout):
                raise TimeoutError(f"no {what}; there was {self._reports} {self._refused}")

    def _serve(self, client: Client, port: int) -> None:
        with contextlib.suppress(OSError):  # The door was closed.
            for topic, payload in client.messages():
                asked = _REQUEST.fullmatch(topic)
                if asked:
                    with self._lock:
                        self._answer(client, port, topic, payload, asked)
                        self._lock.notify_all()

    def _answer(
        self, client: Client, port: int, topic: str, payload: bytes, asked: re.Match[str]
    ) -> None:
        thing, request, job = asked.groups()
        answer: Message = {"timestamp": int(time.time())}
        outcome = "accepted"
        before = self._next(thing)
        try:
            message = _parsed(payload)
            if "clientToken" in message:
                answer["clientToken"] = message["clientToken"]
            if request == "start-next":
                self._asked.append((thing, port))
                answer |= self._start_next(thing, message)
            else:
                answer |= self._update(thing, job, message)
        except Refused as error:
            outcome = "rejected"
            self._refused.append((thing, error.code))
            answer |= {"code": error.code, "message": f"refused: {error.code}"}
            if error.execution:
                answer["executionState"] = error.execution.state
        self._tell([client], f"{topic}/{outcome}", answer)
        self._notify(thing, before)

    def _start_next(self, thing: str, message: Message) -> Message:
        execution = self._next(thing)
        if execution is None:
            return {}
        if execution.status == "QUEUED":
            execution.status = "IN_PROGRESS"
            execution.version += 1
            execution.details = _details(message) or execution.details
        return {"execution": execution.data}

    def _update(self, thing: str, job: str, message: Message) -> Message:
        execution = self._find(thing, job)
        status = message.get("status")
        details = _details(message)
        if status not in _SETTABLE:
            raise Refused("InvalidRequest")
        if execution.status in _DONE:
            raise Refused("InvalidStateTransition", execution)
        if message.get("expectedVersion", execution.version) != execution.version:
            raise Refused("VersionMismatch", execution)
        execution.status = status
        execution.version += 1
        if details is not None:
            execution.details = details
        self._reports.append((thing, Report(job, status, details or {})))
        return (
            {"executionState": execution.state} if message.get("includeJobExecutionState") else {}
        )

    def _find(self, thing: str, job: str) -> Execution:
        for execution in self._executions:
            if (execution.thing, execution.job) == (thing, job):
                return execution
        raise Refused("ResourceNotFound")

    def _next(self, thing: str) -> Execution | None:
        """The next one that is pending: those in progress first, then in order of creation."""
        pending = [
            execution
            for execution in self._executions
            if execution.thing == thing and execution.status in _PENDING
        ]
        pending.sort(key=lambda execution: _PENDING.index(execution.status))
        return pending[0] if pending else None

    def _notify(self, thing: str, before: Execution | None) -> None:
        """Tell the thing which job is its next one, if that is another than before."""
        execution = self._next(thing)
        if execution is before:
            return
        message: Message = {"timestamp": int(time.time())}
        if execution:
            message["execution"] = execution.data
        self._tell(self._clients, f"$aws/things/{thing}/jobs/notify-next", message)

    def _tell(self, clients: list[Client], topic: str, message: Message) -> None:
        for client in clients:
            for _ in range(1 + self._twice):
                client.publish(topic, json.dumps(message).encode())


class Client:
    """A client of the broker behind a door, with its subscriptions (MQTT 3.1.1, QoS 0).

    root, credentials: as for JobsService.attach. One thread alone uses the connection, as OpenSSL
    wants it: whoever goes through `messages` also sends what others left to send.
    """

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        host: str,
        port: int,
        root: bytes,
        credentials: tuple[Path, Path] | None = None,
    ) -> None:
        context = ssl.create_default_context(cadata=root)
        if credentials:
            context.load_cert_chain(*credentials)
        raw = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._sock = context.wrap_socket(raw, server_hostname=host)
        self._sock.settimeout(_PAUSE)
        self._unsent: deque[bytes] = deque()
        self._closed = False
        self._send(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text(name))
        filters = b"".join(_text(topic) + b"\x00" for topic in topics)
        self._send(0x82, b"\x00\x01" + filters)
        self._packets = self._received()
        for kind, size in ((0x20, 2), (0x90, 2 + len(topics))):
            got, body = next(self._packets)
            if got != kind or len(body) != size or 0x80 in body:
                raise ConnectionError(f"the broker answered {got:02x} {body.hex()}")

    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Every message that arrives, (topic, payload), until one side closes."""
        for kind, body in self._packets:
            if kind & 0xF0 == 0x30:
                stop = 2 + int.from_bytes(body[:2], "big")
                yield body[2:stop].decode(), body[stop:]

    def publish(self, topic: str, payload: bytes) -> None:
        self._send(0x30, _text(topic) + payload)

    def close(self) -> None:
        """Have `messages` end."""
        self._closed = True

    def _send(self, kind: int, body: bytes) -> None:
        length = bytearray()
        size = len(body)
        while size > 127:
            length.append(size & 127 | 128)
            size >>= 7
        length.append(size)
        self._unsent.append(bytes((kind,)) + length + body)

    def _received(self) -> Iterator[tuple[int, bytes]]:
        """Every packet, (type and flags, body)."""
        data = bytearray()
        with self._sock:
            while not self._closed:
                while self._unsent:
                    self._sock.sendall(self._unsent.popleft())
                try:
                    more = self._sock.recv(65536)
                except TimeoutError:
                    continue
                if not more:
                    return
                data += more
                while (found := _PACKET.match(data)) and len(data) >= _stop(found):
                    packet = data[: _stop(found)]
                    del data[: len(packet)]
                    yield packet[0], bytes(packet[found.end() :])


def _stop(header: re.Match[bytes]) -> int:
    """Where the packet ends that has this header."""
    size: int = sum((octet & 127) << 7 * place for place, octet in enumerate(header[1]))
    return header.end() + size


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def _parsed(payload: bytes) -> Message:
    try:
        message = json.loads(payload.decode()) if payload else {}
    except ValueError:
        raise Refused("InvalidJson") from None
    if not isinstance(message, dict) or not isinstance(message.get("clientToken", ""), str):
        raise Refused("InvalidRequest")
    return message


def _details(message: Message) -> dict[str, str] | None:
    """The statusDetails of a request, as the API reference limits them; None if there are none."""
    details = message.get("statusDetails")
    if details is None:
        return None
    if not isinstance(details, dict):
        raise Refused("InvalidRequest")
    for key, value in details.items():
        if not re.fullmatch(r"[a-zA-Z0-9:_-]{1,128}", key):
            raise Refused("InvalidRequest")
        if not isinstance(value, str) or not 0 < len(value) <= 1024 or not value.isprintable():
            raise Refused("InvalidRequest")
    return details
