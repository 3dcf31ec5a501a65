"""The Jobs service of the tests answers as the AWS IoT Core developer guide says AWS does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ats_trust.jobs import Jobs
from ats_trust_tools.emulate import Emulator
from ats_trust_tools.emulate.profiles import to_der
from jobs_service import Client, JobsService

_BASE = "$aws/things/lamp/jobs/"
_DOCUMENT = {"operation": "test"}


class Device:
    """A device's side: what it publishes is answered by the next message that it gets."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._messages = client.messages()

    def hears(self) -> tuple[str, Any]:
        """The next message: topic below jobs/, content without times."""
        topic, payload = next(self._messages)
        message = json.loads(payload)
        assert isinstance(message.pop("timestamp"), int)
        for field in ("queuedAt", "lastUpdatedAt"):
            message.get("execution", {}).pop(field, None)
        return topic.removeprefix(_BASE), message

    def asks(self, name: str, **request: Any) -> tuple[str, Any]:
        """Publish a request; the answer."""
        self._client.publish(_BASE + name, json.dumps(request).encode())
        return self.hears()

    def updates(self, job: str, status: str | None, version: int, **more: Any) -> tuple[str, Any]:
        """Publish an update; whether it was accepted, and the answer."""
        request = {"status": status, "expectedVersion": version, **more}
        topic, answer = self.asks(f"{job}/update", **request)
        return topic.removeprefix(f"{job}/update/"), answer


@pytest.fixture
def places() -> Iterator[tuple[JobsService, Device]]:
    """The service, and a device behind the same door."""
    with Emulator("ecdsa") as emulator, JobsService() as service:
        root = to_der(emulator.pki.root("ecdsa"))
        service.attach(emulator.host, emulator.port, root)
        topics = Jobs("lamp", None).topics
        client = Client("lamp", topics, emulator.host, emulator.port, root)
        device = Device(client)
        yield service, device
        client.close()


def execution(job: str, status: str, version: int, **more: Any) -> dict[str, Any]:
    """JobExecution without its times."""
    return {
        "jobId": job,
        "thingName": "lamp",
        "status": status,
        "versionNumber": version,
        "executionNumber": 1,
        "jobDocument": _DOCUMENT,
        **more,
    }


def test_the_life_of_a_job(places: tuple[JobsService, Device]) -> None:
    """It is announced, started, started again as it is, updated and over; then there is none."""
    service, device = places
    assert device.asks("start-next", clientToken="x") == (
        "start-next/accepted",
        {"clientToken": "x"},
    )
    service.create("lamp", "job1", _DOCUMENT)
    service.create("other", "job1", {})
    assert device.hears() == ("notify-next", {"execution": execution("job1", "QUEUED", 1)})
    for _ in range(2):
        assert device.asks("start-next") == (
            "start-next/accepted",
            {"execution": execution("job1", "IN_PROGRESS", 2)},
        )
    assert device.updates("job1", "IN_PROGRESS", 2, statusDetails={"a": "b"}) == ("accepted", {})
    assert device.asks("start-next")[1] == {
        "execution": execution("job1", "IN_PROGRESS", 3, statusDetails={"a": "b"})
    }
    state = {"status": "SUCCEEDED", "statusDetails": {"a": "b"}, "versionNumber": 4}
    assert device.updates("job1", "SUCCEEDED", 3, includeJobExecutionState=True) == (
        "accepted",
        {"executionState": state},
    )
    assert device.hears() == ("notify-next", {})
    assert [report.status for report in service.reports("lamp")] == ["IN_PROGRESS", "SUCCEEDED"]


def test_the_order_of_jobs(places: tuple[JobsService, Device]) -> None:
    """Those in progress come first, then the older; the device hears when the next one changes."""
    service, device = places
    for job in ("job1", "job2", "job3"):
        service.create("lamp", job, _DOCUMENT)
    assert device.hears()[1] == {"execution": execution("job1", "QUEUED", 1)}
    assert device.updates("job3", "IN_PROGRESS", 1) == ("accepted", {})
    assert device.hears()[1] == {"execution": execution("job3", "IN_PROGRESS", 2)}
    assert device.updates("job2", "REJECTED", 1) == ("accepted", {})
    service.cancel("lamp", "job3")
    assert device.hears()[1] == {"execution": execution("job1", "QUEUED", 1)}


def test_refusals(places: tuple[JobsService, Device]) -> None:
    """What AWS would refuse is refused, with its code, and changes nothing."""
    service, device = places
    service.create("lamp", "job1", _DOCUMENT)
    device.hears()
    state = {"status": "QUEUED", "statusDetails": {}, "versionNumber": 1}
    outcome, answer = device.updates("job1", "IN_PROGRESS", 2)
    assert (outcome, answer["code"]) == ("rejected", "VersionMismatch")
    assert answer["executionState"] == state
    for status in ("QUEUED", "CANCELED", "TIMED_OUT", "", None):
        outcome, answer = device.updates("job1", status, 1)
        assert (outcome, answer["code"]) == ("rejected", "InvalidRequest")
    for details in ([], "x", {"a": ""}, {"a": 1}, {"a": "\n"}, {"a": "x" * 1025}, {"a b": "c"}):
        outcome, answer = device.updates("job1", "IN_PROGRESS", 1, statusDetails=details)
        assert (outcome, answer["code"]) == ("rejected", "InvalidRequest")
    assert device.updates("job2", "FAILED", 1)[1]["code"] == "ResourceNotFound"
    assert device.updates("job1", "FAILED", 1) == ("accepted", {})
    device.hears()
    outcome, answer = device.updates("job1", "IN_PROGRESS", 2)
    assert (outcome, answer["code"]) == ("rejected", "InvalidStateTransition")
    assert answer["executionState"]["status"] == "FAILED"
    assert len(service.refused("lamp")) == 15
