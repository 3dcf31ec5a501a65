"""A rotation as a job of AWS IoT: made once, found again, watched until it has ended.

Sources: AWS IoT API reference (CreateJob, DescribeJob, ListJobExecutionsForJob,
DescribeJobExecution). Rules: a job's name says which bundle goes to whom, so that the same command
again finds the job that it made; a job of that name with anything else in it is not touched.
boto3 comes in as an object.
"""

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ats_trust.signed import SignedBundle

from .aws import aws_failures
from .aws_certificates import every
from .errors import ToolError

OPERATION = "ats_trust.rotate"  # As ats_trust.jobs knows its documents.
MAX_TARGETS = 100  # Of a job: things, or groups of things with any number in them.
MAX_EXPLAINED = 20
POLL_SECONDS = 5.0

# What a device can end in beside success, and what AWS counts each state as.
ENDED_BADLY = ("FAILED", "REJECTED", "TIMED_OUT", "CANCELED", "REMOVED")
_COUNTS = {
    "QUEUED": "numberOfQueuedThings",
    "IN_PROGRESS": "numberOfInProgressThings",
    "SUCCEEDED": "numberOfSucceededThings",
    "FAILED": "numberOfFailedThings",
    "REJECTED": "numberOfRejectedThings",
    "TIMED_OUT": "numberOfTimedOutThings",
    "CANCELED": "numberOfCanceledThings",
    "REMOVED": "numberOfRemovedThings",
}
_JOB_ENDED = ("COMPLETED", "CANCELED", "DELETION_IN_PROGRESS")


class JobDeleted(ToolError):
    """The job is gone, and with it what is known of its devices."""


@dataclass(frozen=True)
class Progress:
    """How far a job is. status: AWS's word for it. counts: devices by the state of theirs."""

    status: str
    counts: dict[str, int]

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in _JOB_ENDED

    @property
    def succeeded(self) -> bool:
        """Whether every device has confirmed the update."""
        good = self.counts["SUCCEEDED"]
        return self.status == "COMPLETED" and good == sum(self.counts.values()) > 0


def look_at_targets(iot: Any, things: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Return the ARNs of things and groups. Raises ToolError when one is not there."""
    found = []
    missing = []
    with aws_failures():
        for name in things:
            try:
                found.append(str(iot.describe_thing(thingName=name)["thingArn"]))
            except iot.exceptions.ResourceNotFoundException:
                missing.append(f"thing {name}")
        for name in groups:
            try:
                found.append(str(iot.describe_thing_group(thingGroupName=name)["thingGroupArn"]))
            except iot.exceptions.ResourceNotFoundException:
                missing.append(f"thing group {name}")
    if missing:
        raise ToolError(
            f"AWS knows no {', no '.join(missing)} in {iot.meta.region_name}; check the names and "
            "the region, nothing was made"
        )
    return found


def job_name(update: SignedBundle, targets: Sequence[str]) -> str:
    """Return the name of the job that brings this bundle to these targets."""
    whom = hashlib.sha256("\n".join(sorted(targets)).encode()).hexdigest()
    return f"ats-trust-{update.version}-{update.digest.hex()[:8]}-{whom[:8]}"


def document(update: SignedBundle, content: bytes) -> str:
    """Return the job document: what `ats_trust.jobs` on the device takes.

    A bundle has at most 8,192 bytes, so a document is far below AWS's limit of 32,768.
    """
    encoded = base64.b64encode(content).decode()
    return json.dumps({"operation": OPERATION, "version": update.version, "bundle": encoded})


def find_job(iot: Any, name: str, update: SignedBundle) -> bool:
    """Whether the job is there. Raises ToolError for one that is another, or that was stopped."""
    with aws_failures():
        try:
            status = str(iot.describe_job(jobId=name)["job"]["status"])
        except iot.exceptions.ResourceNotFoundException:
            return False
        found = str(iot.get_job_document(jobId=name)["document"])
    if not _is_same(found, update):
        raise ToolError(
            f"AWS has a job {name} that brings something else; look at it (`aws iot "
            f"get-job-document --job-id {name}`)"
        )
    if status in ("CANCELED", "DELETION_IN_PROGRESS"):
        raise ToolError(
            f"the job {name} was there already and is {status}; to begin again, delete it (`aws "
            f"iot delete-job --force --job-id {name}`) and wait until it is gone"
        )
    return True


def make_job(
    iot: Any,
    name: str,
    update: SignedBundle,
    targets: Sequence[str],
    text: str,
    timeout: int | None,
) -> None:
    """Make the job. text: its document. timeout: minutes that a device may be at it."""
    options = {"timeoutConfig": {"inProgressTimeoutInMinutes": timeout}} if timeout else {}
    with aws_failures():
        try:
            iot.create_job(
                jobId=name,
                targets=list(targets),
                document=text,
                description=f"ats_trust: trust anchors, version {update.version}",
                targetSelection="SNAPSHOT",
                **options,
            )
            return
        except iot.exceptions.ResourceAlreadyExistsException:
            pass  # An attempt of ours whose answer was lost, or another one at the same time.
    find_job(iot, name, update)


def progress_of(iot: Any, name: str) -> Progress:
    """Ask AWS how far the job is."""
    with aws_failures():
        try:
            job = iot.describe_job(jobId=name)["job"]
        except iot.exceptions.ResourceNotFoundException:
            raise JobDeleted(
                f"AWS has no job {name} any more, it was deleted; what a device has, "
                "`ats_trust.update.status()` says there"
            ) from None
        details = job.get("jobProcessDetails", {})
        counts = {state: int(details.get(key, 0)) for state, key in _COUNTS.items()}
        return Progress(str(job["status"]), counts)


def watch(iot: Any, name: str, changed: Callable[[Progress], None]) -> Progress:
    """Return how the job ended. changed: called with each state that differs from the one before.

    Raises ToolError; the job goes on without us then.
    """
    before = None
    while True:
        try:
            now = progress_of(iot, name)
        except JobDeleted:
            raise
        except ToolError as error:
            raise ToolError(
                f"{error}; the job {name} goes on at AWS, the same command watches it again"
            ) from None
        if now != before:
            changed(now)
            before = now
        if now.ended:
            return now
        time.sleep(POLL_SECONDS)


def reports(iot: Any, name: str, states: Sequence[str]) -> list[dict[str, Any]]:
    """Return the devices in these states: "thing", "state", and "details", which it reported.

    The details of the first MAX_EXPLAINED only: each is a call.
    """
    found: list[dict[str, Any]] = []
    with aws_failures():
        for state in states:
            entries = every(
                iot, "list_job_executions_for_job", "executionSummaries", jobId=name, status=state
            )
            for entry in entries:
                thing = str(entry["thingArn"]).rpartition("/")[2]
                details = _details(iot, name, thing) if len(found) < MAX_EXPLAINED else {}
                found.append({"thing": thing, "state": state, "details": details})
    return found


def _details(iot: Any, name: str, thing: str) -> dict[str, str]:
    try:
        execution = iot.describe_job_execution(jobId=name, thingName=thing)["execution"]
    except iot.exceptions.ResourceNotFoundException:
        return {}  # Of a thing that was removed.
    return dict(execution.get("statusDetails", {}).get("detailsMap", {}))


def _is_same(text: str, update: SignedBundle) -> bool:
    """Whether a job document brings this update; it may have been signed at another moment."""
    try:
        found = json.loads(text)
        content = base64.b64decode(found["bundle"])
        return found["operation"] == OPERATION and update.digest in content
    except (ValueError, KeyError, TypeError, binascii.Error):
        return False
