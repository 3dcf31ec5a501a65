"""`ats-trust check`: chains in files and live servers, judged as a board would and explained."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from ats_trust import bundle as board_bundle
from ats_trust import endpoint
from ats_trust.x509 import Certificate
from ats_trust_tools import chain_verdict
from ats_trust_tools.bundle import Anchor, encode_bundle
from ats_trust_tools.certificate import load
from ats_trust_tools.chain_report import chain_report
from ats_trust_tools.emulate import IMPOSTORS
from ats_trust_tools.heap_model import HANDSHAKE
from ats_trust_tools.micropython_program import find
from ats_trust_tools.pem import armour
from ats_trust_tools.roots import load_manifest
from e2e.deviant_certificate import name as distinguished
from e2e.deviant_chains import Plan
from e2e.deviant_run import deviations
from e2e.deviant_server import Server
from e2e.doors import Door, Doors
from e2e.test_impostors import EXPECTED
from interpreters import REPOSITORY
from shell import Result, Shell

HERE = "--address 127.0.0.1"
CAPTURED = "iot.eu-central-1_RSA_2025.pem"
KINDS = ("rsa", "ecdsa")
# Impostors whose certificates are at fault, so that a file of them tells.
IN_THE_CHAIN = [
    (name, kind)
    for name, one in IMPOSTORS.items()
    for kind in one.kinds
    if one.chain and EXPECTED[name][2] == "certificate" and name != "truncated-certificate"
]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def saved(shell: Shell, chain: tuple[bytes, ...], name: str = "chain.pem") -> Path:
    path = shell.folder / name
    path.write_bytes(b"".join(armour("CERTIFICATE", one) for one in chain))
    return path


def checked(shell: Shell, door: Door, line: str = "", bundle: Path | None = None) -> Result:
    """A file with the door's chain, for its name, with its own roots."""
    path = saved(shell, door.chain)
    where = f"--host {door.host} --bundle {bundle or door.bundle}"
    return shell.run(f"check {path.name} {where} --json {line}")


@pytest.mark.parametrize("kind", KINDS)
def test_good_chain(doors: Doors, shell: Shell, kind: str) -> None:
    """It is accepted, until its leaf ends; one anchor is in use, and Starfield's could be."""
    door = doors.open(kind)
    result = checked(shell, door)
    assert result.status == 0, result
    [chain] = result.json["chains"]
    assert result.json["answer"] == chain["answer"] == "accepted"
    leaf_ends = Certificate(door.chain[0]).not_after
    assert re.sub(r"[-:TZ]", "", chain["accepted_until"]) == leaf_ends
    assert chain["ends_first"] == "the server's certificate"
    assert [one["when"] for one in chain["ends"]] == sorted(one["when"] for one in chain["ends"])
    roles = [one["role"] for one in chain["anchors"]]
    assert sorted(roles) == ["could serve instead", "in use"] + ["spare for this chain"] * 3
    assert chain["message_bytes"] == 3 + sum(3 + len(one) for one in door.chain)
    assert [one["bytes"] for one in chain["certificates"]] == [len(one) for one in door.chain]
    assert [one["on_the_path"] for one in chain["certificates"]][:2] == [True, True]
    signers = [one["signed_by"] for one in chain["certificates"]]
    assert signers[0] == "the next one" and signers[1].startswith("the bundle's CN=")


@pytest.mark.parametrize(("name", "kind"), IN_THE_CHAIN, ids=["-".join(c) for c in IN_THE_CHAIN])
def test_impostors(doors: Doors, shell: Shell, name: str, kind: str) -> None:
    """A file with an impostor's chain is refused as the board refuses the server itself."""
    result = checked(shell, doors.open(kind, impostor=name))
    assert result.status == 1, result
    [chain] = result.json["chains"]
    assert (chain["error"], chain["code"]) == EXPECTED[name][:2], chain
    assert chain["remedy"] and chain["accepted_until"] is None


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("common-name-printable-star", 2, ""), ("time-without-zone", 1, "malformed")],
)
def test_live_certificate_that_can_not_be_shown(
    shell: Shell, name: str, status: int, code: str
) -> None:
    """There is an answer all the same, and a handshake."""
    plan = deviations()[name].plan
    anchor = Anchor(plan.root.signed(), frozenset({"ecdsa"}), frozenset({"own"}))
    now = datetime.now(UTC).replace(microsecond=0)
    (shell.folder / "roots.bin").write_bytes(encode_bundle([anchor], version=1, built_at=now))
    with Server({name: plan.chain}) as server:
        where = f"{HERE} --port {server.ports[name]} --bundle roots.bin"
        result = shell.run(f"check {plan.host} {where} --json")
        assert shell.run(f"check {plan.host} {where}").status == status
    assert result.status == status, result
    [chain] = [one for one in result.json["chains"] if one["offered"]]
    assert chain["code"] == code and bool(chain["verifier"]) == (status == 2)
    assert result.json["handshake"]["outcome"] == ("refused" if code else "accepted")


