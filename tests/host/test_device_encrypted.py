"""Device files encrypted at rest, moved, and what a board and a person are told of them."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

from ats_trust import credentials
from ats_trust.errors import ConfigError
from ats_trust_tools.device_file import read_device, read_for_board
from ats_trust_tools.passphrase import Passphrase
from interpreters import REPOSITORY
from made_certificates import Made, device
from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
LEGACY = HOST.replace("-ats", "")
CREATE = (
    f"device create --endpoint {HOST} --client-id sensor-1 "
    "--cert certificate.pem.crt --key private.pem.key -o device.bin"
)
ENCRYPT = CREATE + " --encrypt --passphrase-file secret"


@pytest.fixture
def made() -> Made:
    """A device's certificate and key."""
    return device("P-256")


@pytest.fixture
def shell(tmp_path: Path, made: Made) -> Shell:
    """A shell beside the two files that AWS gives and a file with a passphrase."""
    shell = Shell(tmp_path)
    shell.path("certificate.pem.crt").write_bytes(made.pem)
    shell.path("private.pem.key").write_bytes(made.key_bytes())
    shell.path("secret").write_text("correct horse\r\nanother line\n")
    shell.path("secret").chmod(0o600)
    return shell


def mode(shell: Shell, name: str) -> int:
    """The permission bits of a file."""
    return shell.path(name).stat().st_mode & 0o777


