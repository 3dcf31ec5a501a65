"""`ats-trust sign`: what boards will take, checked before it is written; the rest is refused."""

import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from ats_trust import der
from ats_trust_tools import signed_bundle
from ats_trust_tools.bundle import Anchor, encode_bundle
from ats_trust_tools.pem import armour
from ats_trust_tools.roots import load_manifest
from made_certificates import DAY, NOW, certificate
from shell import Shell
from signing import HOST, SECRET, SIGN, make_keys, make_signed

LONGEST = ".".join(["a" * 60] * 4)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell beside two signing keys and a bundle."""
    shell = Shell(tmp_path)
    make_keys(shell)
    shell.ok("bundle --board RPI_PICO_W -o roots.bin")
    return shell


def parts(content: bytes) -> list[bytes]:
    """Body, digest and signature: the elements of a signed bundle."""
    found = []
    start, stop = der.only(content, 0, len(content))
    while start < stop:
        end = der.header(content, start, stop)[2]
        found.append(content[start:end])
        start = end
    return found


def test_openssl_verifies_it(shell: Shell) -> None:
    """The signature is ordinary ECDSA with SHA-256 over the body, that anyone can check."""
    make_signed(shell)

    body, _, signature = parts(shell.path("signed.bin").read_bytes())
    start, stop = der.only(signature, 0, len(signature))
    start = der.expect(signature, start, stop, 0x04)[1]
    start, stop = der.only(signature, start, stop, 0x04)
    shell.path("body.der").write_bytes(body)
    shell.path("sig.der").write_bytes(signature[start:stop])
    check = "openssl dgst -sha256 -verify signing.pub.pem -signature sig.der body.der"
    done = subprocess.run(check.split(), cwd=shell.folder, capture_output=True, text=True)
    assert done.stdout == "Verified OK\n", done.stderr


def test_everything_is_said(shell: Shell) -> None:
    """For a script and for a person: version, times, both signers, endpoints, what is not."""
    plan = shell.ok("bundle --board RPI_PICO_W -o roots.bin --json").json
    line = f"{SIGN} --endpoint {HOST.upper()} --endpoint iot.example.com -o signed.bin"
    line += " --expires 2w --distrust"
    shown = shell.ok(line.replace("signed.bin", "other.bin")).out
    told = shell.ok(line + " --json").json

    assert told["version"] >= plan["version"] and told["built_at"] == plan["built_at"]
    left = datetime.fromisoformat(told["expires"]) - datetime.now(UTC)
    assert timedelta(days=13, hours=23) < left <= timedelta(days=14)
    assert told["endpoints"] == [HOST, "iot.example.com"]
    assert told["distrust"] is True
    assert re.fullmatch("[0-9a-f]{16}", told["signer"]) and told["signer"] != told["other_signer"]
    assert told["bytes"] == shell.path("signed.bin").stat().st_size
    assert told["warnings"] == []
    assert f"{told['signer']} or {told['other_signer']}" in shown
    assert "is distrusted, and never gone back to" in shown


def test_either_key_may_sign(shell: Shell) -> None:
    """With the keys the other way round the offline one is the signer."""
    line = f"sign roots.bin --endpoint {HOST} -o signed.bin {SECRET} --json"
    one = shell.ok(f"{line} --key signing.key.pem --other-key offline.pub.pem").json
    two = shell.ok(f"{line} --key offline.key.pem --other-key signing.pub.pem").json

    assert (one["signer"], one["other_signer"]) == (two["other_signer"], two["signer"])


def test_the_same_roots_again(shell: Shell) -> None:
    """Each signature has a version of its own, the time, or the number that is given."""
    own = shell.ok("bundle --board RPI_PICO_W -o roots.bin --bundle-version 41 --json").json
    line = f"{SIGN} --endpoint {HOST} -o signed.bin --json"
    before = int(time.time())

    signed = shell.ok(line).json
    assert before <= signed["version"] <= time.time()
    assert signed["built_at"] == own["built_at"]
    line += " --bundle-version"
    assert shell.ok(f"{line} 41").json["version"] == 41
    assert "40 is below that of roots.bin, 41" in shell.refused(f"{line} 40", status=2)
    assert "'x' is no number" in shell.refused(f"{line} x", status=2)
    assert "is not between 0 and 2**63 - 1" in shell.refused(f"{line} {1 << 63}", status=2)


def test_a_version_that_boards_may_have(shell: Shell) -> None:
    """Signing again with the version of what was signed is warned of: it has to rise."""
    number = "--bundle-version 9000000000"
    make_signed(shell, number)
    line = f"sign signed.bin --key signing.key.pem --other-key offline.pub.pem {SECRET}"
    warned = "signed.bin was signed with this version, 9000000000, too"

    assert warned in shell.ok(f"{SIGN} --endpoint {HOST} -o signed.bin {number}").err
    assert warned in shell.ok(f"{line} --endpoint {HOST} -o again.bin {number}").err
    assert "is below that of signed.bin, 9000000000" in shell.refused(
        f"{line} --endpoint {HOST} -o again.bin", status=2
    )
    raised = shell.ok(f"{SIGN} --endpoint {HOST} -o signed.bin --distrust")
    assert raised.err == ""
    err = shell.ok(f"{line} --endpoint {HOST} -o again.bin {number}").err
    assert "signed.bin was signed with --distrust, and this one is not" in err


def test_what_was_forged_is_not_signed_again(shell: Shell) -> None:
    """Whoever signs what a stranger changed would vouch for the change."""
    make_signed(shell)
    content = shell.path("signed.bin").read_bytes()
    shell.path("signed.bin").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    line = f"sign signed.bin --key signing.key.pem --other-key offline.pub.pem {SECRET}"

    said = shell.refused(f"{line} --endpoint {HOST} -o again.bin")

    assert "it was changed, or forged; what is in it is not signed again" in said
    assert not shell.path("again.bin").exists()


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ("", 2, "the following arguments are required: --endpoint"),
        ("--endpoint http://x", 2, "--endpoint: bad_endpoint"),
        (f"--endpoint {HOST} --endpoint {HOST.upper()}", 2, f"{HOST} is listed twice"),
        (" ".join(f"--endpoint e{n}.example.com" for n in range(5)), 2, "up to 4"),
        (
            " ".join(f"--endpoint {n}.{LONGEST}" for n in range(4)),
            1,
            "the names of the endpoints are too long: they would take 1",
        ),
        (f"--endpoint {HOST} --expires 2020-01-31", 2, "--expires: 2020-01-31 00:00 UTC is past"),
        (f"--endpoint {HOST} --expires 0d", 2, "is past"),
        (f"--endpoint {HOST} --expires 9999d", 2, "is not between an hour and a year from now"),
        (f"--endpoint {HOST} --expires 9999-01-31", 2, "is not between an hour and a year"),
        (f"--endpoint {HOST} --expires soon", 2, "'soon' is neither a duration as 12h"),
        (f"--endpoint {HOST} --other-key signing.pub.pem", 2, "are the same key"),
        (f"--endpoint {HOST} --other-key offline.key.pem", 1, "give its public half, offline.pub"),
        (f"--endpoint {HOST} --key offline.pub.pem", 1, "holds PUBLIC KEY, not PRIVATE KEY"),
        (f"--endpoint {HOST} --key secret", 1, "secret is no PEM file; a signing key"),
        (f"--endpoint {HOST} --key none", 1, "can not read none (a signing key"),
        (f"--endpoint {HOST} --passphrase-file none", 1, "can not read none (a passphrase"),
    ],
)
def test_what_no_board_would_take_is_refused(
    options: str, status: int, said: str, shell: Shell
) -> None:
    """One sentence, and no file."""
    assert said in shell.refused(f"{SIGN} -o signed.bin {options}", status)
    assert not shell.path("signed.bin").exists()


def test_no_input_is_destroyed(shell: Shell) -> None:
    """The keys are not written over; the bundle may be, by its signed form."""
    line = f"{SIGN} --endpoint {HOST} -o"
    assert "is one of the input files" in shell.refused(f"{line} signing.key.pem", status=2)
    assert "is one of the input files" in shell.refused(f"{line} offline.pub.pem", status=2)
    assert "is one of the input files" in shell.refused(f"{line} secret", status=2)
    for command in (line, "bundle --board RPI_PICO_W -o"):
        said = shell.refused(f"{command} offline.key.pem")
        assert "offline.key.pem holds a private key, which would be lost" in said
    shell.ok(f"device create --endpoint {HOST} --client-id lamp --csr lamp.pem -o lamp.bin")
    assert "lamp.bin holds a private key, which would be" in shell.refused(f"{line} lamp.bin")
    shell.ok(f"{line} roots.bin")
    assert len(parts(shell.path("roots.bin").read_bytes())) == 3


def test_another_passphrase(shell: Shell) -> None:
    """A wrong one opens nothing, and is not repeated."""
    shell.path("secret").write_text("incorrect horse\n")

    said = shell.refused(f"{SIGN} --endpoint {HOST} -o signed.bin")

    assert said.startswith("signing.key.pem: the passphrase does not open its private key")
    assert "horse" not in said


def test_files_that_hold_no_key_or_too_many(shell: Shell) -> None:
    """What is in them is told, and none of it is used."""
    line = f"sign roots.bin --endpoint {HOST} -o signed.bin {SECRET}"
    for label in ("PRIVATE", "PUBLIC"):
        shell.path("bad.pem").write_bytes(armour(f"{label} KEY", b"\x30\x03\x02\x01\x00"))
        pair = (
            ("bad.pem", "offline.pub.pem")
            if label == "PRIVATE"
            else ("signing.key.pem", "bad.pem")
        )
        said = shell.refused(f"{line} --key {pair[0]} --other-key {pair[1]}")
        assert said.startswith(f"bad.pem: its {label.lower()} key is damaged")
    for half in ("signing.pub.pem", "offline.pub.pem"):
        with shell.path("both.pub.pem").open("ab") as file:
            file.write(shell.path(half).read_bytes())
    said = shell.refused(f"{line} --key signing.key.pem --other-key both.pub.pem")
    assert "both.pub.pem holds several PUBLIC KEY blocks" in said


@pytest.mark.parametrize("kind", ["RSA 2048", "P-384", "secp256k1", "Ed25519"])
def test_other_kinds_of_keys(kind: str, shell: Shell) -> None:
    """Boards check P-256 alone, so nothing else signs, and nothing else is named."""
    made = certificate(kind=kind)
    shell.path("other.key.pem").write_bytes(made.key_bytes())
    shell.path("other.key.pem").chmod(0o600)
    command = "openssl pkey -in other.key.pem -pubout -out other.pub.pem"
    subprocess.run(command.split(), cwd=shell.folder, check=True)
    line = f"sign roots.bin --endpoint {HOST} -o signed.bin {SECRET}"

    for pair in (
        "signing.key.pem --other-key other.pub.pem",
        "other.key.pem --other-key offline.pub.pem",
    ):
        result = shell.run(f"{line} --key {pair}")
        assert result.status == 1
        assert "boards check signatures of EC P-256 keys alone" in result.err, result


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_without_a_passphrase_is_warned_of(form: PrivateFormat, shell: Shell) -> None:
    """A key of openssl's own making signs, with a word on what it is worth."""
    made = certificate(kind="P-256")
    shell.path("plain.pem").write_bytes(made.key_bytes(form))
    shell.path("plain.pem").chmod(0o644)

    line = "sign roots.bin --key plain.pem --other-key offline.pub.pem -o signed.bin"
    err = shell.ok(f"{line} --endpoint {HOST}").err

    assert "plain.pem has no passphrase: whoever gets to read it can sign roots" in err
    assert "others on this computer can read the signing key: chmod 600 plain.pem" in err


