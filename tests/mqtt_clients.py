"""MQTT clients from PyPI that run on MicroPython, unchanged, for the tests.

pip fetches them and checks each against the SHA-256 written here. They are never committed (their
licences are their own) and never installed in the venv, since they are not for CPython.

Run as a program (`make micropython`) it fetches those that are not there yet.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from fetched import FetchError, cache_root, in_ci, new_folder


class _Client(NamedTuple):
    requirement: str
    sha256: str
    module: str  # a file that it brings, relative to the folder that goes on MICROPYPATH


_CLIENTS = {
    "umqtt.simple2": _Client(
        "micropython-umqtt.simple2==2.2.0",
        "48fd4da7701b95986293b06d343fbc564ebe7dfa82f5c8c09364c20df755f0e4",
        "umqtt/simple2.py",
    ),
    "aiomqttc": _Client(
        "aiomqttc==1.0.7",
        "edced4a29120d00e116732eb8e1e22ac3804ff18c14981d14816f9987b2f33ea",
        "aiomqttc.py",
    ),
}


def folder(name: str) -> Path:
    """The folder to put on MICROPYPATH so that `import NAME` works; FetchError if not there."""
    place = _place(_CLIENTS[name])
    if not place.is_dir():
        raise FetchError(f"the MQTT client {name} is not there: run `make micropython`")
    return place


def fetch(name: str) -> Path:
    """Fetch one client with pip, unless that was done before; the folder it is in."""
    client = _CLIENTS[name]
    place = _place(client)
    if place.is_dir():
        return place
    with new_folder(place) as work:
        (work / "requirements.txt").write_text(
            f"{client.requirement} --hash=sha256:{client.sha256}\n"
        )
        (work / "pip").mkdir()
        # A source package without setup.py, as micropython-lib's style has them, is downloaded,
        # checked and unpacked by pip, and only then refused, for it can not be built. --no-clean
        # leaves the unpacked files in the temporary folder; a wheel lands in `work` as it is.
        options = ["--no-deps", "--require-hashes", "--no-clean", "-q"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, "-r", "requirements.txt"],
            cwd=work,
            env={
                **os.environ,
                "TMPDIR": str(work / "pip"),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        for wheel in work.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(work / "pip" / "wheel")
        found = sorted((work / "pip").rglob(client.module))
        if not found:
            said = done.stderr.strip().splitlines()[-1:]
            raise FetchError(f"pip could not fetch {client.requirement}: {' '.join(said)}")
        # Only what is on the way to the module: aiomqttc also brings a `main` and a `config`.
        top = client.module.split("/")[0]
        source = found[0].parents[client.module.count("/")] / top
        source.rename(work / top)
        subprocess.run(["rm", "-rf", *map(str, work.glob("*.whl")), str(work / "pip")], check=True)
        (work / "requirements.txt").unlink()
    return place


def _place(client: _Client) -> Path:
    return cache_root() / f"{client.requirement.replace('==', '-')}-{client.sha256[:8]}"


def main() -> int:
    """Fetch all; outside of CI a failure is told, and the tests that need them are skipped."""
    try:
        for name in _CLIENTS:
            fetch(name)
    except FetchError as error:
        print(f"make micropython: {error}", file=sys.stderr)
        return 1 if in_ci() else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
