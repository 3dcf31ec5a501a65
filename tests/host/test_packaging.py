"""The wheel is complete: installed anywhere, it brings the command, the library and its data."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from interpreters import REPOSITORY


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network by the backend in this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], REPOSITORY
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def test_names_that_it_brings(wheel: Path) -> None:
    """Only the two packages become importable: no global `host_tools`, `tests` or `boards`."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {
        "ats_trust",
        "ats_trust_tools",
    }


def test_files_that_it_holds(wheel: Path) -> None:
    """Every file of the library, the tools, the boards and the roots is in it, unchanged."""
    expected = {}
    for source, place in (
        ("lib/ats_trust", "ats_trust"),
        ("host_tools/ats_trust_tools", "ats_trust_tools"),
        ("boards", "ats_trust_tools/data/boards"),
        ("certs_der", "ats_trust_tools/data/certs_der"),
    ):
        for file in (REPOSITORY / source).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                name = file.relative_to(REPOSITORY / source).as_posix()
                expected[f"{place}/{name}"] = file.read_bytes()
    assert len(expected) > 20
    with zipfile.ZipFile(wheel) as archive:
        held = {
            name: archive.read(name)
            for name in archive.namelist()
            if ".dist-info/" not in name and not name.endswith("/")
        }
    assert held == expected


def test_installed_command(wheel: Path, tmp_path: Path) -> None:
    """From an empty folder, the installed command lists the roots and makes a bundle."""
    environment = tmp_path / "venv"
    venv.create(environment, symlinks=True, with_pip=False)
    python = environment / "bin" / "python"
    # The dependencies are those of this environment, without its link to the checkout: Python
    # reads .pth files in its own site-packages only, not in a folder of PYTHONPATH.
    site = sysconfig.get_path("purelib", vars={"base": str(environment)})
    install = ["install", "--no-deps", "--no-index", "-q", str(wheel)]
    _run([sys.executable, "-m", "pip", "--python", str(python), *install], tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    path = os.pathsep.join([site, sysconfig.get_path("purelib")])
    variables = {**os.environ, "PYTHONPATH": path}

    command = str(environment / "bin" / "ats-trust")
    listed = _run([command, "roots", "list"], empty, variables)
    assert "amazon-root-ca-1" in listed
    _run([command, "roots", "verify"], empty, variables)
    _run([command, "bundle", "--board", "RPI_PICO_W", "-o", "roots.bin"], empty, variables)
    assert [file.name for file in empty.iterdir()] == ["roots.bin"]
    shutil.copy(REPOSITORY / "certs_der" / "amazon-root-ca-1.der", empty)
    check = ["check", "amazon-root-ca-1.der", "--host", "a-ats.iot.eu-west-1.amazonaws.com"]
    checked = subprocess.run(
        [command, *check], cwd=empty, env=variables, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 1 and "remedy" in checked.stdout, checked
    where = "import ats_trust, ats_trust_tools as t; print(ats_trust.__file__); print(t.__file__)"
    for line in _run([str(python), "-c", where], empty, variables).split():
        assert line.startswith(str(environment)), "not the wheel's"


def _run(arguments: list[str], where: Path, variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        arguments, cwd=where, env=variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
