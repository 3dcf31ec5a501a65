"""`ats-trust rotate`: what would cut devices off is refused; a job is made once and watched.

The account is moto's. moto's jobs never change, so what devices report of them comes from
`aws_jobs_server`, in front of moto.
"""

import base64
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

import tls_servers
from ats_trust.signed import SignedBundle, key_id
from ats_trust_tools import aws_jobs
from ats_trust_tools.bundle import MAX_BYTES, Anchor, encode_bundle
from ats_trust_tools.signed_bundle import Terms, sign_bundle
from ats_trust_tools.signing_key import new_signing_key, point_of
from ats_trust_tools.trim import trim
from aws_jobs_server import AwsJobs
from aws_server import AwsServer
from interpreters import REPOSITORY
from made_certificates import DAY, NOW
from shell import Shell
from tls_pki import SERVER_AUTH, Party, issue, key, name

KEYS = [new_signing_key() for _ in range(3)]
POINTS = [point_of(one.public_key()) for one in KEYS]


def root(kind: str, number: int) -> Party:
    """A root of the tests'."""
    private = key(kind, 10 + number)
    usage = ("key_cert_sign",)
    return issue(name(f"{kind} root {number}"), private, ca=True, key_usage=usage, end=900 * DAY)


RSA_ROOT, EC_ROOT, OTHER_ROOT = root("rsa2048", 1), root("SECP256R1", 2), root("SECP256R1", 3)
BOTH = (RSA_ROOT, EC_ROOT)


def server(host: str, above: Party) -> tuple[Party, Party]:
    """A server's certificate for this host, and the root that signed it."""
    kind = "rsa2048" if above is RSA_ROOT else "SECP256R1"
    leaf = issue(
        name("server"),
        key(kind, 20),
        above,
        sans=[x509.DNSName(host)],
        purposes=[SERVER_AUTH],
        key_usage=("digital_signature",),
    )
    return leaf, above


def entry(party: Party, role: str = "ats") -> tuple[int, bytes]:
    """A root as bundles hold it, for servers with a key of its own kind."""
    leaf = "rsa" if party is RSA_ROOT else "ecdsa"
    anchor = Anchor(party.der, frozenset({leaf}), frozenset({role}))
    return anchor.use, trim(party.der)


@dataclass
class Field:
    """A fleet: its account, its endpoint, a server there with two chains, and who signs."""

    shell: Shell
    host: str
    address: str
    jobs: AwsJobs

    def sign(
        self,
        file: str = "signed.bin",
        *,
        hosts: Sequence[str] = (),
        roots: Sequence[Party] = BOTH,
        role: str = "ats",
        signers: tuple[int, int] = (0, 1),
        expires: datetime = NOW + 30 * DAY,
        distrust: bool = False,
        version: int = 8,
        built_at: datetime = NOW - DAY,
        key: EllipticCurvePrivateKey = KEYS[0],
    ) -> SignedBundle:
        """Write a signed bundle; what is different from the usual one as keywords."""
        content = sign_bundle(
            [entry(one, role) for one in roots],
            version=version,
            built_at=built_at,
            terms=Terms(
                expires, distrust, (POINTS[signers[0]], POINTS[signers[1]]), hosts or (self.host,)
            ),
            key=key,
        )
        self.shell.path(file).write_bytes(content)
        return SignedBundle(str(self.shell.path(file)))

    def line(self, options: str = "--things sensor-1,sensor-2 --yes") -> str:
        """What a user types."""
        where = f"{self.address} --endpoint-url {self.jobs.url}"
        return f"rotate --bundle signed.bin {where} {options}"

    def made(self) -> list[str]:
        """The requests that change something at AWS."""
        return [one for one in self.jobs.asked if not one.startswith("GET ")]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


