"""Writes the bundles that come with the repository: the library's and each board's roots.bin.

The library's holds all five roots that Amazon recommends, for any board: they share one flash
block, and only the one that a server needs is ever in memory. A board's holds what its profile
says, in the order that suits it. The build time is fixed, so the same command gives the same
bytes; raise it with each change of the roots, for a board refuses to believe a clock behind it.
All have one version, so on a board its own is in force
(docs/decisions/0010-which-bundle-is-in-force.md).

`--check` writes nothing and fails if a file is not as it would be written.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

from ats_trust_tools import cli
from ats_trust_tools.boards import all_boards, refusal

_LIBRARY = Path(__file__).resolve().parent.parent / "lib" / "ats_trust" / "roots.bin"
_BUILT_AT = "2026-11-01T00:00:00Z"
# For any board: what the profile says on which everything was measured.
_ANY = "RPI_PICO_W"


def bundles() -> dict[Path, str]:
    """Every bundle of the repository, and the board whose profile it is made from."""
    usable = [board for board in all_boards() if not refusal(board)]
    return {_LIBRARY: _ANY} | {board.roots_file: board.folder.name for board in usable}


def write(path: Path, board: str) -> int:
    """Run `ats-trust bundle` for one of them; its exit status."""
    wanted = ["--board", board, "--built-at", _BUILT_AT, "-o", str(path)]
    with contextlib.redirect_stdout(io.StringIO()):
        return cli.main(["bundle", *wanted])


def main() -> int:
    """Write or check all bundles."""
    if sys.argv[1:] not in ([], ["--check"]):
        print("usage: factory_bundle.py [--check]", file=sys.stderr)
        return 2
    for path, board in bundles().items():
        if not sys.argv[1:]:
            if write(path, board) != 0:
                return 1
            continue
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / "roots.bin"
            if write(fresh, board) != 0:
                return 1
            if not path.exists() or fresh.read_bytes() != path.read_bytes():
                name = path.relative_to(path.parent.parent.parent)
                print(f"{name} is not up to date: run `make manifest`", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