@pytest.mark.parametrize("kind", ["P-256", "RSA 2048"])
def test_an_encrypted_file_gives_a_board_what_the_plain_one_does(kind: str, shell: Shell) -> None:
    """What is read for a board is the plain file, byte for byte; the key is hidden."""
    made = device(kind)
    shell.path("certificate.pem.crt").write_bytes(made.pem)
    shell.path("private.pem.key").write_bytes(made.key_bytes())
    shell.ok(CREATE.replace("device.bin", "plain.bin"))
    shell.ok(ENCRYPT)

    plain = shell.path("plain.bin").read_bytes()
    content = shell.path("device.bin").read_bytes()
    assert read_for_board(shell.path("device.bin"), Passphrase(shell.path("secret"))) == plain
    numbers = made.key.private_numbers()  # type: ignore[union-attr]
    secret = numbers.private_value if kind == "P-256" else numbers.d
    hidden = secret.to_bytes((secret.bit_length() + 7) // 8, "big")
    assert hidden in plain
    assert not any(hidden[at : at + 8] in content for at in range(len(hidden) - 8))
    assert mode(shell, "device.bin") == 0o600

    shell.ok("device decrypt device.bin -o again.bin --passphrase-file secret")
    assert shell.path("again.bin").read_bytes() == plain
    assert mode(shell, "again.bin") == 0o600
    shell.ok("device encrypt again.bin --passphrase-file secret")
    assert read_device(shell.path("again.bin")).encrypted


def test_a_board_says_that_the_file_is_encrypted(shell: Shell) -> None:
    """The device library refuses it with the reason."""
    shell.ok(ENCRYPT)

    with pytest.raises(ConfigError) as caught:
        credentials.load_device(str(shell.path("device.bin")))

    assert caught.value.code == "bad_credentials"
    assert "encrypted: decrypt it first" in caught.value.detail


def test_openssl_opens_the_key(shell: Shell, made: Made) -> None:
    """The OCTET STRING is EncryptedPrivateKeyInfo, that other programs read too."""
    shell.path("secret").write_text("correct horse\n")
    shell.ok(ENCRYPT)
    shell.path("key.der").write_bytes(read_device(shell.path("device.bin")).key)

    command = "openssl pkcs8 -inform DER -in key.der -passin file:secret -outform DER".split()
    found = subprocess.run(command, cwd=shell.folder, capture_output=True)

    assert found.stdout == made.key_bytes(PrivateFormat.TraditionalOpenSSL, Encoding.DER), (
        found.stderr
    )


def test_show_needs_the_passphrase_for_the_key_check_only(shell: Shell) -> None:
    """Everything else is shown without it, and that the key is plain on a board."""
    shell.ok(ENCRYPT)

    shown = shell.ok("device show device.bin").out
    without = shell.ok("device show device.bin --json").json
    checked = shell.ok("device show device.bin --json --passphrase-file secret").json

    assert "encrypted with a passphrase in this file, always plain on a board" in shown
    assert (without["encrypted"], without["key_checked"]) == (True, False)
    assert (checked["encrypted"], checked["key_checked"]) == (True, True)
    assert checked["certificate"] == without["certificate"]
    assert "whole (SHA-256)" in shell.ok("inspect device.bin").out


PASSPHRASES = {
    "wrong": (b"incorrect horse\n", "the passphrase does not open its private key"),
    "empty file": (b"", "is empty; a passphrase belongs there"),
    "empty line": (b"\nx\n", "its first line is empty"),
    "not there": (None, "a passphrase belongs there"),
}


@pytest.mark.parametrize("case", PASSPHRASES)
def test_a_passphrase_that_is_none_is_refused(case: str, shell: Shell) -> None:
    """One sentence, and nothing is written; what was tried is not repeated."""
    shell.ok(ENCRYPT)
    content, reason = PASSPHRASES[case]
    shell.path("other").unlink(missing_ok=True)
    if content is not None:
        shell.path("other").write_bytes(content)
        shell.path("other").chmod(0o600)

    said = shell.refused("device decrypt device.bin -o plain.bin --passphrase-file other")

    assert reason in said
    assert "horse" not in said
    assert not shell.path("plain.bin").exists()


def test_a_passphrase_that_others_can_read_is_warned_of(shell: Shell) -> None:
    """A group- or world-readable file is used, with a warning."""
    shell.path("secret").chmod(0o640)

    assert "can read the passphrase: chmod 600 secret" in shell.ok(ENCRYPT).err


def at_terminal(shell: Shell, line: str, typed: list[str]) -> tuple[int, str]:
    """Run a command in a terminal of its own, type a line at each prompt, return what it shows."""
    command = [sys.executable, "-m", "ats_trust_tools", *line.split()]
    paths = f"{REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
    child, terminal = pty.fork()
    if not child:
        os.chdir(shell.folder)
        os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": paths})
    shown = b""
    try:
        while True:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # Linux says so when the other side has closed the terminal.
                data = b""
            if not data:
                break
            shown += data
            if data.endswith(b": ") and typed:
                os.write(terminal, typed.pop(0).encode() + b"\n")
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def test_a_passphrase_is_typed_twice_and_not_seen(shell: Shell) -> None:
    """At the terminal a new passphrase is asked for twice, and shown never."""
    line = CREATE + " --encrypt"
    status, shown = at_terminal(shell, line, ["correct horse", "correct house"])
    assert status == 1
    assert "the two passphrases differ" in shown
    assert not shell.path("device.bin").exists()

    status, shown = at_terminal(shell, line, ["correct horse", "correct horse"])
    assert status == 0, shown
    assert "horse" not in shown
    shell.ok("device decrypt device.bin -o plain.bin --passphrase-file secret")


def test_without_a_terminal_nothing_is_read_as_a_passphrase(shell: Shell) -> None:
    """A pipe on standard input is no place for a passphrase."""
    command = [sys.executable, "-m", "ats_trust_tools", *CREATE.split(), "--encrypt"]
    paths = f"{REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
    found = subprocess.run(
        command,
        cwd=shell.folder,
        input="correct horse\n" * 2,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        start_new_session=True,
    )

    assert found.returncode == 2, found.stderr
    assert "give --passphrase-file" in found.stderr
    assert not shell.path("device.bin").exists()


@pytest.mark.parametrize("options", ["", " --encrypt --passphrase-file secret"])
def test_move_keeps_certificate_and_key(options: str, shell: Shell) -> None:
    """From the legacy endpoint to the ATS one: endpoint and port change, nothing else."""
    shell.ok(CREATE.replace(HOST, LEGACY) + " --port 8884" + options)
    before = read_device(shell.path("device.bin"))

    said = shell.ok(f"device move device.bin --endpoint {HOST}")

    after = read_device(shell.path("device.bin"))
    assert said.err == ""
    assert f"{HOST}:8883 in place of {LEGACY}:8884" in said.out
    assert (after.endpoint, after.port) == (HOST, 8883)
    assert (after.certificate, after.key, after.client_id, after.format) == (
        before.certificate,
        before.key,
        before.client_id,
        before.format,
    )
    assert mode(shell, "device.bin") == 0o600
    assert "already" in shell.ok(f"device move device.bin --endpoint {HOST}").out
    assert (
        "is a legacy endpoint"
        in shell.ok(f"device move device.bin --endpoint {LEGACY} -o old.bin").err
    )
    assert read_device(shell.path("device.bin")) == after


MOVE = f"device move device.bin --endpoint {HOST}"
UNUSABLE = {
    "damaged": (lambda content: content[:-1] + b"x", "damaged: SHA-256 differs"),
    "cut off": (lambda content: content[:100], "cut off"),
    "empty": (lambda content: b"", "is empty"),
    "a certificate": (
        lambda content: b"-----BEGIN CERTIFICATE-----\n",
        "is no usable device file",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_is_no_device_file_is_not_touched(case: str, shell: Shell) -> None:
    """A damaged file is refused with the reason by each command, and stays as it was."""
    shell.ok(ENCRYPT)
    change, reason = UNUSABLE[case]
    content = change(shell.path("device.bin").read_bytes())
    shell.path("device.bin").write_bytes(content)

    for line in (MOVE, "device show device.bin", "device encrypt device.bin"):
        assert reason in shell.refused(line)
    assert "/dev" in shell.refused("device show /dev/null")
    assert "directory" in shell.refused("device show .")
    assert shell.path("device.bin").read_bytes() == content


def test_the_only_copy_of_a_key_is_not_replaced(shell: Shell) -> None:
    """A device file gives way to one with the same key, never to one with another."""
    shell.ok(CREATE)
    shell.ok(CREATE)
    other = device("P-384")
    shell.path("other.crt").write_bytes(other.pem)
    shell.path("other.key").write_bytes(other.key_bytes())
    create = CREATE.replace("certificate.pem.crt", "other.crt")
    create = create.replace("private.pem.key", "other.key")
    before = shell.path("device.bin").read_bytes()

    assert "holds the private key of 'sensor-1', another one" in shell.refused(create)
    shell.ok(create.replace("device.bin", "other.bin"))
    move = f"device move other.bin --endpoint {HOST} -o device.bin"
    assert "may be its only copy" in shell.refused(move)
    encrypt = "device encrypt other.bin -o device.bin --passphrase-file secret"
    assert "may be its only copy" in shell.refused(encrypt)
    assert shell.path("device.bin").read_bytes() == before