def test_a_key_hidden_in_the_old_way_is_refused(shell: Shell) -> None:
    """OpenSSL's own encryption of PEM is no protection; what converts it is said."""
    plain = certificate(kind="P-256").key_bytes()
    command = "openssl ec -aes128 -passout pass:x -out old.pem"
    subprocess.run(command.split(), cwd=shell.folder, input=plain, check=True)

    line = f"sign roots.bin --key old.pem --other-key offline.pub.pem --endpoint {HOST}"
    said = shell.refused(f"{line} -o signed.bin")
    assert "hidden in OpenSSL's old way" in said and "openssl pkcs8 -topk8" in said


def test_a_bundle_from_the_future_is_refused(shell: Shell) -> None:
    """Boards would refuse it, and once installed it would stop their clocks."""
    anchors = [root.anchor for root in load_manifest().roots if "data-ats" in root.endpoints]
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    shell.path("roots.bin").write_bytes(encode_bundle(anchors, version=1, built_at=soon))

    said = shell.refused(f"{SIGN} --endpoint {HOST} -o signed.bin")

    assert "which is in the future: boards would refuse it" in said


def test_a_test_bundle_is_warned_of(shell: Shell) -> None:
    """What `inspect` warns of is said before it is signed for a fleet."""
    posing = Anchor(certificate("Emulated").der, frozenset({"rsa"}), frozenset({"ats"}))
    shell.path("roots.bin").write_bytes(encode_bundle([posing], version=1, built_at=NOW))

    err = shell.ok(f"{SIGN} --endpoint {HOST} -o signed.bin").err

    assert "TEST BUNDLE? The anchor CN=Emulated,C=DE is no root of AWS" in err


