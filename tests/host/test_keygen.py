"""`ats-trust keygen`: keys that openssl reads, that are hidden, and that are never lost."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from shell import Shell
from signing import SECRET, make_keys


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell beside a file with a passphrase."""
    shell = Shell(tmp_path)
    shell.path("secret").write_text("correct horse\n")
    shell.path("secret").chmod(0o600)
    return shell


def openssl(shell: Shell, line: str) -> bytes:
    """What openssl says."""
    done = subprocess.run(
        ["openssl", *line.split()], cwd=shell.folder, capture_output=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_openssl_reads_both_halves(shell: Shell) -> None:
    """The key is PKCS#8 with scrypt, its public half fits, and the key id is of its point."""
    told = shell.ok(f"keygen -o signing.key.pem {SECRET} --json").json

    assert told == {
        "key": "signing.key.pem",
        "public": "signing.pub.pem",
        "key_id": told["key_id"],
    }
    public = shell.path("signing.pub.pem").read_bytes()
    derived = openssl(shell, "pkey -in signing.key.pem -passin file:secret -pubout")
    assert derived == public
    text = openssl(shell, "pkey -pubin -in signing.pub.pem -noout -text")
    assert b"prime256v1" in text
    point = openssl(shell, "pkey -pubin -in signing.pub.pem -outform DER")[-65:]
    assert hashlib.sha256(point).hexdigest()[:16] == told["key_id"]
    assert b"scrypt" in openssl(shell, "asn1parse -in signing.key.pem")
    assert (shell.path("signing.key.pem").stat().st_mode & 0o777) == 0o600


def test_it_is_said_how_to_keep_it(shell: Shell) -> None:
    """A person is told of the second key, and shown no part of the first."""
    result = shell.ok(f"keygen -o signing.key.pem {SECRET}")

    assert "Make the second one on another computer and keep it offline" in result.out
    lines = shell.path("signing.key.pem").read_text().splitlines()[1:-1]
    assert not any(line in result.out + result.err for line in lines)


@pytest.mark.parametrize("there", ["signing.key.pem", "signing.pub.pem"])
@pytest.mark.parametrize("kind", ["file", "link to nothing"])
def test_nothing_is_replaced(there: str, kind: str, shell: Shell) -> None:
    """Neither half takes the place of a file, and no half of a pair is left."""
    if kind == "file":
        shell.path(there).write_text("kept")
    else:
        shell.path(there).symlink_to("elsewhere")

    assert f"{there} is there already" in shell.refused(f"keygen -o signing.key.pem {SECRET}")

    assert shell.files() == sorted(["secret", there])
    assert kind != "file" or shell.path(there).read_text() == "kept"


def test_a_half_that_can_not_be_written_leaves_none(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fails at the private half, the public one goes too."""
    flushed = []
    flush = os.fsync

    def full_disk(descriptor: int) -> None:
        flushed.append(descriptor)
        if len(flushed) > 2:  # The public half and its folder.
            raise OSError(28, "No space left on device")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", full_disk)

    assert "No space left" in shell.refused(f"keygen -o signing.key.pem {SECRET}")
    assert shell.files() == ["secret"]


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("keygen", 2, "the following arguments are required: -o"),
        ("keygen -o ''", 2, "-o: the name to write to is empty"),
        ("keygen -o .", 2, "-o: . names no file"),
        ("keygen -o signing.key.pem --passphrase-file none", 1, "can not read none"),
        (f"keygen -o none/signing.key.pem {SECRET}", 1, "the folder none does not exist"),
        (f"keygen -o /dev/null {SECRET}", 1, "is a pipe or a device"),
    ],
)
def test_what_can_not_work_is_one_sentence(
    line: str, status: int, said: str, shell: Shell
) -> None:
    """A wrong call or a wrong file makes no key."""
    assert said in shell.refused(line, status)
    assert shell.files() == ["secret"]


def test_names(shell: Shell) -> None:
    """Whatever the private half is called, the public one is beside it."""
    for name, public in (("a.pem", "a.pub.pem"), ("b", "b.pub.pem"), (".pem", ".pem.pub.pem")):
        assert shell.ok(f"keygen -o {name} {SECRET} --json").json["public"] == public


def test_the_public_half_says_which_key_it_is(shell: Shell) -> None:
    """`inspect` tells the id by which bundles and boards know it; of the other half nothing."""
    made = shell.ok(f"keygen -o signing.key.pem {SECRET} --json").json

    shown = shell.ok("inspect signing.pub.pem")
    assert shown.out == (
        f"signing.pub.pem: the public half of a signing key, key id {made['key_id']}\n"
    )
    assert shell.ok("inspect signing.pub.pem --json").json["key_id"] == made["key_id"]
    assert "or sign for all of yours" in shell.ok("inspect signing.key.pem").err


def test_two_keys_are_two(shell: Shell) -> None:
    """No two calls give the same key."""
    make_keys(shell)

    one, two = (shell.path(f"{name}.pub.pem").read_bytes() for name in ("signing", "offline"))
    assert one != two
