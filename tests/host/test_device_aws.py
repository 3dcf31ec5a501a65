"""`device create --aws` against moto's server: one command, one certificate, whatever happens."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

import aws_server
from ats_trust import credentials
from ats_trust_tools.device_blob import PENDING
from ats_trust_tools.device_file import read_device
from interpreters import REPOSITORY
from shell import Shell

CREATE = "device create --aws --thing lamp -o lamp.bin"
PYTHONPATH = f"{REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
ARN = f"arn:aws:iot:{aws_server.REGION}:123456789012:"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


@pytest.fixture
def iot(aws: aws_server.AwsServer) -> Any:
    """AWS's own client on the same account."""
    return boto3.client("iot", endpoint_url=aws.url)


def certificates(iot: Any) -> list[str]:
    """The state of each certificate in the account."""
    return [one["status"] for one in iot.list_certificates()["certificates"]]


def test_jobs_are_the_things(iot: Any, shell: Shell) -> None:
    """Where client and thing differ, the program has to know the thing's name."""
    warned = "the board's program has to say Jobs('lamp', ...)"

    assert warned in shell.ok(CREATE + " --yes --jobs --client-id lamp-1").err
    other = CREATE.replace("lamp", "bulb")
    assert "Jobs(" not in shell.ok(other + " --yes --jobs").err


def test_from_credentials_to_a_device_file(iot: Any, shell: Shell) -> None:
    """Thing, policy and certificate are made and attached; the board can read the file."""
    shown = shell.ok(CREATE + " --yes --client-id lamp-1").out

    device = credentials.load_device(str(shell.path("lamp.bin")))
    host = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert (device.host, device.port, device.client_id) == (host, 8883, "lamp-1")
    assert shell.path("lamp.bin").stat().st_mode & 0o777 == 0o600
    assert shell.files() == ["lamp.bin"]
    assert shell.ok("device show lamp.bin --json").json["warnings"] == []
    assert certificates(iot) == ["ACTIVE"]
    (arn,) = iot.list_thing_principals(thingName="lamp")["principals"]
    (policy,) = iot.list_attached_policies(target=arn)["policies"]
    document = json.loads(iot.get_policy(policyName=policy["policyName"])["policyDocument"])
    assert [one["Resource"] for one in document["Statement"]] == [
        [f"{ARN}client/lamp-1"],
        [f"{ARN}topic/lamp/*"],
        [f"{ARN}topicfilter/lamp/*"],
    ]
    assert [one["Action"] for one in document["Statement"]] == [
        ["iot:Connect"],
        ["iot:Publish", "iot:Receive"],
        ["iot:Subscribe"],
    ]
    assert f'"{ARN}client/lamp-1"' in shown  # The policy was shown.

    before = shell.path("lamp.bin").read_bytes()
    assert "is there already and would be lost" in shell.refused(CREATE + " --yes")
    assert shell.path("lamp.bin").read_bytes() == before
    assert certificates(iot) == ["ACTIVE"]


