"""`device fleet` survives kill -9 at any moment: nothing is lost, nothing is there twice."""

import base64
import csv
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import boto3
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)

import aws_server
import killed_at
from ats_trust import credentials
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
    program = [sys.executable, killed_at.__file__, "count", str(number), whom]
    done = subprocess.run(
        [*program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


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


AFTER_ANSWER = """
import os, signal, sys
from ats_trust_tools import cli
from ats_trust_tools.fleet import aws_things
aws_things.accept = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
cli.main(sys.argv[1:])
"""


def test_orphans_at_aws_are_adopted(aws: aws_server.AwsServer, tmp_path: Path) -> None:
    """Killed between AWS's answer and the log: each certificate is found again, none is second."""
    names = write_csv(tmp_path, 23)
    shell = Shell(tmp_path)
    shell.ok(f"device fleet --csv things.csv --endpoint {HOST} -o fleet")
    command = "device fleet --aws --yes -o fleet"
    done = subprocess.run(
        [sys.executable, "-c", AFTER_ANSWER, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    iot = boto3.client("iot", endpoint_url=aws.url)
    orphans = iot.list_certificates()["certificates"]
    assert len(orphans) == 20
    # One that AWS made twice, as when its answer was lost on the way and asked for again.
    first = json.loads((tmp_path / "fleet/registration.jsonl").read_text().splitlines()[0])
    iot.create_certificate_from_csr(certificateSigningRequest=first["CSR"], setAsActive=True)

    shell.ok(command)

    state = check_whole(tmp_path / "fleet", names)
    assert sorted(state.certificates) == names
    found = {one["certificateArn"]: one for one in iot.list_certificates()["certificates"]}
    assert {one.arn for one in state.certificates.values()} == set(found)
    assert {one["status"] for one in found.values()} == {"ACTIVE"}
    for name in names:
        assert iot.list_thing_principals(thingName=name)["principals"] == [
            state.certificates[name].arn
        ]
        attached = iot.list_attached_policies(target=state.certificates[name].arn)["policies"]
        assert [one["policyName"] for one in attached] == [state.policy]
    assert shell.ok(command + " --json").json["accepted"] == 0
    assert len(iot.list_certificates()["certificates"]) == len(names)


def test_a_kill_is_a_kill(tmp_path: Path) -> None:
    """The program that kills does so, and what it leaves is not whole."""
    write_csv(tmp_path, 50)
    make = f"device fleet --csv things.csv --endpoint {HOST} -o fleet".split()

    assert killed(tmp_path, 20, "all", make) == -signal.SIGKILL
    assert not (tmp_path / "fleet" / "manifest.csv").exists()
