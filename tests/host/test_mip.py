"""`mpremote mip install ./package.json` puts the whole device library on a board, unchanged, and
boards/BOARD/package.json that board's roots.

The real mpremote talks to the real MicroPython on its unix port: see unix_board.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreters import REPOSITORY, MicroPython
from shell import Shell
from unix_board import UnixBoard

_LIBRARY = REPOSITORY / "lib"


def library_files() -> dict[str, str]:
    """What a board must have: path below /lib to SHA-256, of every file that is not a leftover."""
    return {
        file.relative_to(_LIBRARY).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (_LIBRARY / "ats_trust").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture
def board(newest_micropython: MicroPython, tmp_path: Path) -> Iterator[UnixBoard]:
    """A board with empty flash."""
    with UnixBoard(newest_micropython, tmp_path / "flash") as board:
        yield board


def test_manifest_lists_every_file() -> None:
    """package.json names each file of the library once, at its place, and nothing else."""
    manifest = json.loads((REPOSITORY / "package.json").read_text())
    assert dict(manifest["urls"]) == {name: f"lib/{name}" for name in library_files()}
    assert len(manifest["urls"]) == len(library_files())
    assert "ats_trust/roots.bin" in library_files()


@pytest.mark.parametrize("script", ["mip_manifest.py", "factory_bundle.py", "boards_page.py"])
def test_up_to_date(script: str) -> None:
    """All bundles and manifests, and docs/boards.md, are what `make manifest` writes."""
    done = subprocess.run(
        [sys.executable, f"scripts/{script}", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


def test_manifest_has_the_package_version() -> None:
    """A board is given the version that the host package has."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert json.loads((REPOSITORY / "package.json").read_text())["version"] == project["version"]


def test_install_and_use(board: UnixBoard) -> None:
    """After the install the board has the library's files, byte for byte, and can use them."""
    done = board.mpremote("mip", "install", "./package.json")
    assert done.returncode == 0, done.stdout + done.stderr
    installed = {
        file.relative_to(board.flash / "lib").as_posix(): hashlib.sha256(
            file.read_bytes()
        ).hexdigest()
        for file in (board.flash / "lib").rglob("*")
        if file.is_file()
    }
    assert installed == library_files()

    done = board.mpremote("exec", _USE)
    assert done.returncode == 0, done.stdout + done.stderr
    where, anchors, kind, code = done.stdout.split()
    assert where.startswith("/lib/ats_trust/")
    assert int(anchors) == 5
    assert kind == "data-ats"
    assert code == "bad_endpoint"


# The factory bundle is found beside the library, without naming it.
_USE = """
import ats_trust
from ats_trust import bundle, endpoint, errors
count = len(bundle.Bundle().uses)
host = endpoint.parse("a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com")
try:
    endpoint.parse("mqtt://nonsense")
except errors.TrustError as error:
    print(ats_trust.__file__, count, host.kind, error.code)
"""


def test_roots_of_the_board(board: UnixBoard) -> None:
    """A board gets its roots in either order, and an install never displaces newer ones."""
    packages = ["./package.json", "boards/ESP32_GENERIC_C2/package.json"]
    own = (REPOSITORY / "boards" / "ESP32_GENERIC_C2" / "roots.bin").read_bytes()
    assert own != (_LIBRARY / "ats_trust" / "roots.bin").read_bytes()
    on_board = board.flash / "lib" / "ats_trust"
    field = on_board / "roots_field.bin"

    def install(order: list[str]) -> str:
        done = board.mpremote("mip", "install", *order)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (on_board / "roots_board.bin").read_bytes() == own
        assert (on_board / "roots.bin").read_bytes() != own
        return board.mpremote("exec", _IN_FORCE).stdout.strip()

    assert install(packages) == "/lib/ats_trust/roots_board.bin 2"
    shutil.rmtree(on_board)
    assert install(packages[::-1]) == "/lib/ats_trust/roots_board.bin 2"
    shell = Shell(on_board)
    shell.ok("bundle --roots amazon-root-ca-1 -o roots_field.bin")
    newer = field.read_bytes()
    assert install(packages) == "/lib/ats_trust/roots_field.bin 1"
    assert field.read_bytes() == newer
    shell.ok("bundle --roots amazon-root-ca-1 --bundle-version 7 -o roots_field.bin")
    assert install(packages) == "/lib/ats_trust/roots_board.bin 2"


# The bundle in force, and the leaf key type that its first root authenticates.
_IN_FORCE = "from ats_trust.bundle import Bundle; b = Bundle(); print(b.path, b.uses[0] & 3)"


def test_board_survives_a_soft_reset(board: UnixBoard) -> None:
    """The stand-in for a board behaves as one: files stay over a soft reset, variables do not."""
    done = board.mpremote("exec", "x = 1; open('kept', 'w').close()")
    assert done.returncode == 0, done.stderr
    assert board.mpremote("resume", "exec", "print(x)").stdout == "1\n"
    done = board.mpremote("exec", "import os; print(os.listdir('/'), 'x' in globals())")
    assert done.stdout in ("['lib', 'kept'] False\n", "['kept', 'lib'] False\n")
    assert board.mpremote("exec", "1/0").returncode == 1