@pytest.fixture
def field(aws: AwsServer, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Field]:
    """Two things in an account, whose endpoint answers on this computer."""
    monkeypatch.setattr(aws_jobs, "POLL_SECONDS", 0.02)
    host = shell.ok("endpoint --json").json["endpoint"]
    iot = boto3.client("iot")
    for thing in ("sensor-1", "sensor-2", "sensor-3"):
        iot.create_thing(thingName=thing)
    tls = tls_servers.context(*server(host, RSA_ROOT), others=[server(host, EC_ROOT)])
    answering = tls_servers.answering(tls)
    with AwsJobs(aws) as jobs, tls_servers.serving(answering, 1000) as (port, seen):
        made = Field(shell, host, f"--address 127.0.0.1 --port {port}", jobs)
        made.sign()
        try:
            yield made
        finally:
            seen += [None] * 1000  # It waits for no more.


def done(
    things: str, details: dict[str, str] | None = None
) -> dict[str, tuple[str, dict[str, str]]]:
    """A step in which these things have succeeded."""
    return {thing: ("SUCCEEDED", details or {}) for thing in things.split()}


def test_a_job_is_made_and_watched(field: Field) -> None:
    """From the files to the last device's report: what is shown, and what AWS was told."""
    field.jobs.script = [
        {},
        {"sensor-1": ("QUEUED", {}), "sensor-2": ("QUEUED", {})},
        {"sensor-1": ("IN_PROGRESS", {}), "sensor-2": ("QUEUED", {})},
        {"sensor-1": ("SUCCEEDED", {}), "sensor-2": ("IN_PROGRESS", {})},
        done("sensor-1 sensor-2"),
    ]

    result = field.shell.ok(field.line("--things sensor-1,sensor-2 --yes --timeout 90"))

    job = field.made()[0].split("/")[-1]
    assert field.made() == [f"PUT /jobs/{job}"]
    iot = boto3.client("iot")
    found = iot.describe_job(jobId=job)["job"]
    arns = [iot.describe_thing(thingName=f"sensor-{n}")["thingArn"] for n in (1, 2)]
    assert (found["targets"], found["targetSelection"]) == (arns, "SNAPSHOT")
    assert found["timeoutConfig"] == {"inProgressTimeoutInMinutes": 90}
    document = json.loads(iot.get_job_document(jobId=job)["document"])
    content = field.shell.path("signed.bin").read_bytes()
    assert document == {
        "operation": "ats_trust.rotate",
        "version": 8,
        "bundle": base64.b64encode(content).decode(),
    }
    assert [line[10:] for line in result.out.splitlines() if line[2:3] == ":"] == [
        "IN_PROGRESS: no device has been told yet",
        "IN_PROGRESS: 2 QUEUED",
        "IN_PROGRESS: 1 QUEUED, 1 IN_PROGRESS",
        "IN_PROGRESS: 1 IN_PROGRESS, 1 SUCCEEDED",
        "COMPLETED: 2 SUCCEEDED",
    ]
    assert "for        2 things (sensor-1, sensor-2)" in result.out
    assert result.out.endswith("Every device has proved the update and keeps it.\n")
    # Its roots are none of AWS's, and answer for AWS: no rollout of such a bundle goes unnoticed.
    assert result.err.count("TEST BUNDLE? The anchor CN=") == 2
    assert "that they have was not looked at: --installed FILE does" in result.err
    assert len(result.err.splitlines()) == 3


def test_the_same_command_again_watches_the_same_job(field: Field) -> None:
    """No second job is made, also not when the roots were signed anew; others get their own."""
    field.jobs.script = [{"sensor-1": ("QUEUED", {})}]
    first = field.shell.ok(field.line() + " --no-wait --json").json
    assert (first["made"], first["status"]) == (True, "IN_PROGRESS")
    field.jobs.script = [done("sensor-1 sensor-2")]
    before = field.shell.path("signed.bin").read_bytes()
    field.sign()
    assert field.shell.path("signed.bin").read_bytes() != before

    again = field.shell.ok(field.line("--things sensor-2,sensor-1 --json --yes")).json
    assert (again["job"], again["made"], again["status"]) == (first["job"], False, "COMPLETED")
    assert again["counts"]["SUCCEEDED"] == 2
    assert "There already at AWS" in field.shell.ok(field.line()).out
    assert len(field.made()) == 1

    # It is watched also when the bundle has expired meanwhile, or the server moved.
    elsewhere = field.line().replace(field.address, "--address 127.0.0.1 --port 1")
    assert field.shell.ok(elsewhere).out.endswith(
        "Every device has proved the update and keeps it.\n"
    )

    field.jobs.script = [done("sensor-3")]
    other = field.shell.ok(field.line("--things sensor-3 --yes --json")).json
    assert other["made"] and other["job"] != first["job"]
    field.sign(version=9)
    field.jobs.script = [done("sensor-1 sensor-2")]
    newer = field.shell.ok(field.line() + " --json").json
    assert newer["made"] and newer["job"] not in (first["job"], other["job"])


