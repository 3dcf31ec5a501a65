"""Debian's packages without changing the machine: an apt with lists and caches of its own.

The mirror is the one that the machine's own apt uses, with only the suite exchanged; apt checks
the signatures as always. Nothing is installed or upgraded by this module but by `install`, which
puts missing build tools of the machine's own release there, and only as root.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fetched import FetchError

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SECONDS = 600  # For one apt command; a build has its own limit.


def private_apt(folder: Path, what: str, entries: Sequence[tuple[str, str]]) -> list[str]:
    """Set up apt in `folder` for these ("deb" or "deb-src", suite); the command that uses it.

    what: for the message when this machine can not have it.
    """
    base = mirror(what)
    signed_by = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    lines = [f"{kind} {signed_by}{base} {suite} main\n" for kind, suite in entries]
    (folder / "sources.list").write_text("".join(lines))
    (folder / "apt.conf").write_text(_APT_CONF.format(apt=folder))
    command = ["apt-get", "-c", str(folder / "apt.conf"), "-q"]
    run([*command, "update"], folder)
    return command


def mirror(what: str) -> str:
    """The Debian mirror that this machine's apt is configured for."""
    if not _is_debian():
        raise FetchError(f"{what} comes from Debian's mirror, and this machine is not Debian")
    printed = run(["apt-get", "update", "--print-uris"], Path("/"))
    suites = re.findall(r"^'(\S+)/dists/([^/\s]+)/InRelease'", printed, re.MULTILINE)
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME")
    for found, suite in suites:
        if suite in (codename, "stable", "testing", "sid", "unstable"):
            return str(found)
    raise FetchError("apt on this machine has no Debian mirror configured: see sources.list(5)")


def install(tools: dict[str, str]) -> None:
    """Install what is missing of these programs {name: package}; FetchError says what to type."""
    packages = sorted({package for name, package in tools.items() if not shutil.which(name)})
    if not packages:
        return
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    if not _is_debian() or os.geteuid() != 0:
        raise FetchError(f"missing tools; as root on Debian: {' '.join(command)}")
    run(["apt-get", "update", "-q"], Path("/"))
    run(command, Path("/"))


def run(arguments: Sequence[str], where: Path, seconds: float = _SECONDS) -> str:
    """Run a command; its output. FetchError with its last line when it fails."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            arguments, cwd=where, env=environment, capture_output=True, text=True, timeout=seconds
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"{arguments[0]} did not run: {error}") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise FetchError(f"`{' '.join(arguments[:6])} ...` failed: {' '.join(last)}")
    return done.stdout


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


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
