"""`ats-trust flash`: real mpremote, a real MicroPython, a real file system of a board's size."""

import base64
import contextlib
import os
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ats_trust_tools import board_programs, connected_board
from ats_trust_tools.boards import load_board
from ats_trust_tools.connected_board import ConnectedBoard, Facts
from ats_trust_tools.flash_plan import make_plan, sha256, why_not, why_not_these
from ats_trust_tools.installation import board_files
from board_disk import Disk
from interpreters import MicroPython
from made_certificates import make_device_file
from shell import Shell
from unix_board import UnixBoard

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
_BUNDLE = "bundle --board RPI_PICO_W --bundle-version"
# Source text that a program of the board's finds the library's state with.
_IMPORT = (
    "import sys; sys.path[:] = ['/lib']\n"
    "try:\n import ats_trust; print(ats_trust.__file__, ats_trust.TrustError.__name__)\n"
    "except ImportError as error: print(error)"
)


_FILL = """
with open("/big", "wb") as file:
    for _ in range(115):
        file.write(bytes(4096))
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in a folder with a device file and its two PEM files."""
    shell = Shell(tmp_path)
    make_device_file(shell, HOST)
    return shell


def _flash(board: UnixBoard, options: str = "") -> str:
    return f"flash --port {board.port} --board RPI_PICO_W {options}"


def _on_board(board: UnixBoard, code: str) -> str:
    done = board.mpremote("exec", code)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_from_nothing_and_again(board: UnixBoard, shell: Shell) -> None:
    """All is put on the board, the summary says what; again only what differs is copied."""
    shell.ok(f"{_BUNDLE} 9000000000 -o own.bin")
    told = shell.ok(_flash(board, "--device device.bin --bundle own.bin")).out
    for words in (
        "RPI_PICO_W: Raspberry Pi Pico W",
        "MicroPython 1.",
        "/lib/ats_trust/roots_field.bin, version 9000000000: amazon-root-ca-1,",
        f"sensor-1 at {HOST}:8883",
        "in plain on the board's flash, in /device.bin",
        "ok: server of an unknown root: refused",
        "Next: reset the board",
    ):
        assert words in told, told
    blob = shell.path("device.bin").read_bytes()
    digest = (
        "import hashlib\nprint(hashlib.sha256(open('/device.bin', 'rb').read()).digest().hex())"
    )
    files = board_files(load_board("RPI_PICO_W"), device=blob)

    again = shell.ok(_flash(board, "--device device.bin --json")).json
    assert (again["copied"], again["removed"]) == ([], [])
    assert again["files"].items() >= {"/device.bin": _on_board(board, digest)}.items()
    assert again["files"].keys() == files.keys()
    assert again["bundle"]["version"] == 9000000000
    assert again["selftest"]["passed"] and len(again["selftest"]["lines"]) >= 8

    _on_board(board, "open('/lib/ats_trust/x509.py', 'a').write('#')")
    mended = shell.ok(_flash(board, "--json")).json
    # With any part of the library its beginning is written anew.
    assert mended["copied"] == ["/lib/ats_trust/x509.py", "/lib/ats_trust/__init__.py"]
    assert mended["device"]["client_id"] == "sensor-1"


def test_the_other_form_goes(
    newest_micropython: MicroPython, tmp_path: Path, shell: Shell
) -> None:
    """A .py that would hide a new .mpy goes, and the reverse; here on FAT."""
    with UnixBoard(newest_micropython, Disk(tmp_path / "disk", "FAT", 1280)) as board:
        shell.ok(_flash(board))
        planned = shell.ok(_flash(board, "--mpy --dry-run --json")).json
        assert "/lib/ats_trust/stream.py" in planned["removed"]
        assert _on_board(board, _IMPORT).startswith("/lib/ats_trust/__init__.py ")
        for options, file in (("--mpy", "__init__.mpy"), ("", "__init__.py")):
            shell.ok(_flash(board, options))
            assert _on_board(board, _IMPORT).startswith(f"/lib/ats_trust/{file} ")
            names = _on_board(board, "import os; print(*os.listdir('/lib/ats_trust'))").split()
            assert {Path(name).suffix for name in names} == {Path(file).suffix, ".txt", ".bin"}
            assert _on_board(board, "import os; print(os.listdir('/lib'))") == "['ats_trust']"


