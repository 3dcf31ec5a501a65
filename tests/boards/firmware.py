"""MicroPython firmware for the emulated board, built from Debian's source packages.

`make firmware` runs this. What it makes is kept in the user's cache folder under a name that holds
a hash of everything that decides it, so it is built once per machine and again when the board
definition changes. Neither firmware nor foreign source is in the repository.

Debian ships MicroPython without the libraries that it is built from; they are packages of their
own here and are put where MicroPython looks for them. Debian's patches to MicroPython are left
out: one of them links the system's Mbed TLS, which a board does not have.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import emulator_parts

import debian_packages
from fetched import FetchError, cache_root, in_ci, new_folder

BOARD = Path(__file__).resolve().parent / "EMULATED_PICO"
_TOOLS = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "arm-none-eabi-g++": "libstdc++-arm-none-eabi-newlib",
    "cmake": "cmake",
    "make": "make",
    "gcc": "gcc",
    "dpkg-source": "dpkg-dev",
    "nice": "coreutils",
}
# Files whose absence the programs above do not tell.
_LIBRARIES = {
    "/usr/lib/arm-none-eabi/newlib/libc.a": "libnewlib-arm-none-eabi",
    "/usr/lib/arm-none-eabi/newlib/libstdc++.a": "libstdc++-arm-none-eabi-newlib",
}
# Where MicroPython's own copies would be: {folder in lib/: (kind, package)}, from _LIBRARY_SUITE.
_SUBMODULES = {
    "mbedtls": ("source", "mbedtls"),
    "lwip": ("source", "lwip"),
    "pico-sdk": ("binary", "pico-sdk-source"),
    "tinyusb": ("binary", "tinyusb-source"),
}
_LIBRARY_SUITE = "trixie"
_RECIPE = 1  # To be raised when the steps below change what is built.


@dataclass(frozen=True)
class Release:
    """One MicroPython release and where Debian has its source."""

    name: str
    package_version: str
    suites: tuple[str, ...]


# The newest first. A suite that moves may drop a version; stable keeps it.
RELEASES = (
    Release("1.26.1", "1.26.1+ds-1", ("sid",)),
    Release("1.25.0", "1.25.0+ds-1", ("trixie",)),
)


@dataclass(frozen=True)
class Firmware:
    """A built firmware. image: from the first byte of flash on; packages: what it is made of."""

    release: str
    image: Path
    elf: Path
    packages: tuple[str, ...]


def newest() -> Firmware:
    """The newest release that is built; FetchError, saying what to do, if none is."""
    for release in RELEASES:
        if folder(release).is_dir():
            return _load(release)
    raise FetchError("there is no firmware for the emulated board: run `make firmware`")


def folder(release: Release) -> Path:
    """Where the firmware of a release is, or will be."""
    inputs = hashlib.sha256(repr((release, _SUBMODULES, _LIBRARY_SUITE, _RECIPE)).encode())
    for path in sorted(BOARD.iterdir()):
        inputs.update(path.name.encode() + b"\0" + path.read_bytes())
    return cache_root() / f"firmware-rp2-{release.name}-{inputs.hexdigest()[:12]}"


def build(release: Release) -> Firmware:
    """Fetch the sources and build, unless that was done before."""
    place = folder(release)
    if place.is_dir():
        return _load(release)
    _say(f"MicroPython {release.name} for the emulated board, once per machine")
    missing = {name: package for name, package in _TOOLS.items() if not shutil.which(name)}
    missing |= {path: package for path, package in _LIBRARIES.items() if not Path(path).exists()}
    if missing:
        _say(f"installing {', '.join(sorted(set(missing.values())))}")
        debian_packages.install(missing)
    sources = _sources(release)
    with new_folder(place) as made:
        work = made / "work"
        tree = _unpack(sources, work)
        _compile(tree, work / "build", made / "build.log")
        for name in ("firmware.bin", "firmware.elf"):
            shutil.move(work / "build" / name, made / name)
        shutil.copy(sources / "packages.json", made)
        shutil.rmtree(work)
    _say(f"ready: {place / 'firmware.bin'}")
    return _load(release)


def _load(release: Release) -> Firmware:
    place = folder(release)
    packages = json.loads((place / "packages.json").read_text())
    return Firmware(release.name, place / "firmware.bin", place / "firmware.elf", tuple(packages))


def _sources(release: Release) -> Path:
    """A folder with the packages, fetched once for every change of the board definition."""
    place = cache_root() / f"firmware-sources-{release.package_version}-{_LIBRARY_SUITE}"
    if place.is_dir():
        return place
    _say("fetching the source packages (15 MB)")
    entries = [("deb-src", suite) for suite in (*release.suites, _LIBRARY_SUITE)]
    with new_folder(place) as made, tempfile.TemporaryDirectory() as temporary:
        what = f"MicroPython {release.name}'s source"
        apt = debian_packages.private_apt(
            Path(temporary), what, [*dict.fromkeys(entries), ("deb", _LIBRARY_SUITE)]
        )
        wanted = [f"micropython={release.package_version}"]
        wanted += [
            f"{name}/{_LIBRARY_SUITE}" for kind, name in _SUBMODULES.values() if kind == "source"
        ]
        debian_packages.run([*apt, "--download-only", "source", *wanted], made)
        binary = [name for kind, name in _SUBMODULES.values() if kind == "binary"]
        debian_packages.run([*apt, "download", *binary], made)
        names = sorted(path.name for path in made.iterdir() if path.suffix in (".dsc", ".deb"))
        (made / "packages.json").write_text(json.dumps([Path(name).stem for name in names]))
    return place


def _unpack(sources: Path, work: Path) -> Path:
    """Lay MicroPython's tree out as its build expects it; the tree."""
    work.mkdir()
    trees = {}
    for description in sources.glob("*.dsc"):
        name = description.name.split("_")[0]
        trees[name] = work / name
        # apt has checked the signatures; the maintainers' keys are not needed again.
        extract = ["dpkg-source", "--no-check", "--skip-patches", "-x", str(description)]
        debian_packages.run([*extract, str(trees[name])], work)
    for package in sources.glob("*.deb"):
        debian_packages.run(["dpkg-deb", "-x", str(package), str(work / "packages")], work)
    library = trees["micropython"] / "lib"
    for name, (kind, source) in _SUBMODULES.items():
        origin = trees[source] if kind == "source" else work / "packages/usr/src" / name
        shutil.rmtree(library / name, ignore_errors=True)
        origin.rename(library / name)
    # The build takes an empty folder for a submodule that was forgotten.
    (library / "micropython-lib").mkdir(exist_ok=True)
    (library / "micropython-lib" / "README.md").touch()
    return trees["micropython"]


