"""`ats-trust flash` and `image` with signed bundles: what is in force, and updates by cable."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ats_trust_tools import board_programs, flashing
from ats_trust_tools.connected_board import ConnectedBoard
from board_disk import Disk
from shell import Shell
from signing import HOST, SECRET, make_keys, make_signed
from unix_board import UnixBoard

FIELD = "/lib/ats_trust/roots_field.bin"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell with two keys, and bundles that they signed: versions 41 to 43."""
    shell = Shell(tmp_path)
    make_keys(shell)
    shell.ok("bundle --board RPI_PICO_W --bundle-version 41 -o roots.bin")
    for version in (41, 42, 43):
        make_signed(shell, f"--bundle-version {version}", name=f"signed{version}.bin")
    return shell


def flash(board: UnixBoard, options: str = "") -> str:
    """What a user types."""
    return f"flash --port {board.port} --board RPI_PICO_W {options}"


def on_board(board: UnixBoard, code: str) -> str:
    """What a program prints there."""
    done = board.mpremote("exec", code)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def folder(board: UnixBoard, path: str = "/lib") -> list[str]:
    """The names in a folder there."""
    return on_board(board, f"import os; print(*sorted(os.listdir({path!r})))").split()


STATUS = (
    "import sys; sys.path[:] = ['/lib']\n"
    "import ats_trust; s = ats_trust.update.status()\n"
    "print(s['version'], s['kept'], s['pending'], bool(s['digest']), s['waiting'])"
)


def test_from_the_first_signed_bundle_to_an_update(board: UnixBoard, shell: Shell) -> None:
    """By cable come the signers, then an update: pending on the board, and nothing left over."""
    told = shell.ok(flash(board, "--bundle signed41.bin --json")).json
    assert (told["bundle"]["path"], told["bundle"]["version"]) == (FIELD, 41)
    assert told["update"] is None
    assert on_board(board, STATUS) == "41 41 None True []"

    shown = shell.ok(flash(board, "--update signed42.bin")).out
    assert f"version 42, in force for {HOST} until connections there have proved it" in shown
    assert on_board(board, STATUS) == f"42 41 42 True ['{HOST}']"
    assert folder(board) == ["ats_trust"]

    told = shell.ok(flash(board, "--update signed43.bin --json")).json
    assert told["update"] == {"version": 43, "waiting": [HOST], "refused": ""}
    # What was in force while the library was looked at.
    assert told["bundle"]["version"] == 42
    assert told["bundle"]["path"].startswith("/lib/ats_trust/roots_slot")


def test_an_update_that_the_board_refuses(board: UnixBoard, shell: Shell) -> None:
    """The library's own sentence, exit status 1, and the board is as it was."""
    said = shell.run(flash(board, "--update signed42.bin"))
    assert said.status == 1
    assert "the board refuses the update: update_no_signers: " in said.err
    assert "update  " in said.out and "refused, and nothing of it is on the board" in said.out
    assert folder(board) == ["ats_trust"]

    shell.ok(flash(board, "--bundle signed42.bin"))
    before = folder(board, "/lib/ats_trust")
    for update, code in (("signed41.bin", "update_older"), ("signed42.bin", "update_older")):
        said = shell.run(flash(board, f"--update {update} --json"))
        assert said.status == 1
        assert said.json["update"]["refused"].startswith(code)
    shell.ok(f"keygen -o third.key.pem {SECRET}")
    line = f"sign roots.bin --key third.key.pem --other-key signing.pub.pem {SECRET}"
    shell.ok(f"{line} --endpoint {HOST} --bundle-version 50 -o strange.bin")
    assert "update_unknown_signer" in shell.run(flash(board, "--update strange.bin")).err
    assert folder(board, "/lib/ats_trust") == before


def _cut_off(content: bytes) -> bytes:
    return content[:-1]