def test_an_encrypted_device_file(board: UnixBoard, shell: Shell) -> None:
    """It is plain on the board only: no command line, program or file here holds the key."""
    shell.path("secret").write_text("correct horse\n")
    shell.path("secret").chmod(0o600)
    shell.ok(
        f"device create --endpoint {HOST} --client-id sensor-2 --cert cert.pem --key key.pem "
        "-o encrypted.bin --encrypt --passphrase-file secret"
    )
    seen: list[str | bytes] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and "connect" in arguments[1]:
            for word in map(str, arguments[1]):
                seen.append(word)
                if word.startswith("/") and Path(word).is_file():
                    seen.append(Path(word).read_bytes())

    sys.addaudithook(hook)
    told = shell.ok(_flash(board, "--device encrypted.bin --passphrase-file secret --json"))
    held = b"\n".join(os.fsencode(one) if isinstance(one, str) else one for one in seen)
    assert told.json["device"]["client_id"] == "sensor-2"
    plain = shell.path("device.bin").read_bytes().replace(b"sensor-1", b"sensor-2")[:-32]
    key = plain[-100:]
    assert _on_board(board, f"print({key!r} in open('/device.bin', 'rb').read())") == "True"
    forms = [key[i : i + 24] for i in range(0, 76)]
    texts = [form for raw in forms for form in (raw, base64.b64encode(raw), raw.hex().encode())]
    texts += [repr(raw)[2:-1].encode() for raw in forms]
    assert b"/dev/fd/" in held
    assert b"a2b_base64" in held and not any(text in held for text in texts)


_REFUSED = [
    ("", "no profile has that name; name a board of its kind"),
    ("--board RPI_PICO_X", "did you mean RPI_PICO_W?"),
    ("--board ESP8266_GENERIC", "ESP8266_GENERIC is refused: "),
    ("--board RPI_PICO_W --device cert.pem", "cert.pem is no usable device file"),
    ("--board RPI_PICO_W --device none.bin", "can not read none.bin"),
    ("--board RPI_PICO_W --bundle cert.pem", "bundle_damaged"),
    ("--board RPI_PICO_W --bundle old.bin", "old.bin has version 7, and "),
    ("--board RPI_PICO_W --bundle older.bin", "/lib/ats_trust/roots_field.bin on the board has"),
]


def test_refused_before_anything_is_touched(board: UnixBoard, disk: Disk, shell: Shell) -> None:
    """What can not work is refused with one sentence, and not a byte of the flash changes."""
    shell.ok(f"{_BUNDLE} 7 -o old.bin")
    shell.ok(f"{_BUNDLE} 9000000000 -o new.bin")
    shell.ok(f"{_BUNDLE} 8999999999 -o older.bin")
    shell.ok(_flash(board, "--mpy --bundle new.bin"))
    before = disk.path.read_bytes()
    for options, sentence in _REFUSED:
        result = shell.run(f"flash --port {board.port} {options}")
        assert sentence in result.sentence, result
    assert disk.path.read_bytes() == before
    # Those 160 blocks have room for one library and not for a second of 20 blocks beside it.
    _on_board(board, _FILL)
    before = disk.path.read_bytes()
    assert "bytes free and this takes" in shell.refused(_flash(board))
    assert disk.path.read_bytes() == before
    _on_board(board, "import os; os.mkdir('/ats_trust'); open('/ats_trust/__init__.py', 'w')")
    assert "the board imports ats_trust/__init__.py in place of" in shell.refused(_flash(board))


