"""An older MicroPython for the tests: Debian trixie's package, unpacked beside its own libraries.

The machine is neither upgraded nor changed: apt reads a configuration, a sources list and a cache
of its own, all in a temporary folder. The mirror is the one that the machine's own apt uses, with
only the suite exchanged; apt checks the signatures as always. The program runs through its own
dynamic linker, since it is built for a newer C library than an older Debian has.

How it differs from a board's MicroPython, beside its age: Debian links it with its own Mbed TLS,
which has TLS 1.3, RSA-PSS and 170 cipher suites. A server that can TLS 1.3 chooses it, and then
shares no suite with a client that offers only those of TLS 1.2; so a server for a test with this
release speaks TLS 1.2 only, and signs without PSS (openssl.cnf). There is no frozen `ssl`.

Run as a program (`make micropython`) it fetches the package if it is not there yet.
"""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from fetched import FetchError, cache_root, in_ci, new_folder

_SUITE = "trixie"
_VERSION = "1.25.0+ds-1"
_LIBRARIES = ("libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
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
    source = f"{_mirror()} {_SUITE} main"
    signed_by = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    with new_folder(place) as root:
        apt = root / "apt"
        for name in ("lists/partial", "cache/archives/partial", "debs"):
            (apt / name).mkdir(parents=True)
        (apt / "sources.list").write_text(f"deb {signed_by}{source}\n")
        (apt / "apt.conf").write_text(_APT_CONF.format(apt=apt))
        _run(["apt-get", "-c", "apt.conf", "-q", "update"], apt)
        wanted = [f"micropython={_VERSION}", *_LIBRARIES]
        _run(["apt-get", "-c", "../apt.conf", "-q", "download", *wanted], apt / "debs")
        packages = sorted((apt / "debs").glob("*.deb"))
        for package in packages:
            _run(["dpkg-deb", "-x", str(package), str(root)], root)
        # Which library versions came along: Mbed TLS is a shared library there.
        (root / "packages.txt").write_text("".join(f"{package.name}\n" for package in packages))
        _run(["rm", "-rf", str(apt)], root)
        _run([*_command(root), "-c", "import tls"], root)
    return place


_APT_CONF = """\
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "{apt}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{apt}/cache";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


def _command(root: Path) -> list[str]:
    [loader] = (root / "usr/lib").glob("*-linux-gnu/ld-linux-*.so.*")
    return [str(loader), "--library-path", str(loader.parent), str(root / "usr/bin/micropython")]


def _mirror() -> str:
    """The Debian mirror that this machine's apt is configured for."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    if release.get("ID") != "debian":
        raise FetchError(
            f"MicroPython {_VERSION} comes from Debian's mirror, and this machine is not Debian:"
            " select a release of your own with MICROPYTHON=/path/to/micropython"
        )
    printed = _run(["apt-get", "update", "--print-uris"], Path("/"))
    suites = re.findall(r"^'(\S+)/dists/([^/\s]+)/InRelease'", printed, re.MULTILINE)
    for mirror, suite in suites:
        if suite in (release.get("VERSION_CODENAME"), "stable", "testing", "sid", "unstable"):
            return str(mirror)
    raise FetchError("apt on this machine has no Debian mirror configured: see sources.list(5)")


def _run(arguments: list[str], where: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            arguments, cwd=where, env=environment, capture_output=True, text=True, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"{arguments[0]} did not run: {error}") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise FetchError(f"`{' '.join(arguments[:5])} ...` failed: {' '.join(last)}")
    return done.stdout


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