def test_a_bundle_of_no_use_to_an_endpoint_is_refused(shell: Shell) -> None:
    """Own CAs answer for own names only, AWS's roots for both."""
    shell.path("ca.pem").write_bytes(certificate().pem)
    shell.ok("bundle --roots none --ca ca.pem -o roots.bin")

    make_signed(shell, host="iot.example.com")
    said = shell.refused(f"{SIGN} --endpoint iot.example.com --endpoint {HOST} -o signed.bin")
    assert f"roots.bin has no root that answers for {HOST} (data-ats)" in said


def test_an_update_that_outlives_its_roots_is_refused(shell: Shell) -> None:
    """It could be installed when its last root has ended."""
    ends = Anchor(certificate(ends=NOW + 20 * DAY).der, frozenset({"rsa"}), frozenset({"own"}))
    shell.path("roots.bin").write_bytes(encode_bundle([ends], version=1, built_at=NOW))

    line = f"{SIGN} --endpoint iot.example.com -o signed.bin"
    assert "the last root of roots.bin ends before" in shell.refused(line, status=2)
    shell.ok(f"{line} --expires 19d")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_bundle_is_refused(content: bytes, shell: Shell) -> None:
    """In one sentence that names the file."""
    shell.path("roots.bin").write_bytes(content)

    assert "roots.bin" in shell.refused(f"{SIGN} --endpoint {HOST} -o signed.bin")


def test_a_bundle_too_large_with_its_terms(shell: Shell) -> None:
    """What boards could read unsigned, and not signed, is refused."""
    ca = certificate("x" * 60, kind="RSA 4096")
    anchors = [Anchor(ca.der, frozenset({"rsa"}), frozenset({"own"}))] * 10
    content = encode_bundle(anchors, version=1, built_at=NOW)
    assert len(content) < 8192
    shell.path("roots.bin").write_bytes(content)
    hosts = " ".join(f"--endpoint {n}.{'a' * 60}.{'b' * 60}.{'c' * 60}" for n in range(4))

    said = shell.refused(f"{SIGN} {hosts} -o signed.bin")

    assert "and boards read at most 8192; leave out some roots" in said


def test_a_signature_that_does_not_hold_is_not_written(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A computer that miscalculates leaves no file."""
    monkeypatch.setattr(signed_bundle.hashes, "SHA256", signed_bundle.hashes.SHA512_256)

    said = shell.refused(f"{SIGN} --endpoint {HOST} -o signed.bin")

    assert "the signature that was made does not hold" in said
    assert not shell.path("signed.bin").exists()