def test_newer_roots_stay(board: UnixBoard, shell: Shell) -> None:
    """An older release does not take the place of the roots of a newer one."""
    shell.ok(f"{_BUNDLE} 9000000000 -o new.bin")
    shell.ok(_flash(board))
    copied = board.mpremote("fs", "cp", shell.folder / "new.bin", ":/lib/ats_trust/roots.bin")
    assert copied.returncode == 0, copied.stderr
    assert "roots.bin on the board has version 9000000000" in shell.refused(_flash(board))


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        ("/dev/no-such-port", "there is no port /dev/no-such-port"),
        ("cert.pem", "cert.pem is no serial port"),
        ("socket://127.0.0.1:9", "nothing answers at socket://127.0.0.1:9"),
        ("socket://board.example:9 --device device.bin", "would cross the network"),
        ("id:none", "id:none: no such board"),
        ("''", "no port is named"),
    ],
)
def test_no_board_there(port: str, sentence: str, shell: Shell) -> None:
    """A wrong port is called wrong, without a word of mpremote's own."""
    result = shell.run(f"flash --port {port}")
    assert sentence in result.sentence
    assert result.status == (2 if port == "''" or "--device" in port else 1)


def test_silence(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What never answers is given up, and its port is free again."""
    monkeypatch.setattr(connected_board, "_SILENCE", 1)
    wire, end = os.openpty()
    try:
        port = os.ttyname(end)
        assert "no answer for 1 seconds; is a board there" in shell.refused(f"flash --port {port}")
        assert "no answer for 1 s" in shell.refused(f"boards --detect --port {port}")
    finally:
        os.close(wire)
        os.close(end)


def test_nothing_is_imported_from_here(shell: Shell) -> None:
    """A file of the folder that one happens to be in is not run, whatever it is called."""
    shell.path("serial.py").write_text("raise SystemExit('from here')")
    with contextlib.chdir(shell.folder):
        told = shell.refused("flash --port /dev/none")
    assert "there is no port /dev/none" in told, told


@pytest.mark.parametrize(
    "said",
    [
        "'[' * 3000",  # As deep as a line can be.
        "'{}'",
        "'[1]'",
        """'{"name": "micropython", "version": "x"}'""",
        """_dumps(dict(x, free="much") if "free" in x else x)""",
        """_dumps([] if "moving" in x else x)""",
        """_dumps({"damaged": 1} if "damaged" in x else x)""",
        """_dumps(dict(x, file=1) if "file" in x else x)""",
        """_dumps(dict(x, device=1) if "file" in x else x)""",
    ],
)
def test_a_board_that_answers_something_else(said: str, board: UnixBoard, shell: Shell) -> None:
    """Whatever it says in place of an answer, it is one sentence and exit status 1."""
    # MicroPython takes a file before a module of its own, but for the name with the u.
    program = f"from ujson import dumps as _dumps, loads\ndef dumps(x): return {said}\n"
    _on_board(board, f"with open('/json.py', 'w') as f: f.write({program!r})")
    told = shell.refused(_flash(board))
    assert "garbled" in told, told


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_board_that_never_stops(
    end: str, board: UnixBoard, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prints for ever, with and without ends of lines."""
    monkeypatch.setattr(connected_board, "_LONGEST", 5_000)
    monkeypatch.setattr(connected_board, "_MOST", 20_000)
    program = f"while True: print('x' * 999, end={end!r})\n"
    _on_board(board, f"with open('/json.py', 'w') as f: f.write({program!r})")
    assert "garbled" in shell.refused(_flash(board))


def test_detect(board: UnixBoard, shell: Shell) -> None:
    """`boards --detect` says what is connected, and asks both of its options."""
    found = shell.ok(f"boards RPI_PICO_W --detect --port {board.port} --json").json
    assert found["name"] == "RPI_PICO_W" and found["connected"]["why_not"] is None
    assert found["connected"]["verifies"] and found["connected"]["platform"] == "linux"
    told = shell.ok(f"boards RPI_PICO_W --detect --port {board.port}").out
    assert f"yes: ats-trust flash --port {board.port} --board RPI_PICO_W\n" in told
    unknown = shell.refused(f"boards --detect --port {board.port}")
    assert "`ats-trust boards --detect BOARD" in unknown
    assert "takes both" in shell.refused("boards --detect", status=2)
    assert "takes both" in shell.refused(f"boards --port {board.port}", status=2)


def _facts(**other: Any) -> Facts:
    facts = Facts(
        release="1.26.1",
        platform="rp2",
        build="RPI_PICO_W",
        machine="Raspberry Pi Pico W with RP2040",
        mpy=4870,
        tls=True,
        verifies=True,
        mbedtls="Mbed TLS 3.6.2",
        heap=190000,
        block=4096,
        blocks=212,
        free_blocks=200,
        hidden_by=None,
        in_path=True,
        staging=False,
        files={},
    )
    return replace(facts, **other)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({}, None),
        ({"release": "1.18.0"}, "MicroPython 1.18.0 is too old"),
        ({"tls": False, "verifies": False}, "has no TLS module"),
        ({"verifies": False}, "can not verify a server"),
        ({"hidden_by": ".frozen"}, "frozen into this firmware"),
        ({"hidden_by": "ats_trust.py"}, "imports ats_trust.py in place of"),
        ({"in_path": False}, "does not look in /lib"),
        ({"block": 0}, "has no file system"),
        ({"mpy": None}, "leave out --mpy"),
        ({"mpy": 4869}, "leave out --mpy"),
        ({"free_blocks": 20}, "bytes free and this takes"),
    ],
)
def test_what_can_not_work(other: dict[str, Any], sentence: str | None) -> None:
    """Each thing that a board can lack is named."""
    pico, facts = load_board("RPI_PICO_W"), _facts(**other)
    plan = make_plan(facts, board_files(pico, compiled=True))
    reason = why_not(facts, pico, "PORT") or why_not_these(facts, plan)
    assert (sentence or "nothing") in (reason or "nothing")


