"""MicroPython's source with the libraries it is built from, all of them Debian's source packages.

Debian ships MicroPython without these libraries; they are packages of their own here and are put
where MicroPython looks for them. Debian's patches to MicroPython are left out: one of them links
the system's Mbed TLS, which a board does not have.

The packages are kept in the user's cache folder; the trees are unpacked for each build. Build
tools come from the machine's own Debian, if they are missing and if we are root.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import debian_packages
from fetched import FetchError, cache_root, new_folder

# Where MicroPython's own copies would be: {folder in lib/: (kind, package)}, from LIBRARY_SUITE.
SUBMODULES = {
    "mbedtls": ("source", "mbedtls"),
    "lwip": ("source", "lwip"),
    "pico-sdk": ("binary", "pico-sdk-source"),
    "tinyusb": ("binary", "tinyusb-source"),
}
LIBRARY_SUITE = "trixie"
PACKAGES = "packages.json"  # The names of the packages, in each folder that is made of them.


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


def install_tools(tools: Mapping[str, str]) -> None:
    """Install what is missing of {name of a program, or path of a file: package}."""
    missing = {
        name: package
        for name, package in tools.items()
        if not shutil.which(name) and not Path(name).exists()
    }
    if missing:
        say(f"installing {', '.join(sorted(set(missing.values())))}")
        debian_packages.install(missing)


def packages(folder: Path) -> tuple[str, ...]:
    """What a folder of sources, or of something built from them, is made of."""
    return tuple(json.loads((folder / PACKAGES).read_text()))


def sources_folder(release: Release) -> Path:
    """Where the packages that a release is built from are, or will be."""
    return cache_root() / f"firmware-sources-{release.package_version}-{LIBRARY_SUITE}"


def sources(release: Release) -> Path:
    """A folder with the packages, fetched once per machine."""
    place = sources_folder(release)
    if place.is_dir():
        return place
    say("fetching the source packages (15 MB)")
    entries = [("deb-src", suite) for suite in (*release.suites, LIBRARY_SUITE)]
    with new_folder(place) as made, tempfile.TemporaryDirectory() as temporary:
        what = f"MicroPython {release.name}'s source"
        apt = debian_packages.private_apt(
            Path(temporary), what, [*dict.fromkeys(entries), ("deb", LIBRARY_SUITE)]
        )
        wanted = [f"micropython={release.package_version}"]
        wanted += [
            f"{name}/{LIBRARY_SUITE}" for kind, name in SUBMODULES.values() if kind == "source"
        ]
        debian_packages.run([*apt, "--download-only", "source", *wanted], made)
        binary = [name for kind, name in SUBMODULES.values() if kind == "binary"]
        debian_packages.run([*apt, "download", *binary], made)
        names = sorted(path.name for path in made.iterdir() if path.suffix in (".dsc", ".deb"))
        (made / PACKAGES).write_text(json.dumps([Path(name).stem for name in names]))
    return place


def unpack(sources: Path, work: Path, libraries: Collection[str] = SUBMODULES.keys()) -> Path:
    """Lay MicroPython's tree out as its build expects it, with these libraries; the tree."""
    work.mkdir()
    trees = {}
    for description in sources.glob("*.dsc"):
        name = description.name.split("_")[0]
        if name != "micropython" and name not in libraries:
            continue
        trees[name] = work / name
        # apt has checked the signatures; the maintainers' keys are not needed again.
        extract = ["dpkg-source", "--no-check", "--skip-patches", "-x", str(description)]
        debian_packages.run([*extract, str(trees[name])], work)
    for package in sources.glob("*.deb"):
        if package.name.split("_")[0].removesuffix("-source") not in libraries:
            continue
        debian_packages.run(["dpkg-deb", "-x", str(package), str(work / "packages")], work)
    library = trees["micropython"] / "lib"
    for name in libraries:
        kind, source = SUBMODULES[name]
        origin = trees[source] if kind == "source" else work / "packages/usr/src" / name
        shutil.rmtree(library / name, ignore_errors=True)
        origin.rename(library / name)
    # The build takes an empty folder for a submodule that was forgotten.
    (library / "micropython-lib").mkdir(exist_ok=True)
    (library / "micropython-lib" / "README.md").touch()
    return trees["micropython"]


def compile_all(steps: Sequence[tuple[str, Sequence[str]]], log: Path) -> None:
    """Run the steps of a build, (title, command) each, out of the way of other work."""
    with log.open("wb") as output:
        for title, command in steps:
            for part in _progress(["nice", *command], output):
                say(f"{title} {part}", again=True)
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
        raise FetchError(f"it does not build: {text[-400:]}")


def say(text: str, again: bool = False) -> None:
    """Tell the user where we are; again: in place of what was told before."""
    if again and sys.stderr.isatty():
        print(f"\r\033[Kmake firmware: {text}", end="", file=sys.stderr, flush=True)
    else:
        print(f"make firmware: {text}", file=sys.stderr, flush=True)