def test_dates(doors: Doors, shell: Shell) -> None:
    """--at is the board's clock; one before the bundle was made is judged, with a warning."""
    door = doors.open("rsa")
    leaf = Certificate(door.chain[0])
    last = datetime.strptime(leaf.not_after, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    late = checked(shell, door, f"--at {last + timedelta(days=1):%Y-%m-%d}T23:59")
    assert (late.status, late.json["chains"][0]["code"]) == (1, "expired")
    early = checked(shell, door, "--at 2020-01-01")
    assert (early.status, early.json["chains"][0]["code"]) == (1, "not_yet_valid")
    assert "refuses such a clock" in early.err
    beyond = checked(shell, door, "--at 2050-01-01")
    assert (beyond.status, beyond.json["chains"][0]["code"]) == (1, "clock_wrong")


def test_other_name_and_bundles(doors: Doors, shell: Shell) -> None:
    """Another name, roots for the other type of key, strangers' roots: each has its words."""
    door = doors.open("rsa")
    path = saved(shell, door.chain).name
    other = f"check {path} --host b-ats.iot.us-east-1.amazonaws.com --bundle {door.bundle}"
    result = shell.run(other)
    assert result.status == 1
    assert "PeerRejected name_mismatch" in result.out and "REFUSED" in result.out
    ecdsa = door.write_bundle("check-ecdsa.bin", "ecdsa", "ecdsa-384")
    [chain] = checked(shell, door, bundle=ecdsa).json["chains"]
    assert chain["code"] == "no_shared_suite"
    assert "offers ECDSA alone" in chain["detail"] and "issuer" in chain["detail"]
    strangers = REPOSITORY / "lib" / "ats_trust" / "roots.bin"
    result = checked(shell, door, bundle=strangers)
    assert (result.status, result.json["chains"][0]["code"]) == (1, "unknown_issuer")


def test_files(doors: Doors, shell: Shell) -> None:
    """DER, any order and a made-up name serve; a key in the file is not looked at."""
    door = doors.open("ecdsa")
    (shell.folder / "leaf.der").write_bytes(door.chain[0])
    alone = shell.run(f"check leaf.der --host {door.host} --bundle {door.bundle} --json")
    assert (alone.status, alone.json["chains"][0]["code"]) == (1, "missing_intermediate")
    turned = saved(shell, door.chain[::-1], "turned.pem")
    key = armour("EC PRIVATE KEY", b"no real key at all")
    turned.write_bytes(key + turned.read_bytes())
    result = shell.run(f"check turned.pem --bundle {door.bundle}")
    assert result.status == 0, result
    for words in ("not in the order", "a private key in turned.pem", "--host sets it"):
        assert words in result.err, result.err
    assert "real key" not in result.out + result.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("check", "the following arguments are required: HOST|FILE"),
        ("check nothing.pem", "can not read nothing.pem"),
        ("check empty.pem", "empty.pem is empty"),
        ("check folder.pem", "can not read folder.pem"),
        ("check text.pem", "it is neither PEM"),
        ("check cut.der", "cut off"),
        ("check key.pem", "it holds no certificate"),
        ("check 127.0.0.1", "is an IP address"),
        ("check https://x.test/", "is a URL"),
        ("check ca.pem", "names no host"),
        ("check chain.pem --at tomorrow", "is no date as 2027-01-31"),
        ("check chain.pem --at 1999-01-01", "not between 2000 and 2099"),
        ("check chain.pem --port 8883", "are for a HOST"),
        ("check chain.pem --host 10.0.0.1", "--host: "),
        ("check chain.pem --bundle text.pem", "no bundle that a board would read"),
        ("check chain.pem --bundle nothing.bin", "can not read nothing.bin"),
        ("check chain.pem --bundle folder.pem", "can not read folder.pem"),
        ("check chain.pem --board NO_SUCH_BOARD", "NO_SUCH_BOARD"),
        ("check chain.pem --board ESP8266_GENERIC", "ESP8266_GENERIC"),
        ("check chain.pem --board RPI_PICO_W --bundle x", "not allowed with"),
        ("check x.example.org --port 0", "is no TCP port"),
        ("check x.example.org --host y.example.org", "--host is for a file"),
    ],
)
def test_wrong_calls(doors: Doors, shell: Shell, line: str, words: str) -> None:
    """Status 2 and one sentence: nothing could be told."""
    door = doors.open("rsa")
    saved(shell, door.chain)
    saved(shell, (door.root("rsa"),), "ca.pem")
    (shell.folder / "empty.pem").touch()
    (shell.folder / "folder.pem").mkdir()
    (shell.folder / "text.pem").write_text("hello")
    (shell.folder / "cut.der").write_bytes(door.chain[0][:-5])
    (shell.folder / "key.pem").write_bytes(armour("PRIVATE KEY", b"no real key"))
    result = shell.run(line)
    assert result.status == 2
    assert words in result.sentence