def test_power_fails_at_any_write(
    board: UnixBoard, disk: Disk, newest_micropython: MicroPython, shell: Shell
) -> None:
    """What is imported after each is the old library, the new one, or a plain word about it."""
    shell.ok(_flash(board))
    old = _on_board(board, _IMPORT)
    facts = ConnectedBoard(board.port).probe()
    plan = make_plan(facts, board_files(load_board("RPI_PICO_W"), compiled=True))
    commands = [["soft-reset"], ["exec", board_programs.prepare(plan.staged)]]
    for number, program in enumerate(board_programs.copies(plan.staged)):
        shell.path(f"{number}").write_text(program)
        commands.append(["run", str(shell.path(f"{number}"))])
    ConnectedBoard(board.port).run(*commands)
    staged = disk.path.read_bytes()
    assert _on_board(board, _IMPORT) == old
    digests = {name: sha256(data) for name, data in plan.staged.items()}
    move = board_programs.move(digests, plan.places, plan.removals)
    seen = []
    for writes in range(0, 1000, 3):
        disk.path.write_bytes(staged)
        disk.cut_power_after(writes)
        newest_micropython.run_code(disk.mount() + move)
        ended = disk.has_power
        state = newest_micropython.run_code(disk.mount() + _IMPORT).stdout.strip()
        if state not in seen:
            seen.append(state)
        if ended:
            break
    else:
        pytest.fail("the power always failed")
    assert [state.split()[0] for state in seen] == [
        "/lib/ats_trust/__init__.py",
        "ats_trust",
        "/lib/ats_trust/__init__.mpy",
    ]
    assert seen[1] == "ats_trust is half installed: run `ats-trust flash` again"


@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.7])
def test_killed(seconds: float, newest_micropython: MicroPython, disk: Disk, shell: Shell) -> None:
    """Killed at any moment, with the board restarted: it works or says so; again completes it."""
    with UnixBoard(newest_micropython, disk) as board:
        shell.ok(_flash(board))
        command = _flash(board, "--mpy --device device.bin")
        words = [sys.executable, "-m", "ats_trust_tools", *shlex.split(command)]
        # What a kill leaves in the folder for temporary files goes with the test's own.
        place = {**os.environ, "TMPDIR": str(shell.folder)}
        silent = subprocess.DEVNULL
        with subprocess.Popen(words, cwd=shell.folder, env=place, stdout=silent) as process:
            time.sleep(seconds)
            process.kill()
    with UnixBoard(newest_micropython, disk) as board:
        state = _on_board(board, _IMPORT)
        assert state.startswith("/lib/ats_trust/__init__.") or "is half installed" in state
        told = shell.ok(_flash(board, "--mpy --device device.bin --json")).json
        assert told["selftest"]["passed"] and told["device"]["client_id"] == "sensor-1"
        assert _on_board(board, "import os; print(os.listdir('/lib'))") == "['ats_trust']"