def _compile(tree: Path, out: Path, log: Path) -> None:
    jobs = f"-j{os.cpu_count() or 1}"
    port = tree / "ports/rp2"
    settings = {
        "MICROPY_BOARD": BOARD.name,
        "MICROPY_BOARD_DIR": str(BOARD),
        "USER_C_MODULES": str(BOARD / "micropython.cmake"),
        "PICO_NO_PICOTOOL": "1",
    }
    definitions = [f"-D{name}={value}" for name, value in settings.items()]
    with log.open("wb") as output:
        for title, command in (
            ("mpy-cross", ["make", "-C", str(tree / "mpy-cross"), jobs]),
            ("configuring", ["cmake", "-S", str(port), "-B", str(out), *definitions]),
            ("compiling", ["make", "-C", str(out), jobs]),
        ):
            for part in _progress(["nice", *command], output):
                _say(f"{title} {part}", again=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)


def _progress(command: list[str], log: BinaryIO) -> Iterator[str]:
    """Run a build step, its output to the log; yields how far it is."""
    environment = {**os.environ, "LC_ALL": "C"}
    yield ""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    assert process.stdout is not None
    last: list[bytes] = []
    percent = -1
    with process:
        for line in process.stdout:
            log.write(line)
            last = [*last[-20:], line]
            found = re.match(rb"\[ *(\d+)%\]", line)
            if found and int(found[1]) // 10 > percent // 10:
                percent = int(found[1])
                yield f"{percent} %"
    if process.returncode != 0:
        errors = [line for line in last if b"rror" in line] or last[-1:]
        text = b"".join(errors).decode(errors="replace").strip()
        raise FetchError(f"the firmware does not build: {text[-400:]}")


def _say(text: str, again: bool = False) -> None:
    if again and sys.stderr.isatty():
        print(f"\r\033[Kmake firmware: {text}", end="", file=sys.stderr, flush=True)
    else:
        print(f"make firmware: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Build the newest release that can be had, fetch the emulator; say why if it fails.

    As for other MicroPython releases, a machine that can not have them goes on without, but not
    continuous integration: the tests there would fail for want of a board.
    """
    reasons = []
    try:
        emulator_parts.fetch()
    except FetchError as error:
        _say(f"the emulator: {error}")
        return 1 if in_ci() else 0
    for release in RELEASES:
        try:
            build(release)
        except FetchError as error:
            reasons.append(f"MicroPython {release.name}: {error}")
            continue
        for reason in reasons:
            _say(reason)
        return 0
    for reason in reasons:
        _say(reason)
    return 1 if in_ci() else 0


if __name__ == "__main__":
    sys.exit(main())
