"""`ats-trust emulate` as a process of its own: what it writes, refuses to replace, how it ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shell import Shell

MARK = ".ats-trust-emulator"
WRITTEN = (
    "device.bin",
    "emulated-rsa-certificate.pem.crt",
    "emulated-rsa-private.pem.key",
    "keys",
    "roots.bin",
    "roots.pem",
)


@contextmanager
def emulate(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """`ats-trust emulate -o FOLDER --json` once it listens, and what it said; killed at last."""
    command = [sys.executable, "-m", "ats_trust_tools", "emulate", "-o", str(folder), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_it_knows_its_own_folder_again(tmp_path: Path) -> None:
    """What is written is what another folder is searched for; the next start goes on there."""
    door = tmp_path / "door"
    for _ in range(2):
        with emulate(door) as (process, started):
            assert Path(str(started["bundle"])) == door / "roots.bin"
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        assert sorted(path.name for path in door.iterdir()) == [MARK, *WRITTEN]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_folder_with_somebody_elses_file_is_refused(name: str, tmp_path: Path) -> None:
    """Nothing that the emulator did not make is replaced, and nothing is written beside it."""
    shell = Shell(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_bytes(b"mine")

    said = shell.refused("emulate -o mine")

    assert said == (
        f"mine/{name} was not made by the emulator, which would replace it; name another folder"
    )
    assert [path.read_bytes() for path in (tmp_path / "mine").iterdir()] == [b"mine"]


def test_what_it_tells_to_paste_works_in_python(tmp_path: Path) -> None:
    """The printed lines, in the order given, connect a fresh Python to the emulator."""
    command = [sys.executable, "-m", "ats_trust_tools", "emulate", "-o", str(tmp_path / "door")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = iter(process.stdout.readline, "Ctrl-C ends it. Connections:\n")
        indented = [line.strip() for line in said if line.startswith("  ")]
        first = next(n for n, line in enumerate(indented) if "micropython_tls" in line)
        last = next(n for n, line in enumerate(indented) if "ats_trust.connect(" in line)
        program = "\n".join(indented[first : last + 1])
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=20
        )
        assert (ran.returncode, ran.stderr) == (0, ""), program
        assert "1: connected with ECDHE-" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