def test_failures_are_told_with_their_reasons(field: Field) -> None:
    """Exit status 1, each device with what it reported; of a removed one nothing is known."""
    field.jobs.script = [
        {
            "sensor-1": ("SUCCEEDED", {}),
            "sensor-2": ("FAILED", {"code": "update_reverted", "reason": "unknown_issuer"}),
            "sensor-3": ("FAILED", {"code": "update_older"}),
            "sensor-4": ("FAILED", {"code": "update_early"}),
            "sensor-5": ("TIMED_OUT", {}),
            "sensor-6": ("REMOVED", {}),
        }
    ]

    result = field.shell.run(field.line())
    as_json = field.shell.run(field.line() + " --json")

    assert (result.status, as_json.status) == (1, 1)
    assert "COMPLETED: 1 SUCCEEDED, 3 FAILED, 1 TIMED_OUT, 1 REMOVED" in result.out
    assert "  sensor-2: FAILED: code update_reverted, reason unknown_issuer\n" in result.out
    assert "  sensor-5: TIMED_OUT\n" in result.out
    assert "  sensor-6: REMOVED\n" in result.out
    assert "has the roots that it had before. To try again" in result.out
    told = {one["thing"]: (one["state"], one["details"]) for one in as_json.json["reports"]}
    assert told["sensor-4"] == ("FAILED", {"code": "update_early"})
    assert len(told) == 5


