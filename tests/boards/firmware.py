"""MicroPython firmware for the emulated board, built from Debian's source packages.

`make firmware` runs this. What it makes is kept in the user's cache folder under a name that holds
a hash of everything that decides it, so it is built once per machine and again when the board
definition changes. Neither firmware nor foreign source is in the repository.

The same command makes what else the tests of a board need: the emulator (emulator_parts) and a
MicroPython for this machine with a board's memory (small_heap). `make bench` also builds the
firmware with the device library frozen in, as a user would by manifest.py.
"""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import emulator_parts
import small_heap
from micropython_source import (
    LIBRARY_SUITE,
    PACKAGES,
    RELEASES,
    SUBMODULES,
    Release,
    compile_all,
    install_tools,
    packages,
    say,
    sources,
    unpack,
)

from fetched import FetchError, cache_root, in_ci, new_folder
from interpreters import REPOSITORY

# What a user includes in a board's manifest to have the device library in the firmware.
FROZEN = REPOSITORY / "manifest.py"
BOARD = Path(__file__).resolve().parent / "EMULATED_PICO"
_TOOLS = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "arm-none-eabi-g++": "libstdc++-arm-none-eabi-newlib",
    "cmake": "cmake",
    "make": "make",
    "gcc": "gcc",
    "dpkg-source": "dpkg-dev",
    "nice": "coreutils",
    # Files whose absence the programs above do not tell.
    "/usr/lib/arm-none-eabi/newlib/libc.a": "libnewlib-arm-none-eabi",
    "/usr/lib/arm-none-eabi/newlib/libstdc++.a": "libstdc++-arm-none-eabi-newlib",
}
_RECIPE = 1  # To be raised when the steps below change what is built.


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
            return _load(release, folder(release))
    raise FetchError("there is no firmware for the emulated board: run `make firmware`")


def oldest() -> Firmware:
    """The oldest release that is supported; FetchError, saying what to do, if it is not built."""
    if not folder(RELEASES[-1]).is_dir():
        raise FetchError("there is no older firmware for the board: run `make firmware`")
    return _load(RELEASES[-1], folder(RELEASES[-1]))


def folder(release: Release, *, frozen: bool = False) -> Path:
    """Where the firmware of a release is, or will be. frozen: with the device library in it."""
    inputs = hashlib.sha256(repr((release, SUBMODULES, LIBRARY_SUITE, _RECIPE)).encode())
    library = [FROZEN, *sorted((REPOSITORY / "lib" / "ats_trust").glob("*.py"))] if frozen else []
    for path in [*sorted(BOARD.iterdir()), *library]:
        inputs.update(path.name.encode() + b"\0" + path.read_bytes())
    kind = "rp2-frozen" if frozen else "rp2"
    return cache_root() / f"firmware-{kind}-{release.name}-{inputs.hexdigest()[:12]}"


def build(release: Release, *, frozen: bool = False) -> Firmware:
    """Fetch the sources and build, unless that was done before."""
    place = folder(release, frozen=frozen)
    if place.is_dir():
        return _load(release, place)
    if frozen:
        say(f"MicroPython {release.name} with the library frozen in, once for each state of it")
        _drop_old(place)
    else:
        say(f"MicroPython {release.name} for the emulated board, once per machine")
    install_tools(_TOOLS)
    origin = sources(release)
    with new_folder(place) as made:
        work = made / "work"
        tree = unpack(origin, work)
        board = _frozen_board(work) if frozen else BOARD
        _compile(tree, work / "build", made / "build.log", board)
        for name in ("firmware.bin", "firmware.elf"):
            shutil.move(work / "build" / name, made / name)
        shutil.copy(origin / PACKAGES, made)
        shutil.rmtree(work)
    say(f"ready: {place / 'firmware.bin'}")
    return _load(release, place)


def _drop_old(place: Path) -> None:
    """Remove all but the newest of the frozen firmware for earlier states of the library."""
    pattern = place.name.rpartition("-")[0] + "-" + "[0-9a-f]" * 12
    older = sorted(place.parent.glob(pattern), key=lambda path: path.stat().st_mtime)
    for path in older[:-1]:
        shutil.rmtree(path, ignore_errors=True)


def _frozen_board(work: Path) -> Path:
    """A copy of the board definition whose manifest has the device library in it as well."""
    board = work / BOARD.name
    shutil.copytree(BOARD, board)
    with (board / "manifest.py").open("a") as manifest:
        manifest.write(f"include({str(FROZEN)!r})\n")
    return board


def _load(release: Release, place: Path) -> Firmware:
    image, elf = place / "firmware.bin", place / "firmware.elf"
    return Firmware(release.name, image, elf, packages(place))


def _compile(tree: Path, out: Path, log: Path, board: Path) -> None:
    jobs = f"-j{os.cpu_count() or 1}"
    port = tree / "ports/rp2"
    settings = {
        "MICROPY_BOARD": board.name,
        "MICROPY_BOARD_DIR": str(board),
        "USER_C_MODULES": str(board / "micropython.cmake"),
        "PICO_NO_PICOTOOL": "1",
    }
    definitions = [f"-D{name}={value}" for name, value in settings.items()]
    compile_all(
        [
            ("mpy-cross", ["make", "-C", str(tree / "mpy-cross"), jobs]),
            ("configuring", ["cmake", "-S", str(port), "-B", str(out), *definitions]),
            ("compiling", ["make", "-C", str(out), jobs]),
        ],
        log,
    )


def main() -> int:
    """Make all of it, of the newest release that can be had and the oldest; say why if it fails.

    As for other MicroPython releases, a machine that can not have them goes on without, but not
    continuous integration: the tests there would fail for want of a board.
    """
    try:
        emulator_parts.fetch()
        small_heap.build(_build_newest())
        build(RELEASES[-1])
        small_heap.build(RELEASES[-1])
    except FetchError as error:
        say(str(error))
        return 1 if in_ci() else 0
    return 0


def _build_newest() -> Release:
    """Build the firmware of the newest release that can be had; which one it is."""
    reasons = []
    for release in RELEASES:
        try:
            build(release)
        except FetchError as error:
            reasons.append(f"MicroPython {release.name}: {error}")
            continue
        for reason in reasons:
            say(reason)
        return release
    raise FetchError("; ".join(reasons))


if __name__ == "__main__":
    sys.exit(main())
