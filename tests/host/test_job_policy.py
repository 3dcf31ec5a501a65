"""The policies that `--jobs` makes let a device take the jobs of its own thing, and no others."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest

import aws_server
from ats_trust.jobs import Jobs
from shell import Shell

_SENT = ("start-next", "rotate-8/update")
_ANSWERS = (
    "notify-next",
    "start-next/accepted",
    "start-next/rejected",
    "rotate-8/update/accepted",
)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The user's shell, in an empty folder."""
    return Shell(tmp_path)


def allowed(document: dict[str, Any], action: str, kind: str, name: str) -> bool:
    """Whether AWS would allow this to the thing `lamp`; "*" stands for any characters."""
    resource = f"arn:aws:iot:eu-central-1:123456789012:{kind}/{name}"
    return any(
        action in statement["Action"]
        and fnmatchcase(resource, one.replace("${iot:Connection.Thing.ThingName}", "lamp"))
        for statement in document["Statement"]
        for one in statement["Resource"]
    )


def check(document: dict[str, Any]) -> None:
    """It allows what ats_trust.jobs does on the thing `lamp`, and the same on no other thing."""
    for thing, expected in (("lamp", True), ("lamp2", False), ("other", False)):
        base = f"$aws/things/{thing}/jobs/"
        jobs = Jobs(thing, None)
        answers = [
            *((("iot:Subscribe", "topicfilter", topic)) for topic in jobs.topics),
            *(("iot:Receive", "topic", base + name) for name in _ANSWERS),
            *(("iot:Publish", "topic", base + name) for name in _SENT),
        ]
        assert {allowed(document, *each) for each in answers} == {expected}
    assert not allowed(document, "iot:Publish", "topic", "$aws/things/lamp/shadow/update")
    assert allowed(document, "iot:Publish", "topic", "lamp/status")


def test_of_one_thing(aws: aws_server.AwsServer, shell: Shell) -> None:
    """`device create --aws --jobs`."""
    shell.ok("device create --aws --thing lamp --jobs --yes -o lamp.bin")
    iot = boto3.client("iot", endpoint_url=aws.url)
    found = iot.get_policy(policyName="ats-trust-lamp")["policyDocument"]
    account = iot.describe_thing(thingName="lamp")["thingArn"].split(":")[4]
    check(
        json.loads(
            found.replace(account, "123456789012").replace(iot.meta.region_name, "eu-central-1")
        )
    )


def test_of_a_fleet(shell: Shell) -> None:
    """`device fleet --jobs`; a policy of the user's own says itself what it allows."""
    shell.path("things.csv").write_text("thing\nlamp\n")
    make = (
        "device fleet --csv things.csv --account 123456789012 -o fleet"
        " --endpoint a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
    )
    shell.ok(make + " --jobs")
    template = json.loads(shell.path("fleet/provisioning-template.json").read_text())
    check(json.loads(template["Resources"]["policy"]["Properties"]["PolicyDocument"]))
    assert "own policy" in shell.refused(make + " --jobs --policy ours", status=2)