def test_damage(doors: Doors, shell: Shell) -> None:
    """Whatever bytes of a chain are changed: a refusal or a sentence, never a bug."""
    door = doors.open("ecdsa")
    random = Random(5)
    for _ in range(60):
        chain = [bytearray(one) for one in door.chain]
        for _ in range(random.choice((1, 2, 8))):
            one = random.choice(chain[:2])  # The third is not on the path.
            one[random.randrange(len(one))] ^= random.choice((1, 0x80, random.randrange(1, 256)))
        path = saved(shell, tuple(bytes(one) for one in chain))
        line = f"check {path.name} --host {door.host} --bundle {door.bundle} --json"
        assert shell.run(line).status in (1, 2)


def test_full_disk(doors: Doors, shell: Shell) -> None:
    """Output that can not be written is no refusal of the server."""
    door = doors.open("rsa")
    path = saved(shell, door.chain)
    words = [sys.executable, "-m", "ats_trust_tools", "check", str(path)]
    words += ["--host", door.host, "--bundle", str(door.bundle)]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, timeout=30)
    assert result.returncode == 2
    assert b"No space left" in result.stderr


@pytest.mark.parametrize("position", [0, 1])
def test_forged_signature(doors: Doors, shell: Shell, position: int) -> None:
    """One wrong bit in a signature is bad_signature, and `cryptography` refuses it as well."""
    door = doors.open("rsa")
    chain = list(door.chain)
    chain[position] = chain[position][:-1] + bytes([chain[position][-1] ^ 1])
    path = saved(shell, tuple(chain))
    result = shell.run(f"check {path.name} --host {door.host} --bundle {door.bundle} --json")
    assert (result.status, result.json["chains"][0]["code"]) == (1, "bad_signature")
    bundle = board_bundle.Bundle(str(door.bundle))
    anchors = [data for _, data in bundle.anchors()]
    host, now = endpoint.parse(door.host), datetime.now(UTC)
    verify = chain_verdict.verifier_objects
    assert verify(chain, anchors, host, now, load_manifest())
    assert not verify(door.chain, anchors, host, now, load_manifest())


