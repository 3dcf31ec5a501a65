"""An older MicroPython for the tests: Debian trixie's package, unpacked beside its own libraries.

The machine is neither upgraded nor changed: see debian_packages. The program runs through its own
dynamic linker, since it is built for a newer C library than an older Debian has.

How it differs from a board's MicroPython, beside its age: Debian links it with its own Mbed TLS,
which has TLS 1.3, RSA-PSS and 170 cipher suites. A server that can TLS 1.3 chooses it, and then
shares no suite with a client that offers only those of TLS 1.2; so a server for a test with this
release speaks TLS 1.2 only, and signs without PSS (openssl.cnf). There is no frozen `ssl`.

Run as a program (`make micropython`) it fetches the package if it is not there yet.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

import debian_packages
from fetched import FetchError, cache_root, in_ci, new_folder

_SUITE = "trixie"
_VERSION = "1.25.0+ds-1"
_LIBRARIES = ("libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")
# Machines that Debian has the package for, and that the tests were run on.
_MACHINES = ("x86_64", "aarch64")


def folder() -> Path:
    """Where the unpacked package is, or will be."""
    return cache_root() / f"micropython-{_VERSION}-{platform.machine()}"


def command() -> list[str]:
    """The command line that starts it; FetchError, saying what to do, if it is not there."""
    if not folder().is_dir():
        raise FetchError(
            f"MicroPython {_VERSION} of Debian {_SUITE} is not there: run `make micropython`"
        )
    return _command(folder())


def fetch() -> Path:
    """Fetch and unpack the package, unless that was done before; the folder it is in."""
    place = folder()
    if place.is_dir():
        return place
    if platform.machine() not in _MACHINES:
        raise FetchError(f"MicroPython {_VERSION} can not be had for {platform.machine()}")
    what = f"MicroPython {_VERSION} (select another with MICROPYTHON=/path/to/micropython)"
    with new_folder(place) as root:
        apt = root / "apt"
        debs = apt / "debs"
        debs.mkdir(parents=True)
        command_of_apt = debian_packages.private_apt(apt, what, [("deb", _SUITE)])
        wanted = [f"micropython={_VERSION}", *_LIBRARIES]
        debian_packages.run([*command_of_apt, "download", *wanted], debs)
        packages = sorted(debs.glob("*.deb"))
        for package in packages:
            debian_packages.run(["dpkg-deb", "-x", str(package), str(root)], root)
        # Which library versions came along: Mbed TLS is a shared library there.
        (root / "packages.txt").write_text("".join(f"{package.name}\n" for package in packages))
        shutil.rmtree(apt)
        debian_packages.run([*_command(root), "-c", "import tls"], root)
    return place


def _command(root: Path) -> list[str]:
    [loader] = (root / "usr/lib").glob("*-linux-gnu/ld-linux-*.so.*")
    return [str(loader), "--library-path", str(loader.parent), str(root / "usr/bin/micropython")]


def main() -> int:
    """Fetch; outside of CI a machine that can not have it is told so, and goes on without."""
    if os.environ.get("MICROPYTHON"):
        return 0
    try:
        fetch()
    except FetchError as error:
        print(f"make micropython: {error}", file=sys.stderr)
        return 1 if in_ci() else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
