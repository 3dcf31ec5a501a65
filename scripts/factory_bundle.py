"""Writes lib/ats_trust/roots.bin, the bundle that a board gets with the library itself.

All five roots that Amazon recommends: they share one flash block, and only the one that a server
needs is ever in memory. The build time is fixed, so the same command gives the same bytes; raise
it with each change of the roots, for a board refuses to believe a clock that is behind it.

`--check` writes nothing and fails if the file is not as it would be written.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

from ats_trust_tools import cli

_BUNDLE = Path(__file__).resolve().parent.parent / "lib" / "ats_trust" / "roots.bin"
_BUILT_AT = "2026-11-01T00:00:00Z"
_ROOTS = (
    "amazon-root-ca-1",
    "amazon-root-ca-3",
    "starfield-services-g2",
    "amazon-root-ca-2",
    "amazon-root-ca-4",
)


def write(path: Path) -> int:
    """Run `ats-trust bundle` for the factory bundle; its exit status."""
    wanted = ["--roots", ",".join(_ROOTS), "--prefer", "speed", "--built-at", _BUILT_AT]
    return cli.main(["bundle", *wanted, "-o", str(path)])


def main() -> int:
    """Write or check the factory bundle."""
    if sys.argv[1:] != ["--check"]:
        return write(_BUNDLE)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        fresh = Path(folder) / "roots.bin"
        status = write(fresh)
        if status == 0 and fresh.read_bytes() != _BUNDLE.read_bytes():
            print(f"{_BUNDLE.name} is not up to date: run `make manifest`", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