def test_nothing_is_made_unasked(iot: Any, shell: Shell) -> None:
    """Without --yes a terminal is needed, and anything but y makes nothing."""
    found = subprocess.run(
        [sys.executable, "-m", "ats_trust_tools", *CREATE.split()],
        cwd=shell.folder,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        input="y\n",
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    assert "give --yes" in found.stderr

    master, terminal = pty.openpty()
    os.write(master, b"n\n")
    refused = subprocess.run(
        [sys.executable, "-m", "ats_trust_tools", *CREATE.split()],
        cwd=shell.folder,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        stdin=terminal,
        capture_output=True,
        text=True,
    )
    os.close(master)
    os.close(terminal)
    assert refused.returncode == 1
    assert "Make this? [y/N]" in refused.stderr
    assert "nothing was made" in refused.stderr
    assert shell.files() == []
    assert (certificates(iot), iot.list_things()["things"]) == ([], [])
    assert iot.list_policies()["policies"] == []


# Killed right after AWS has done it, or before it is asked.
KILLED_AFTER = (
    "CreateThing",
    "CreateCertificateFromCsr",
    "AttachPolicy",
    "AttachThingPrincipal",
    "UpdateCertificate",
)
_DIES = """
import os, signal, sys
from ats_trust_tools import aws, cli
plain = aws.client
def client(*args, **options):
    made = plain(*args, **options)
    made.meta.events.register("after-call.iot." + sys.argv[1], die)
    return made
def die(**_):
    os.kill(os.getpid(), signal.SIGKILL)
aws.client = client
cli.main(sys.argv[2:])
"""


@pytest.mark.parametrize("operation", KILLED_AFTER)
def test_a_killed_run_is_taken_up(operation: str, iot: Any, shell: Shell) -> None:
    """After kill -9 at any step the same command ends with one active certificate, for one key."""
    killed = subprocess.run(
        [sys.executable, "-c", _DIES, operation, *CREATE.split(), "--yes"],
        cwd=shell.folder,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    waiting = read_device(shell.path("lamp.bin"))
    assert waiting.format == PENDING

    shell.ok(CREATE + " --yes")

    assert certificates(iot) == ["ACTIVE"]
    assert read_device(shell.path("lamp.bin")).key == waiting.key
    assert shell.ok("device show lamp.bin --json").json["warnings"] == []


_FAILS = """
import sys
from botocore.exceptions import ClientError
from ats_trust_tools import aws, cli
plain = aws.client
def client(*args, **options):
    made = plain(*args, **options)
    made.meta.events.register("before-call.iot." + sys.argv[1], fail)
    return made
def fail(**_):
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, sys.argv[1])
aws.client = client
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    "operation", ["CreatePolicy", "CreateCertificateFromCsr", "AttachPolicy", "UpdateCertificate"]
)
def test_a_step_that_fails_is_undone(operation: str, iot: Any, shell: Shell) -> None:
    """No active certificate is left, what exists is said, and the command works when repeated."""
    failed = subprocess.run(
        [sys.executable, "-c", _FAILS, operation, *CREATE.split(), "--yes"],
        cwd=shell.folder,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
    )
    assert failed.returncode == 1
    assert "AWS denies it to you" in failed.stderr
    assert "at AWS there is now: thing lamp" in failed.stderr
    if operation == "UpdateCertificate":  # With which it could be taken back.
        assert "could not be taken back" in failed.stderr
        assert certificates(iot) == ["INACTIVE"]
    else:
        assert certificates(iot) == []

    shell.ok(CREATE + " --yes")

    assert certificates(iot) == ["ACTIVE"]


def test_a_second_certificate_of_the_same_key_is_removed(iot: Any, shell: Shell) -> None:
    """Orphans are found by their public key; one is used, the others are deleted."""
    host = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    shell.ok(f"device create --endpoint {host} --client-id lamp --csr lamp.pem -o lamp.bin")
    request = shell.path("lamp.pem").read_text()
    for active in (True, False, True):
        iot.create_certificate_from_csr(certificateSigningRequest=request, setAsActive=active)
    iot.create_keys_and_certificate(setAsActive=True)  # Somebody else's.

    shell.ok(CREATE + " --yes")

    assert certificates(iot) == ["ACTIVE", "ACTIVE"]
    assert len(iot.list_thing_principals(thingName="lamp")["principals"]) == 1


def test_a_full_disk_leaves_no_certificate(iot: Any, shell: Shell) -> None:
    """Where the key can not be kept, no certificate is asked for."""
    said = shell.run("device create --aws --thing lamp --yes -o /dev/full")

    assert said.status == 1
    assert certificates(iot) == []
    assert iot.list_things()["things"] == []


REFUSED = {
    "--thing 'a b'": "is no name of a thing",
    "--thing a --client-id 'a*'": "would be wildcards",
    "--thing a --topic /#": "is no topic of one thing",
    "--thing a --topic '#'": "no other wildcard",
    "--thing a --topic 'a/+/b'": "no other wildcard",
    "--thing a --topic 'a/${iot:ClientId}'": "no other wildcard",
    "--thing a --policy-name 'a b'": "is no name of a policy",
}


@pytest.mark.parametrize("options", REFUSED)
def test_names_that_mean_more_are_refused(
    options: str, no_aws: pytest.MonkeyPatch, shell: Shell
) -> None:
    """A wildcard never reaches a policy by way of a name; AWS is not even asked."""
    line = f"device create --aws -o a.bin --yes {options}"

    assert REFUSED[options] in shell.refused(line, status=2)


def test_a_policy_of_that_name_must_say_the_same(iot: Any, shell: Shell) -> None:
    """A policy that says something else is neither used nor changed, and nothing is made."""
    wide = '{"Version": "2012-10-17", "Statement": []}'
    iot.create_policy(policyName="ats-trust-lamp", policyDocument=wide)

    assert "says something else" in shell.refused(CREATE + " --yes")

    assert (certificates(iot), shell.files()) == ([], [])