def test_many_failures_are_counted(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many the first are explained, and the rest are named in JSON alone."""
    monkeypatch.setattr(aws_jobs, "MAX_EXPLAINED", 3)
    field.jobs.script = [{f"s{n}": ("FAILED", {"code": "flash"}) for n in range(14)}]

    result = field.shell.run(field.line())
    told = field.shell.run(field.line() + " --json").json["reports"]

    assert "  and 4 more (--json lists them)\n" in result.out
    assert [bool(one["details"]) for one in told] == [True] * 3 + [False] * 11


def test_how_far_it_is(field: Field) -> None:
    """--no-wait says it once, with what devices report that are not at an end; status 0."""
    field.jobs.script = [
        {
            "sensor-1": ("IN_PROGRESS", {"code": "heap", "detail": "MemoryError()"}),
            "sensor-2": ("QUEUED", {}),
        }
    ]

    shown = field.shell.ok(field.line() + " --no-wait").out

    assert "IN_PROGRESS: 1 QUEUED, 1 IN_PROGRESS\n" in shown
    assert "  sensor-1: IN_PROGRESS: code heap, detail MemoryError()\n" in shown
    assert "The same command without --no-wait watches it.\n" in shown
    assert "FAILED" not in shown


def test_without_waiting_failures_are_failures(field: Field) -> None:
    """--no-wait at a job that has ended: as if it had been watched."""
    field.jobs.script = [{"sensor-1": ("FAILED", {"code": "update_older"})}]

    result = field.shell.run(field.line() + " --no-wait")

    assert result.status == 1
    assert "  sensor-1: FAILED: code update_older\n" in result.out


def test_nobody_agrees_to_what_is_not_shown(field: Field) -> None:
    """JSON is for scripts, and those say --yes."""
    said = field.shell.refused(field.line("--things sensor-1 --json"), status=2)

    assert "--json shows no job to agree to" in said
    assert field.made() == []


def test_it_is_asked_first(field: Field) -> None:
    """At a terminal nothing is made before somebody agreed."""
    path = f"{REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
    line = field.line("--things sensor-1 --no-wait")
    field.jobs.script = [{"sensor-1": ("QUEUED", {})}]
    for answer, status, made in ((b"n\n", 1, 0), (b"y\n", 0, 1)):
        master, terminal = pty.openpty()
        os.write(master, answer)
        done = subprocess.run(
            [sys.executable, "-m", "ats_trust_tools", *line.split()],
            cwd=field.shell.folder,
            env={**os.environ, "PYTHONPATH": path},
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=60,
        )
        os.close(master)
        os.close(terminal)
        assert "To be made at AWS" in done.stdout
        assert "Make the job ats-trust-8-" in done.stderr and "? [y/N]" in done.stderr
        assert (done.returncode, len(field.made())) == (status, made), done.stderr


def test_a_job_without_a_device_is_no_success(field: Field) -> None:
    """An empty thing group gets nothing, and that is not what was wanted."""
    boto3.client("iot").create_thing_group(thingGroupName="none")

    result = field.shell.run(field.line("--thing-groups none --yes"))

    assert result.status == 1
    assert "for        all things in none" in result.out
    # What comes to the group later is in no job, and must not be thought to be.
    again = field.shell.run(field.line("--thing-groups none --yes"))
    assert "the job is for what was in none when it was made; things that came" in again.err


def test_thing_groups_and_files(field: Field) -> None:
    """Names come from the command, a file, and groups; each counts once."""
    iot = boto3.client("iot")
    group = iot.create_thing_group(thingGroupName="hall")["thingGroupArn"]
    field.shell.path("things").write_text("sensor-1\r\n\n  sensor-2\nsensor-1\n")
    field.jobs.script = [{"sensor-1": ("QUEUED", {})}]

    line = "--things sensor-3,sensor-1 --things-file things --thing-groups hall --yes --no-wait"
    made = field.shell.ok(field.line(line) + " --json").json

    assert [arn.split(":")[-1] for arn in made["targets"]] == [
        "thing/sensor-3",
        "thing/sensor-1",
        "thing/sensor-2",
        "thinggroup/hall",
    ]
    assert made["targets"][-1] == group


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ("--yes", 2, "say who shall get it"),
        ("--things '' --yes", 2, "--things: '' is no name of a thing"),
        ("--things a,b/c --yes", 2, "--things: 'b/c' is no name of a thing"),
        ("--thing-groups 'x y' --yes", 2, "--thing-groups: 'x y' is no name"),
        ("--things-file none --yes", 1, "can not read none (the names of things belongs there)"),
        ("--things-file binary --yes", 1, "binary is no text"),
        ("--things " + ",".join(f"t{n}" for n in range(101)) + " --yes", 2, "put the things into"),
        ("--things sensor-1", 2, "there is no terminal to confirm at"),
        ("--things sensor-1 --yes --timeout 0", 2, "'0' is not 1 to 10080 minutes"),
        ("--things sensor-1 --yes --port 99999", 2, "'99999' is no TCP port"),
        ("--things sensor-1,s7,s8 --yes", 1, "AWS knows no thing s7, no thing s8 in eu-central-1"),
        ("--thing-groups g --yes", 1, "AWS knows no thing group g in"),
        ("--things sensor-1 --yes --chain none", 1, "can not read none"),
        ("--things sensor-1 --yes --installed none", 1, "can not read none"),
    ],
)
def test_wrong_calls(options: str, status: int, said: str, field: Field) -> None:
    """One sentence, and nothing is made."""
    field.shell.path("binary").write_bytes(b"\xff\xfe")

    assert said in field.shell.refused(field.line(options), status)
    assert field.made() == []


def test_dry_run(field: Field) -> None:
    """Everything is checked and shown, nothing made."""
    result = field.shell.ok(field.line("--things sensor-1 --dry-run"))

    assert "To be made at AWS" in result.out and "Nothing was made (--dry-run)." in result.out
    assert field.made() == []
    assert field.shell.ok(field.line("--things sensor-1 --dry-run --json")).json["made"] is False


def _unsigned(field: Field) -> None:
    leaf = Anchor(EC_ROOT.der, frozenset({"ecdsa"}), frozenset({"ats"}))
    field.shell.path("signed.bin").write_bytes(encode_bundle([leaf], version=8, built_at=NOW))


def _changed(field: Field) -> None:
    content = field.shell.path("signed.bin").read_bytes()
    value = SignedBundle(str(field.shell.path("signed.bin"))).signature
    content = content.replace(value, value[:-1] + bytes([value[-1] ^ 1]))
    field.shell.path("signed.bin").write_bytes(content)


def _damaged(field: Field) -> None:
    path = field.shell.path("signed.bin")
    path.write_bytes(path.read_bytes()[:-1])


def _by_a_stranger(field: Field) -> None:
    content = field.shell.path("signed.bin").read_bytes()
    other = content.replace(key_id(POINTS[0]), key_id(POINTS[2]))
    field.shell.path("signed.bin").write_bytes(other)


REFUSED = {
    "unsigned": (_unsigned, "signed.bin is not signed, and over the air devices take nothing"),
    "changed": (_changed, "signed.bin: its signature does not hold"),
    "damaged": (_damaged, "bundle_damaged: signed.bin"),
    "by a stranger": (_by_a_stranger, "signed by a key that it does not name itself"),
    "expired": (lambda field: field.sign(expires=NOW - DAY), "no device installs it any more"),
    "future": (lambda field: field.sign(built_at=NOW + DAY), "which is in the future"),
    "not this account's": (
        lambda field: field.sign(hosts=("a0-ats.iot.eu-central-1.amazonaws.com",)),
        "a device uses an update where it is listed only, so it would never be proved",
    ),
    "another root": (
        lambda field: field.sign(roots=(OTHER_ROOT,)),
        "would refuse the server's ECDSA chain (PeerRejected unknown_issuer",
    ),
    "one of two": (
        lambda field: field.sign(roots=(RSA_ROOT, OTHER_ROOT)),
        "would refuse the server's ECDSA chain (PeerRejected unknown_issuer",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_rollout_that_devices_would_refuse(case: str, field: Field) -> None:
    """It is refused here, with the reason, before anything is made."""
    change, said = REFUSED[case]
    change(field)

    assert said in field.shell.refused(field.line())
    assert field.made() == []


def test_an_update_that_few_get_is_warned_of(field: Field) -> None:
    """Devices that are off for some days are no exception."""
    field.sign(expires=NOW + 2 * DAY)

    warning = field.shell.ok(field.line("--things sensor-1 --dry-run")).err

    assert "devices that are offline until then never install it" in warning


STEPS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "older": ({"version": 9}, {}, "has version 8, and devices with installed.bin have 9"),
    "the same": ({}, {}, "install only what is newer; sign it again (`ats-trust sign`)"),
    "other signers": (
        {"version": 1, "signers": (1, 2), "key": KEYS[1]},
        {},
        "and devices with installed.bin take bundles of",
    ),
}


@pytest.mark.parametrize("case", STEPS)
def test_what_devices_with_another_bundle_would_refuse(case: str, field: Field) -> None:
    """The bundle that is in the field decides too."""
    installed, update, said = STEPS[case]
    field.sign("installed.bin", **installed)
    field.sign(**update)

    assert said in field.shell.refused(field.line() + " --installed installed.bin")
    assert field.made() == []


def test_devices_without_signers_take_nothing(field: Field) -> None:
    """The first signed bundle comes by cable."""
    own = Anchor(EC_ROOT.der, frozenset({"ecdsa"}), frozenset({"ats"}))
    field.shell.path("installed.bin").write_bytes(encode_bundle([own], version=1, built_at=NOW))

    said = field.shell.refused(field.line() + " --installed installed.bin")

    assert "since it names no signers; bring them a signed bundle by cable first" in said


def test_endpoints_that_would_be_lost(field: Field) -> None:
    """What the bundle in the field lists is not forgotten: no root for it is a refusal."""
    field.sign("installed.bin", version=1, hosts=(field.host, "iot.example.com"))
    line = field.line("--things sensor-1 --dry-run --installed installed.bin")

    warning = field.shell.ok(line).err
    assert "iot.example.com is listed no more: the update is not tried there before it stays" in (
        warning
    )
    field.sign(hosts=("iot.example.com",), role="own")
    said = field.shell.refused(line)
    assert f"signed.bin has no root that answers for {field.host}, which installed.bin" in said


def test_what_a_step_takes_is_told(field: Field) -> None:
    """Roots and signers that go are named, and whether for good."""
    field.sign("installed.bin", version=1, roots=(*BOTH, OTHER_ROOT))
    field.sign(signers=(0, 2), distrust=True)

    line = field.line("--things sensor-1 --dry-run --installed installed.bin --json")
    notes = field.shell.ok(line).json["warnings"]

    gone = key_id(POINTS[1]).hex()
    assert [note for note in notes if "TEST BUNDLE" not in note] == [
        "signed.bin is marked distrust: a device that loses a root or a signer by it does not go "
        "back, whatever happens; if it is wrong, only a cable helps",
        "devices lose CN=SECP256R1 root 3,O=Tests for good (--distrust)",
        f"nothing that {gone} signs is taken any more for good (--distrust)",
    ]


def test_custom_domains_only(field: Field) -> None:
    """A fleet that never connects to the account's endpoint says so."""
    field.sign(hosts=("iot.example.com",))
    chain = issue(
        name("server"),
        key("SECP256R1", 20),
        EC_ROOT,
        sans=[x509.DNSName("*.example.com")],
        purposes=[SERVER_AUTH],
        key_usage=("digital_signature",),
    )
    field.shell.path("chain.pem").write_bytes(chain.pem + EC_ROOT.pem)
    line = field.line("--things sensor-1 --dry-run --chain chain.pem")

    assert f"the account's endpoint is {field.host}" in field.shell.refused(line)
    shown = field.shell.ok(line + " --without-account-endpoint").out
    assert "iot.example.com: what --chain has, and what the others show, would be" in shown
    err = field.shell.ok(line + " --without-account-endpoint").err
    assert "--chain has no RSA chain of iot.example.com: if its server has one" in err


def test_saved_chains(field: Field) -> None:
    """Certificates in files take the place of the server's; they are for a listed endpoint."""
    for file, above in (("good", EC_ROOT), ("bad", OTHER_ROOT)):
        leaf, _ = server(field.host, above)
        field.shell.path(file).write_bytes(leaf.pem + above.pem)
    leaf, _ = server("a0-ats.iot.eu-west-1.amazonaws.com", EC_ROOT)
    field.shell.path("other").write_bytes(leaf.pem)
    nobody = "--port 1 --things sensor-1 --dry-run"
    line = field.line(nobody).replace(field.address, "--address 127.0.0.1")

    said = field.shell.refused(line)
    assert "whether devices would accept it could not be told: 127.0.0.1, port 1," in said
    assert "and --chain FILE judges certificates that were saved" in said
    field.shell.ok(f"{line} --chain good")
    said = field.shell.refused(f"{line} --chain good --chain bad")
    assert "would refuse the server's ECDSA chain (PeerRejected unknown_issuer" in said
    said = field.shell.refused(f"{line} --chain other", status=2)
    assert "other is for a0-ats.iot.eu-west-1.amazonaws.com, and the bundle lists" in said


def test_a_server_without_any_chain_for_it(field: Field) -> None:
    """A server with an RSA key alone has nothing for devices that ask for ECDSA alone."""
    field.sign(roots=(EC_ROOT,))
    tls = tls_servers.context(*server(field.host, RSA_ROOT))
    with tls_servers.serving(tls_servers.answering(tls), 2) as (port, _):
        line = field.line().replace(field.address, f"--address 127.0.0.1 --port {port}")
        said = field.shell.refused(line)
    assert "devices with this bundle would refuse" in said


def test_another_job_of_that_name(field: Field) -> None:
    """A job that brings something else, or that was stopped, is left as it is."""
    field.jobs.script = [{"sensor-1": ("QUEUED", {})}]
    made = field.shell.ok(field.line() + " --no-wait --json").json["job"]
    iot = boto3.client("iot")  # At moto itself, which lets jobs be replaced.
    document = iot.get_job_document(jobId=made)["document"]
    targets = iot.describe_job(jobId=made)["job"]["targets"]

    for other in ("{}", "[]", "x", document.replace("rotate", "rotated"), document[:-99]):
        iot.create_job(jobId=made, targets=targets, document=other)
        assert f"AWS has a job {made} that brings something else" in field.shell.refused(
            field.line()
        )
    iot.create_job(jobId=made, targets=targets, document=document)
    field.jobs.status = "CANCELED"
    said = field.shell.refused(field.line())
    assert f"the job {made} was there already and is CANCELED" in said
    assert len(field.made()) == 1


def test_a_job_that_is_stopped_meanwhile(field: Field) -> None:
    """Somebody cancels it: exit status 1, and which devices it was taken from."""
    field.jobs.script = [
        {},
        {"sensor-1": ("QUEUED", {})},
        {"sensor-1": ("CANCELED", {}), "sensor-2": ("SUCCEEDED", {})},
    ]

    result = field.shell.run(field.line())

    assert result.status == 1
    assert "  sensor-1: CANCELED\n" in result.out


def test_a_job_that_is_deleted_meanwhile(field: Field) -> None:
    """It does not go on, and the same command would make a new one: that is not said."""
    iot = boto3.client("iot")
    seen = []

    def delete(request: str) -> None:
        seen.append(request)
        if len([one for one in seen if one.startswith("GET /jobs/")]) == 4:
            iot.delete_job(jobId=request.split("/")[2])

    field.jobs.before = delete
    field.jobs.script = [{"sensor-1": ("QUEUED", {})}]

    result = field.shell.run(field.line())

    assert result.status == 1
    assert "any more, it was deleted" in result.err
    assert "goes on" not in result.err


def test_two_at_once(field: Field) -> None:
    """A job that appears between the look and the making is the same one, and is watched."""
    made = field.shell.ok(field.line() + " --dry-run --json").json["job"]
    document = aws_jobs.document(
        SignedBundle(str(field.shell.path("signed.bin"))),
        field.shell.path("signed.bin").read_bytes(),
    )
    iot = boto3.client("iot")
    targets = [iot.describe_thing(thingName=f"sensor-{n}")["thingArn"] for n in (1, 2)]

    def meanwhile(request: str) -> None:
        if request.startswith("PUT "):
            iot.create_job(jobId=made, targets=targets, document=document)

    field.jobs.before = meanwhile
    field.jobs.script = [done("sensor-1 sensor-2")]

    assert "COMPLETED: 2 SUCCEEDED" in field.shell.ok(field.line()).out


def test_aws_goes_away_meanwhile(field: Field) -> None:
    """What was made goes on, and it is said how to watch it again."""
    asked = []

    def gone(request: str) -> None:
        asked.append(request)
        if len([one for one in asked if one.startswith("GET /jobs/")]) > 3:
            raise ConnectionError

    field.jobs.before = gone
    field.jobs.script = [{"sensor-1": ("QUEUED", {})}]

    result = field.shell.run(field.line())

    assert result.status == 1
    assert "goes on at AWS, the same command watches it again" in result.err
    assert "IN_PROGRESS: 1 QUEUED" in result.out


def test_interrupted(field: Field) -> None:
    """Control-C ends the watching and not the job; status 130."""
    field.jobs.script = [{"sensor-1": ("QUEUED", {})}]
    path = f"{REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
    process = subprocess.Popen(
        [sys.executable, "-m", "ats_trust_tools", *field.line().split()],
        cwd=field.shell.folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "1 QUEUED" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "goes on at AWS; the same command watches it again" in err
    assert err.endswith("ats-trust: interrupted\n")


def test_the_largest_bundle_fits(field: Field) -> None:
    """No bundle that boards read makes a document that AWS refuses."""
    update = SignedBundle(str(field.shell.path("signed.bin")))

    assert len(aws_jobs.document(update, bytes(MAX_BYTES))) < 32768 // 2
