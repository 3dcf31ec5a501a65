"""The host tools' handshake on real MicroPython, with the emulator's doors."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from ats_trust_tools import micropython_program
from ats_trust_tools.errors import ToolError
from ats_trust_tools.micropython_handshake import Handshake, shake
from conftest import missing
from e2e.doors import Door, Doors

HERE = "127.0.0.1"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A fitting MicroPython is here; temporary files go to an empty folder, which stays so."""
    try:
        micropython_program.find()
    except ToolError as error:
        missing(str(error))
    folder = tmp_path / "a folder: with a 'name'"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    # Nothing of the user's own can get in between.
    own = tmp_path / ".micropython" / "lib"
    own.mkdir(parents=True)
    (own / "socket.py").write_text("raise ImportError('not yours')")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MICROPYPATH", str(own))
    monkeypatch.setenv("MICROPYINSPECT", "1")
    monkeypatch.chdir(tmp_path)
    return folder


def shaken(door: Door, folder: Path, timeout: float = 30, device: Path | None = None) -> Handshake:
    found = shake(door.host, door.port, HERE, door.bundle.read_bytes(), timeout, device)
    assert list(folder.iterdir()) == []
    return found


def test_accepted(doors: Doors, program: Path) -> None:
    """The genuine server is accepted, and hears nothing beyond the handshake."""
    door = doors.open("both")
    door.visits()
    found = shaken(door, program)
    assert found == Handshake("accepted", found.micropython)
    assert found.micropython.startswith("MicroPython 1.") and "Mbed TLS 3" in found.micropython
    [visit] = door.visits()
    assert visit.handshake_complete and (visit.after_handshake, visit.plaintext) == (0, b"")


def test_device(doors: Doors, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a device's certificate the server is known and we are not; with it, both are."""
    door = doors.open("rsa", impostor="no-client-cert")
    found = shaken(door, program)
    assert (found.outcome, found.error) == ("accepted", "ClientRefused")
    assert found.code == "client_refused" and "was authenticated" in found.note
    device = door.write_device("device.bin")
    monkeypatch.chdir(device.parent)
    assert shaken(door, program, device=Path(device.name)).error == ""
    other = doors.open("ecdsa").bundle
    found = shaken(door, program, device=other)
    assert (found.outcome, found.code) == ("unknown", "bad_credentials")


@pytest.mark.parametrize(
    ("name", "code"),
    [("expired", "expired"), ("unknown-ca", "unknown_issuer"), ("plain-tcp", "not_tls")],
)
def test_refused(doors: Doors, program: Path, name: str, code: str) -> None:
    """A refusal is the library's own: class, code, stage, and what to do."""
    found = shaken(doors.open("rsa", impostor=name), program)
    assert (found.outcome, found.error, found.code) == ("refused", "PeerRejected", code)
    assert found.stage and found.detail and found.remedy


def test_other_bundle(doors: Doors, program: Path) -> None:
    """It is the bundle that is asked about which decides."""
    door = doors.open("rsa")
    ecdsa_only = door.write_bundle("ecdsa-only.bin", "ecdsa")
    found = shake(door.host, door.port, HERE, ecdsa_only.read_bytes())
    assert (found.outcome, found.code) == ("refused", "no_shared_suite")


def test_unknown(doors: Doors, program: Path) -> None:
    """What says nothing about the server is no verdict: silence, a closed port, a wrong name."""
    silent = doors.open("rsa", impostor="silent")
    began = time.monotonic()
    found = shaken(silent, program, timeout=1)
    assert found.outcome == "unknown" and "within 1 seconds" in found.note
    assert time.monotonic() - began < 4
    bundle = silent.bundle.read_bytes()
    with socket.socket() as held:
        held.bind((HERE, 0))
        found = shake(silent.host, held.getsockname()[1], HERE, bundle)
    assert (found.outcome, found.error) == ("unknown", "OSError")
    assert "nothing listens on that port" in found.note
    found = shake("192.0.2.1", silent.port, HERE, bundle)
    assert (found.outcome, found.code) == ("unknown", "bad_endpoint")


def no_micropython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MICROPYTHON", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sysconfig.get_path", lambda _: "/no/such/folder")


def test_no_micropython(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MicroPython there is no verdict, and the way to get one is said."""
    no_micropython(monkeypatch)
    found = shake("host.example.org", 8883, HERE, b"")
    assert (found.outcome, found.micropython) == ("unknown", "")
    assert "pip install 'ats-trust[micropython]'" in found.note


def script(folder: Path, text: str) -> Path:
    file = folder / "micropython"
    file.write_text(f"#!{sys.executable}\n{text}")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("print('1.28.0'); print('Mbed TLS 3.6.6'); print(True)", "offers TLS 1.3"),
        ("print('1.23.0'); print('Mbed TLS 3.6.0'); print(False)", "use 1.24 or newer"),
        ("import tls", "no MicroPython 1.23 or newer with the module tls"),
        ("print('\\x1b[2J')", "no MicroPython"),
    ],
)
def test_unfit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, words: str) -> None:
    """What is no MicroPython as boards have it is not asked; here it is found on PATH."""
    no_micropython(monkeypatch)
    monkeypatch.setenv("PATH", str(script(tmp_path, text).parent))
    found = shake("host.example.org", 8883, HERE, b"")
    assert found.outcome == "unknown" and words in found.note and found.note.isprintable()


def test_selected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MICROPYTHON selects one, and when it is wrong nothing else is taken in its place."""
    monkeypatch.setenv("MICROPYTHON", str(tmp_path / "none"))
    found = shake("host.example.org", 8883, HERE, b"")
    assert found.outcome == "unknown" and "check MICROPYTHON" in found.note


def test_killed_with_all_that_it_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What MicroPython itself started does not outlive it."""
    child = "import os, time; open('child', 'w').write(str(os.getpid())); time.sleep(60)"
    text = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    file = script(tmp_path, text)
    ended = micropython_program.run([str(file)], tmp_path, timeout=1.5)
    assert ended.status is None
    number = int((tmp_path / "child").read_text())
    for _ in range(50):  # Its new parent has to notice.
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("it still runs")


def test_odd_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A MicroPython that dies in the handshake gives no verdict, and its last words."""
    probed = "print('1.28.0'); print('Mbed TLS 3.6.6'); print(False)"
    text = (
        f"import sys\nif sys.argv[1] == '-c':\n    {probed}\nelse:\n    sys.exit('FATAL\\x1b[0m')"
    )
    monkeypatch.setenv("MICROPYTHON", str(script(tmp_path, text)))
    found = shake("host.example.org", 8883, HERE, b"")
    assert found.outcome == "unknown"
    assert found.note == r"MicroPython ended with status 1: FATAL\x1b[0m"
