"""`device fleet` survives kill -9 at any moment: nothing is lost, nothing is there twice."""

import base64
import csv
import hashlib
import itertools
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)

import aws_server
import killed_at
from ats_trust import credentials
from ats_trust_tools import cli
from ats_trust_tools.fleet.journal import State
from fleet_answers import results
from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
THINGS = 2000


def write_csv(folder: Path, count: int) -> list[str]:
    """Write things.csv and return the names in it."""
    names = [f"sensor-{number:04}" for number in range(count)]
    (folder / "things.csv").write_text("thing\n" + "\n".join(names) + "\n")
    return names


def killed(folder: Path, number: int, whom: str, arguments: list[str]) -> int:
    """Run a command up to its change number to the disk; return its exit status."""
    child = os.fork()  # Quicker than a new interpreter.
    if not child:
        os.setsid()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # Not pytest's, which would go on.
        signal.alarm(60)
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(killed_at.main(["count", str(number), whom, *arguments]))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code


def test_a_fleet_is_whole_after_kills_at_random_moments(tmp_path: Path) -> None:
    """2,000 things, ten kills while keys are made and five while device files are."""
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)
    moments = random.Random(seed)
    names = write_csv(tmp_path, THINGS)
    make = f"device fleet --csv things.csv --endpoint {HOST} --processes 2 -o".split()
    complete = "device fleet --results results.jsonl -o fleet".split()

    assert killed(tmp_path, 0, "all", [*make, "unharmed"]) == 0
    tenth = int((tmp_path / "count").read_text()) // 10
    for _ in range(10):
        number = moments.randint(1, tenth)
        assert killed(tmp_path, number, moments.choice(["all", "parent"]), [*make, "fleet"])
    assert killed(tmp_path, 0, "all", [*make, "fleet"]) == 0
    state = check_whole(tmp_path / "fleet", names)
    assert not state.certificates

    (tmp_path / "results.jsonl").write_text(results(tmp_path / "fleet", moments))
    for _ in range(5):
        assert killed(tmp_path, moments.randint(1, THINGS // 2), "all", complete)
    assert killed(tmp_path, 0, "all", complete) == 0
    state = check_whole(tmp_path / "fleet", names)
    assert sorted(state.certificates) == names
    assert not (tmp_path / "fleet" / "registration.jsonl").exists()
    again = Shell(tmp_path).ok(" ".join(complete) + " --json").json
    assert (again["accepted"], again["waiting"]) == (0, [])


def check_whole(folder: Path, names: list[str]) -> State:
    """Every thing has one key, one CSR for it, one result in the journal, one manifest line."""
    state = State()
    for line in (folder / "journal.jsonl").read_text().splitlines():
        record = json.loads(line)
        assert record.get("made") not in state.made
        assert not set(state.things) & {thing[0] for thing in record.get("things", [])}
        assert record.get("thing") not in state.certificates
        state.apply(record)
    assert list(state.things) == names

    keys = {}
    for file in sorted((folder / "keys").iterdir()):
        for line in file.read_text().splitlines():
            name, digest, _ = line.split("\t")
            assert name not in keys
            keys[name] = public_key(line)
            assert hashlib.sha256(keys[name]).hexdigest() == digest == state.keys[name]
    requests = {}
    for file in sorted((folder / "requests").iterdir()):
        for line in file.read_text().splitlines():
            found = json.loads(line)
            assert found["ThingName"] not in requests
            request = x509.load_pem_x509_csr(found["CSR"].encode())
            assert request.is_signature_valid
            requests[found["ThingName"]] = request.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
    assert keys == requests
    assert sorted(keys) == names
    assert len(set(keys.values())) == len(names)

    with (folder / "manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["thing"] for row in rows] == names
    for row in rows:
        name = row["thing"]
        certified = state.certificates.get(name)
        assert row["state"] == ("complete" if certified else "requested")
        assert row["spki_sha256"] == state.keys[name]
        if certified:
            device = credentials.load_device(str(folder / row["device_file"]))
            assert device.client_id == name
            assert device.credentials()[0] == certified.certificate
    assert len(list((folder / "devices").iterdir())) == len(state.certificates)

    assert not list(folder.rglob("*.partial"))
    secret = [folder / "journal.jsonl", *(folder / "keys").iterdir()]
    for path in [*secret, *(folder / "devices").iterdir()]:
        assert path.stat().st_mode & 0o777 == 0o600
    for path in (folder, folder / "keys", folder / "devices"):
        assert path.stat().st_mode & 0o777 == 0o700
    return state


def public_key(line: str) -> bytes:
    """Return the public half (DER) of the key in a line of a file of keys."""
    key = load_der_private_key(base64.b64decode(line.split("\t")[2]), None)
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# Operation of AWS's API and the number of calls after which a run is killed, one after another.
STEPS = (
    ("CreateThing", 5),
    ("CreateCertificateFromCsr", 7),
    ("CreateCertificateFromCsr", 13),
    ("AttachPolicy", 5),
    ("AttachThingPrincipal", 5),
    ("UpdateCertificate", 5),
)


def killed_after(operation: str, count: int, command: str) -> None:
    """Run a command up to an answer of AWS, which it never hears."""
    from botocore.client import BaseClient

    answers = itertools.count(1)
    call = BaseClient._make_api_call

    def deadly(self: BaseClient, name: str, arguments: dict[str, object]) -> object:
        answer = call(self, name, arguments)
        if name == operation and next(answers) >= count:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    child = os.fork()
    if not child:
        BaseClient._make_api_call = deadly
        os._exit(cli.main(command.split()))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def at_aws(iot: Any, names: list[str]) -> dict[str, list[str]]:
    """Return the state of each thing's certificates; what is active has its thing and policy."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for one in iot.list_certificates(pageSize=250)["certificates"]:
        described = iot.describe_certificate(certificateId=one["certificateId"])
        pem = described["certificateDescription"]["certificatePem"]
        subject = x509.load_pem_x509_certificate(pem.encode()).subject
        name = subject.rfc4514_string().removeprefix("CN=")
        found[name].append(one["status"])
        if one["status"] == "ACTIVE":
            arn = one["certificateArn"]
            assert iot.list_principal_things(principal=arn)["things"] == [name]
            assert len(iot.list_attached_policies(target=arn)["policies"]) == 1
    return found


def test_a_fleet_at_aws_is_whole_after_kills_between_the_steps(
    aws: aws_server.AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is active is complete at any moment; in the end each has one certificate, active."""
    names = write_csv(tmp_path, 23)
    shell = Shell(tmp_path)
    shell.ok(f"device fleet --csv things.csv --endpoint {HOST} -o fleet")
    monkeypatch.chdir(tmp_path)
    command = "device fleet --aws --yes -o fleet"
    iot = boto3.client("iot", endpoint_url=aws.url)
    first = json.loads((tmp_path / "fleet/registration.jsonl").read_text().splitlines()[0])
    for operation, count in STEPS:
        killed_after(operation, count, command)
        states = at_aws(iot, names)
        assert all(of_one.count("ACTIVE") <= 1 for of_one in states.values())
        assert operation == "CreateThing" or ["INACTIVE"] in states.values()
        if count == 7:
            # AWS made one twice, as when its answer was lost on the way and asked for again.
            request = first["CSR"]
            iot.create_certificate_from_csr(certificateSigningRequest=request, setAsActive=False)

    shell.ok(command)

    state = check_whole(tmp_path / "fleet", names)
    assert sorted(state.certificates) == names
    found = {one["certificateArn"]: one for one in iot.list_certificates()["certificates"]}
    assert {one.arn for one in state.certificates.values()} == set(found)
    assert at_aws(iot, names) == {name: ["ACTIVE"] for name in names}
    assert shell.ok(command + " --json").json["accepted"] == 0
    assert len(iot.list_certificates()["certificates"]) == len(names)


def test_a_kill_is_a_kill(tmp_path: Path) -> None:
    """The program that kills does so, and what it leaves is not whole."""
    write_csv(tmp_path, 50)
    make = f"device fleet --csv things.csv --endpoint {HOST} -o fleet".split()

    assert killed(tmp_path, 20, "all", make) == -signal.SIGKILL
    assert not (tmp_path / "fleet" / "manifest.csv").exists()