def _changed(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("option", ["--bundle", "--update"])
@pytest.mark.parametrize(
    ("change", "said"),
    [(_cut_off, "bundle_damaged"), (_changed, "its signature does not hold")],
)
def test_a_bad_signature_never_comes_to_a_board(
    option: str,
    change: Callable[[bytes], bytes],
    said: str,
    board: UnixBoard,
    disk: Disk,
    shell: Shell,
) -> None:
    """It is refused here, by cable too, where a board would not look at it."""
    content = shell.path("signed42.bin").read_bytes()
    shell.path("bad.bin").write_bytes(change(content))

    assert said in shell.refused(flash(board, f"{option} bad.bin"))
    assert "is not signed" in shell.refused(flash(board, "--update roots.bin"))
    assert not folder(board, "/")[1:]


def test_what_is_in_force_is_not_taken_away(board: UnixBoard, disk: Disk, shell: Shell) -> None:
    """Unsigned, older or equal to an update: refused, and not a byte of the flash changes."""
    shell.ok("bundle --board RPI_PICO_W --bundle-version 9000000000 -o newest.bin")
    shell.ok(flash(board, "--bundle signed41.bin"))
    said = shell.refused(flash(board, "--bundle newest.bin"))
    assert said.startswith("newest.bin is not signed, and /lib/ats_trust/roots_field.bin on the")
    assert "signed bundles are in force before all others, so it would do nothing" in said
    shell.ok(flash(board, "--update signed42.bin"))
    before = disk.path.read_bytes()

    for bundle, reason in (
        ("newest.bin", "newest.bin is not signed, and /lib/ats_trust/roots_slot"),
        ("signed41.bin", "signed41.bin has version 41, and /lib/ats_trust/roots_slot"),
        ("signed42.bin", "signed42.bin has version 42, and /lib/ats_trust/roots_slot"),
    ):
        assert reason in shell.refused(flash(board, f"--bundle {bundle}"))
    assert disk.path.read_bytes() == before

    told = shell.ok(flash(board, "--bundle signed43.bin --json")).json
    assert (told["bundle"]["path"], told["bundle"]["version"]) == (FIELD, 43)


STATE = (
    "import sys; sys.path[:] = ['/lib']\n"
    "from ats_trust.slots import State\n"
    "state = State(); state.{}(); state.save(); state.sweep()"
)


def test_a_version_that_was_gone_back_from(board: UnixBoard, shell: Shell) -> None:
    """By cable too it does nothing, and that is said: only the board remembers it."""
    make_signed(shell, "--bundle-version 45", name="signed45.bin")
    shell.ok(flash(board, "--bundle signed41.bin"))
    shell.ok(flash(board, "--update signed42.bin"))
    on_board(board, STATE.format("confirm"))
    shell.ok(flash(board, "--update signed45.bin"))
    on_board(board, STATE.format("revert"))

    said = shell.run(flash(board, "--bundle signed43.bin"))

    assert said.status == 1
    assert "signed43.bin is on the board, and /lib/ats_trust/roots_slot" in said.err
    assert "is in force there: an update with this or a higher version was installed" in said.err


def test_dry_run(board: UnixBoard, disk: Disk, shell: Shell) -> None:
    """It is said what would be done."""
    shown = shell.ok(flash(board, "--bundle signed41.bin --update signed42.bin --dry-run")).out

    assert "  install signed42.bin, if the library there accepts it\n" in shown
    assert not folder(board, "/")[1:]


def test_a_copy_that_is_interrupted_leaves_nothing(
    board: UnixBoard, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the program that installs does not come to its end, what was copied goes."""
    shell.ok(flash(board, "--bundle signed41.bin"))
    update = board_programs.update
    monkeypatch.setattr(board_programs, "update", lambda now: "raise OSError(5)")

    said = shell.run(flash(board, "--update signed42.bin"))
    assert said.status == 1
    assert "run the same command again to install the update" in said.err
    assert folder(board) == ["ats_trust"]

    monkeypatch.setattr(board_programs, "update", lambda now: "print(1)")
    with pytest.raises(flashing.ToolError, match="garbled"):
        flashing.install_update(ConnectedBoard(board.port), b"x")
    monkeypatch.setattr(board_programs, "update", update)
    shell.ok(flash(board, "--update signed42.bin"))
    assert folder(board) == ["ats_trust"]


def test_an_image_with_a_signed_bundle(shell: Shell) -> None:
    """It is in force there whatever its version; one that does not hold is refused."""
    content = shell.path("signed41.bin").read_bytes()
    shell.path("bad.bin").write_bytes(_changed(content))
    line = "image --board RPI_PICO_W --dry-run --bundle"

    assert FIELD in shell.ok(f"{line} signed41.bin").out
    assert "its signature does not hold" in shell.refused(f"{line} bad.bin")
    assert "the newest is in force" in shell.refused(f"{line} roots.bin")
