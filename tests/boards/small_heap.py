"""MicroPython for this machine with a board's memory, built from Debian's source packages.

It is MicroPython's unix port as a 32-bit program, whose Mbed TLS is configured as rp2's and takes
its memory from the Python heap, as on every rp2 board (SMALL_HEAP/). So a handshake needs what it
needs on a board, at a PC's speed and over real sockets: for what takes hundreds of handshakes.

`make firmware` builds it, from the same sources as the emulated board's firmware and kept as that
is. Its sys.platform is "rp2", since that is what its TLS behaves like.
"""

import hashlib
import os
import platform
import shutil
from pathlib import Path

from micropython_source import (
    LIBRARY_SUITE,
    PACKAGES,
    RELEASES,
    SUBMODULES,
    Release,
    compile_all,
    install_tools,
    say,
    sources,
    unpack,
)

from fetched import FetchError, cache_root, new_folder
from interpreters import MicroPython, probe

VARIANT = Path(__file__).resolve().parent / "SMALL_HEAP"
_PROGRAM = "micropython-small-heap"
_TOOLS = {
    "make": "make",
    "dpkg-source": "dpkg-dev",
    "nice": "coreutils",
    "gcc": "gcc",
    # What a compiler for 64 bit needs to make a 32-bit program.
    "/usr/lib32/libc.so": "gcc-multilib",
}
_RECIPE = 1  # To be raised when the steps below change what is built.


def newest() -> MicroPython:
    """The newest release that is built; FetchError, saying what to do, if none is."""
    built = [release for release in RELEASES if folder(release).is_dir()]
    return program((built or RELEASES)[0])


def program(release: Release) -> MicroPython:
    """The program of this release; FetchError, saying what to do, if it is not built."""
    if not folder(release).is_dir():
        raise FetchError(
            f"there is no MicroPython {release.name} with a board's memory: run `make firmware`"
        )
    return probe([str(folder(release) / _PROGRAM)])


def folder(release: Release) -> Path:
    """Where the program of a release is, or will be."""
    made_from = (release, SUBMODULES["mbedtls"], LIBRARY_SUITE, _RECIPE)
    inputs = hashlib.sha256(repr(made_from).encode())
    for path in sorted(VARIANT.iterdir()):
        inputs.update(path.name.encode() + b"\0" + path.read_bytes())
    return cache_root() / f"micropython-small-heap-{release.name}-{inputs.hexdigest()[:12]}"


def build(release: Release) -> Path:
    """Fetch the sources and build, unless that was done before; the folder it is in."""
    place = folder(release)
    if place.is_dir():
        return place
    if platform.machine() != "x86_64":
        raise FetchError(f"a 32-bit program can not be made on {platform.machine()}, only x86_64")
    say(f"MicroPython {release.name} with a board's memory, once per machine")
    install_tools(_TOOLS)
    origin = sources(release)
    jobs = f"-j{os.cpu_count() or 1}"
    with new_folder(place) as made:
        work = made / "work"
        tree = unpack(origin, work, ["mbedtls"])
        out = work / "build"
        port = ["-C", str(tree / "ports/unix"), f"VARIANT_DIR={VARIANT}", f"BUILD={out}"]
        compile_all(
            [
                ("mpy-cross", ["make", "-C", str(tree / "mpy-cross"), jobs]),
                ("compiling", ["make", *port, jobs]),
            ],
            made / "build.log",
        )
        shutil.move(out / _PROGRAM, made / _PROGRAM)
        shutil.copy(origin / PACKAGES, made)
        shutil.rmtree(work)
        probe([str(made / _PROGRAM)])
    say(f"ready: {place / _PROGRAM}")
    return place
