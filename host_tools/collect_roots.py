"""Take the shipped roots out of the packages they come from, and write certs_der/ again.

    pip download --no-deps -d wheels certifi==2026.10.18
    pip download --no-deps -d wheels certifi==2020.11.8
    python host_tools/collect_roots.py wheels

certs_der/MANIFEST.toml says which package, member and fingerprint each root has. To add a root:
write its whole entry and run this; `ats-trust roots verify` then says what in the entry is not so.
certs_der/data-ats.pem has all the roots that may answer at an iot:Data-ATS endpoint.
Rules: no network; a wheel or a certificate with another SHA-256 than the manifest's is refused.
"""

import argparse
import hashlib
import sys
import tomllib
import zipfile
from pathlib import Path

from ats_trust_tools.errors import ToolError
from ats_trust_tools.files import write_atomically
from ats_trust_tools.pem import blocks
from ats_trust_tools.roots import certificate_store, load_manifest

# For clients on a computer that take a file of roots (ats_trust_tools/aws_endpoint.py).
STORE = "data-ats.pem"


def certificates(wheel: Path, wheel_sha256: str, member: str) -> dict[str, bytes]:
    """Return the certificates of a PEM file inside a wheel, by SHA-256."""
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != wheel_sha256:
            raise ToolError(f"{wheel} has SHA-256 {found}; the manifest says {wheel_sha256}")
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read(member)
    except OSError as error:
        raise ToolError(f"can not read {wheel}: {error.strerror}") from None
    return {hashlib.sha256(block.data).hexdigest(): block.data for block in blocks(text)}


def collect(wheels: Path, folder: Path) -> list[str]:
    """Write every root of `folder`'s manifest into it; return the names of the files."""
    manifest = tomllib.loads((folder / "MANIFEST.toml").read_text(encoding="utf-8"))
    stores = {
        package["name"]: certificates(
            wheels / package["wheel"], package["wheel_sha256"], package["member"]
        )
        for package in manifest["package"]
    }
    written = []
    for root in manifest["root"]:
        certificate = stores[root["origin"]].get(root["sha256"])
        if certificate is None:
            raise ToolError(f"{root['name']}: no such certificate in {root['origin']}")
        write_atomically(folder / root["file"], certificate)
        written.append(root["file"])
    write_atomically(folder / STORE, certificate_store(load_manifest(folder), "data-ats"))
    return [*written, STORE]


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Write certs_der/ again from its origins.")
    parser.add_argument("wheels", type=Path, help="folder with the downloaded wheels")
    parser.add_argument(
        "--certs-der", type=Path, default=Path(__file__).resolve().parent.parent / "certs_der"
    )
    args = parser.parse_args()
    try:
        for name in collect(args.wheels, args.certs_der):
            print(name)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
