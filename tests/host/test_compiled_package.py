"""The library compiled and frozen: `make dist` makes what mip installs, manifest.py what freezes.

manifest.py is read by MicroPython's own tool for it, from the source that the firmware of the
emulated board is built from.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import compiled_library
import pytest
from micropython_source import RELEASES, sources_folder
from mip_manifest import LIBRARY, data_files, modules

import ats_trust
from ats_trust_tools.mpy_compiler import OPTIONS
from conftest import missing
from interpreters import REPOSITORY, MicroPython
from unix_board import UnixBoard

_PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def _make(place: Path) -> subprocess.CompletedProcess[str]:
    """`make dist`, into this folder."""
    return subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "compiled_library.py", place],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled package, made over an older one."""
    place = tmp_path_factory.mktemp("dist") / "mip"
    (place / "ats_trust").mkdir(parents=True)
    (place / "package.json").touch()
    (place / "ats_trust" / "gone_since.mpy").touch()
    done = _make(place)
    assert done.returncode == 0, done.stderr
    return place


def _content(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_every_file_is_there(package: Path) -> None:
    """The package has each module compiled, each data file as it is, its manifests, no more."""
    compiled = {f"ats_trust/{file.stem}.mpy" for file in modules()}
    data = {f"ats_trust/{file.name}" for file in data_files()}
    assert "ats_trust/roots.bin" in data
    assert {file.name for file in [*modules(), *data_files()]} == {
        file.name for file in LIBRARY.iterdir() if file.is_file()
    }
    content = _content(package)
    assert content.keys() == {*compiled, *data, "package.json", "data.json"}
    for name, listed in (("package.json", compiled | data), ("data.json", data)):
        manifest = json.loads(content[name])
        assert manifest["version"] == _PROJECT["version"]
        assert sorted(map(tuple, manifest["urls"])) == [(one, one) for one in sorted(listed)]
    for name in data:
        assert content[name] == (LIBRARY.parent / name).read_bytes()
    assert [path.name for path in package.parent.iterdir()] == [package.name]


def test_same_bytes_anywhere(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another checkout at another path makes the same bytes."""
    shutil.copytree(LIBRARY, tmp_path / "other" / "ats_trust")
    monkeypatch.setattr(ats_trust, "__file__", tmp_path / "other" / "ats_trust" / "__init__.py")
    compiled_library.make_package(tmp_path / "mip")
    assert _content(tmp_path / "mip") == _content(package)


@pytest.mark.parametrize(
    "kept",
    [
        "package.json diary.txt",
        "ats_trust/__init__.py",
        "package.json",
        "package.json ats_trust/device.bin",
    ],
)
def test_foreign_folder(tmp_path: Path, kept: str) -> None:
    """A folder that is not an older package is left alone, and the complaint is one sentence."""
    for name in kept.split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    done = _make(tmp_path)
    assert done.returncode == 1
    assert "not of a package" in done.stderr and len(done.stderr.splitlines()) == 1
    assert _content(tmp_path) == dict.fromkeys(kept.split(), b"mine")


def test_install_and_use(package: Path, newest_micropython: MicroPython, tmp_path: Path) -> None:
    """mip copies it byte for byte, and the board imports it."""
    with UnixBoard(newest_micropython, tmp_path / "flash") as board:
        done = board.mpremote("mip", "install", package / "package.json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert _content(board.flash / "lib" / "ats_trust") == _content(package / "ats_trust")
        done = board.mpremote("exec", _USE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.split() == ["/lib/ats_trust/__init__.mpy", "8883"]


_USE = """
import ats_trust
HOST = "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com"
print(ats_trust.__file__, ats_trust.context(HOST).port)
"""


def test_every_release(package: Path, micropython: MicroPython) -> None:
    """Each release that is supported can read the compiled files."""
    done = micropython.run_code(_USE, path=[package])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"{package}/ats_trust/__init__.mpy", "8883"]


def test_only_data(package: Path, newest_micropython: MicroPython, tmp_path: Path) -> None:
    """For firmware with the code in it, mip copies what is no code."""
    with UnixBoard(newest_micropython, tmp_path / "flash") as board:
        done = board.mpremote("mip", "install", package / "data.json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert _content(board.flash / "lib" / "ats_trust") == {
            file.name: file.read_bytes() for file in data_files()
        }


def test_manifest_for_freezing(tmp_path: Path) -> None:
    """manifest.py gives MicroPython's build each module, the version, and the same options."""
    tool = _manifest_tool(tmp_path)
    manifest = tool.ManifestFile(tool.MODE_FREEZE, {"MPY_LIB_DIR": ""})
    manifest.execute(str(REPOSITORY / "manifest.py"))
    files = {file.target_path: Path(file.full_path) for file in manifest.files()}
    assert files == {f"ats_trust/{file.name}": file for file in modules()}
    assert {f"-O{file.opt}" for file in manifest.files()} == {"-O3"} == set(OPTIONS)
    assert manifest.metadata().version == _PROJECT["version"]


def _manifest_tool(folder: Path) -> Any:
    """MicroPython's manifestfile.py."""
    archives = [
        archive
        for release in RELEASES
        for archive in sources_folder(release).glob("micropython_*.orig.tar.*")
    ]
    if not archives:
        missing("MicroPython's source is not there: run `make firmware`")
    with tarfile.open(archives[0]) as packed:
        member = next(one for one in packed if one.name.endswith("/tools/manifestfile.py"))
        content = packed.extractfile(member)
        assert content is not None
        path = folder / "manifestfile.py"
        path.write_bytes(content.read())
    spec = importlib.util.spec_from_file_location("manifestfile", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
