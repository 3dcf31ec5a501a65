"""`ats-trust rotate`: what would cut devices off is refused; a job is made once and watched.

The account is moto's. moto's jobs never change, so what devices report of them comes from
`aws_jobs_server`, in front of moto.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from cryptography import x509

import tls_servers
from ats_trust.signed import SignedBundle, key_id
from ats_trust_tools import aws_jobs
from ats_trust_tools.bundle import Anchor, encode_bundle
from ats_trust_tools.device_key import new_key
from ats_trust_tools.signed_bundle import Terms, sign_bundle
from ats_trust_tools.signing_key import point_of
from ats_trust_tools.trim import trim
from aws_jobs_server import AwsJobs
from aws_server import AwsServer
from made_certificates import DAY, NOW
from shell import Shell
from tls_pki import SERVER_AUTH, Party, issue, key, name

KEYS = [new_key() for _ in range(3)]
POINTS = [point_of(one.public_key()) for one in KEYS]  # type: ignore[arg-type]  # P-256


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


def entry(party: Party) -> tuple[int, bytes]:
    """A root as bundles hold it: for every endpoint, and servers with a key of its own kind."""
    leaf = "rsa" if party is RSA_ROOT else "ecdsa"
    anchor = Anchor(party.der, frozenset({leaf}), frozenset({"ats"}))
    return anchor.use, trim(party.der)


@dataclass
class Field:
    """A fleet: its account, its endpoint, a server there with two chains, and who signs."""

    shell: Shell
    host: str
    address: str
    jobs: AwsJobs

    def sign(self, file: str = "signed.bin", **other: object) -> SignedBundle:
        """Write a signed bundle; what is different from the usual one as keywords."""
        hosts = other.pop("hosts", (self.host,))
        roots = other.pop("roots", BOTH)
        signers = other.pop("signers", (0, 1))
        expires = other.pop("expires", NOW + 30 * DAY)
        terms = Terms(
            expires,  # type: ignore[arg-type]
            bool(other.pop("distrust", False)),
            tuple(POINTS[one] for one in signers),  # type: ignore[arg-type, attr-defined]
            hosts,  # type: ignore[arg-type]
        )
        usual = {"version": 8, "built_at": NOW - DAY, "key": KEYS[0]} | other
        content = sign_bundle(
            [entry(one) for one in roots],  # type: ignore[attr-defined]
            terms=terms,
            **usual,  # type: ignore[arg-type]
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
    assert result.err == ""


def test_the_same_command_again_watches_the_same_job(field: Field) -> None:
    """No second job is made, also not when the roots were signed anew; others get their own."""
    first = field.shell.ok(field.line() + " --no-wait --json").json
    assert (first["made"], first["status"]) == (True, None)
    field.jobs.script = [done("sensor-1 sensor-2")]

    again = field.shell.ok(field.line("--things sensor-2,sensor-1 --json --yes")).json
    assert (again["job"], again["made"], again["status"]) == (first["job"], False, "COMPLETED")
    assert again["counts"]["SUCCEEDED"] == 2
    assert "There already at AWS" in field.shell.ok(field.line()).out
    assert len(field.made()) == 1

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
    told = {one["thing"]: (one["state"], one["details"]) for one in as_json.json["failures"]}
    assert told["sensor-4"] == ("FAILED", {"code": "update_early"})
    assert len(told) == 5


def test_many_failures_are_counted(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many the first are explained, and the rest are named in JSON alone."""
    monkeypatch.setattr(aws_jobs, "MAX_EXPLAINED", 3)
    field.jobs.script = [{f"s{n}": ("FAILED", {"code": "flash"}) for n in range(14)}]

    result = field.shell.run(field.line())
    told = field.shell.run(field.line() + " --json").json["failures"]

    assert "  and 4 more (--json lists them)\n" in result.out
    assert [bool(one["details"]) for one in told] == [True] * 3 + [False] * 11


def test_a_job_without_a_device_is_no_success(field: Field) -> None:
    """An empty thing group gets nothing, and that is not what was wanted."""
    boto3.client("iot").create_thing_group(thingGroupName="none")
    field.jobs.status = "COMPLETED"

    result = field.shell.run(field.line("--thing-groups none --yes"))

    assert result.status == 1
    assert "for        all things in none" in result.out


def test_thing_groups_and_files(field: Field) -> None:
    """Names come from the command, a file, and groups; each counts once."""
    iot = boto3.client("iot")
    group = iot.create_thing_group(thingGroupName="hall")["thingGroupArn"]
    field.shell.path("things").write_text("sensor-1\r\n\n  sensor-2\nsensor-1\n")

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