def test_a_verifier_that_disagrees(
    doors: Doors, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only one of the two judges accepts could not be told."""
    monkeypatch.setattr(chain_verdict, "verifier_objects", lambda *_: "no such path")
    result = checked(shell, doors.open("rsa"))
    assert (result.status, result.json["answer"]) == (2, "unknown")
    assert result.json["chains"][0]["verifier"] == "no such path"


# What the rebuilt rules of Mbed TLS say otherwise than Mbed TLS; refused is each of them.
_OTHER_CODES = {
    "curve-written-out": "malformed",
    "basic-constraints-with-more": "malformed",
    "basic-constraints-with-more-intermediate": "malformed",
}
# Chains that a board accepts and `cryptography` can not read, or refuses for its form.
_NOT_FOR_CRYPTOGRAPHY = {
    "common-name-printable-star",
    "constraints-leading-dot",
    "information-access-twice",
    "not-critical-written-out",
    "ca-false-written-out",
    "generalized-time-early",
    "bytes-behind-certificate",
}


def test_deviant_chains(tmp_path: Path) -> None:
    """The chains of docs/judge.md have the code that they have on MicroPython, and none that is
    refused there is accepted here."""
    path = tmp_path / "roots.bin"
    both = frozenset({"rsa", "ecdsa"})
    anchor = Anchor(Plan().root.signed(), both, frozenset({"own"}))
    now = datetime.now(UTC).replace(microsecond=0)
    path.write_bytes(encode_bundle([anchor], version=1, built_at=now))
    bundle, manifest = board_bundle.Bundle(str(path)), load_manifest()
    found = {}
    for name, one in deviations().items():
        plan = one.plan
        chain, host = list(plan.chain.certificates), endpoint.parse(plan.host)
        found[name] = chain_report(chain, bundle, host, now, manifest, None)
    assert {name: report["code"] for name, report in found.items()} == {
        name: _OTHER_CODES.get(name, one.code or "") for name, one in deviations().items()
    }
    accepted = {name for name, report in found.items() if report["answer"] == "accepted"}
    good = {name for name, one in deviations().items() if one.code is None}
    assert accepted == good - _NOT_FOR_CRYPTOGRAPHY


def test_heap_of_a_handshake() -> None:
    """The figures are the limits that the tests on the emulated board keep."""
    budgets = tomllib.loads((REPOSITORY / "benchmarks" / "budgets.toml").read_text())
    assert budgets["board"]["least"] == HANDSHAKE


# Captured from a real endpoint: what the board's own roots make of it.


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ("--at 2026-03-01", 0, "ACCEPTED, until 2026-08-02T23:59:59Z"),
        ("--at 2026-08-04", 1, "PeerRejected expired"),
        ("--at 2026-03-01 --host b-ats.iot.us-east-1.amazonaws.com", 1, "name_mismatch"),
    ],
)
def test_captured_chain(
    shared_chains: Path, shell: Shell, options: str, status: int, words: str
) -> None:
    """Accepted at a date of its own, and says until when; refused after it, and for others."""
    result = shell.run(f"check {shared_chains / CAPTURED} --board RPI_PICO_W {options}")
    assert result.status == status, result
    assert words in result.out
    assert "Amazon Root CA 1" in result.out


def test_captured_chain_with_roots_for_ecdsa(shared_chains: Path, shell: Shell) -> None:
    """A bundle of Amazon Root CA 3 alone does not even ask for an RSA chain."""
    made = shell.run("bundle --roots amazon-root-ca-3 -o ecdsa.bin")
    assert made.status == 0, made
    at = "--at 2026-03-01"
    result = shell.run(f"check {shared_chains / CAPTURED} --bundle ecdsa.bin {at} --json")
    assert result.status == 1
    [chain] = result.json["chains"]
    assert chain["code"] == "no_shared_suite" and "offers ECDSA alone" in chain["detail"]


# Live servers.


def live(shell: Shell, door: Door, line: str = "") -> Result:
    where = f"--port {door.port} {HERE} --bundle {door.bundle}"
    return shell.run(f"check {door.host} {where} --json {line}")


def test_live(doors: Doors, shell: Shell) -> None:
    """Both chains are judged, and MicroPython itself authenticates the server."""
    door = doors.open("both")
    door.visits()
    result = live(shell, door)
    assert result.status == 0, result
    assert [one["leaf_key"] for one in result.json["chains"]] == ["rsa", "ecdsa"]
    assert {one["answer"] for one in result.json["chains"]} == {"accepted"}
    assert result.json["handshake"]["outcome"] == "accepted"
    assert find().version in result.json["handshake"]["micropython"]
    assert sum(one.application_bytes for one in door.visits()) == 0


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("expired", "expired"),
        ("plain-tcp", "not_tls"),
        ("tls13-only", "no_common_version"),
        ("no-shared-suite", "no_shared_suite"),
        ("stolen-chain", ""),
        ("truncated-certificate", "malformed"),
    ],
)
def test_live_impostors(doors: Doors, shell: Shell, name: str, code: str) -> None:
    """Refused by the chain or by what came in its place, and by MicroPython's handshake, which
    alone sees a chain without its key."""
    result = live(shell, doors.open("rsa", impostor=name))
    assert result.status == 1, result
    [chain] = [one for one in result.json["chains"] if one["leaf_key"] == "rsa"]
    assert chain["code"] == code
    assert result.json["handshake"]["code"] == EXPECTED[name][1]


def test_live_without_a_handshake(doors: Doors, shell: Shell) -> None:
    """With --at no handshake is made; without a MicroPython nothing proves the server's key."""
    door = doors.open("rsa")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    result = live(shell, door, f"--at {tomorrow}")
    assert (result.status, result.json["handshake"]) == (0, None)
    assert "the chains alone are judged" in result.err
    where = f"--port {door.port} {HERE} --bundle {door.bundle}"
    result = shell.run(f"check {door.host} {where} --json", MICROPYTHON="/nowhere")
    assert (result.status, result.json["answer"]) == (2, "unknown")
    assert result.json["handshake"]["outcome"] == "unknown"
    assert result.json["chains"][0]["answer"] == "accepted"


def test_live_with_one_type_of_key(doors: Doors, shell: Shell) -> None:
    """A server without an ECDSA chain is accepted for its RSA chain, and says so on the way."""
    result = live(shell, doors.open("rsa"))
    assert result.status == 0, result
    assert [one["answer"] for one in result.json["chains"]] == ["accepted", "absent"]


def test_nobody_there(shell: Shell) -> None:
    """Without an answer nothing could be told."""
    result = shell.run(f"check x.example.org --port 1 {HERE}")
    assert result.status == 2
    assert "COULD NOT TELL" in result.out


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_long_name_is_no_warning() -> None:
    """`cryptography` warns of names that are longer than X.520 says; that is not for people."""
    leaf = Plan().leaf
    leaf.subject = distinguished("A" * 3000)
    assert load(leaf.signed()).subject.rfc4514_string().startswith("CN=AAA")
