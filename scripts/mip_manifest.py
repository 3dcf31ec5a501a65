"""Writes what `mpremote mip install` takes: package.json and boards/BOARD/package.json.

The first lists every file of lib/ats_trust/, so none can be forgotten: the modules, and what they
read. A board's brings its roots under a name of their own, so neither overwrites what the other
brought, in whatever order they are installed.
mip checks nothing after a download: `hashes` in a manifest are only for packages of the index, and
name what to skip. So there are none here; SECURITY.md says how to install safely instead.

`--check` writes nothing and fails if a file is not as it would be written.
"""

import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from ats_trust_tools.boards import all_boards, refusal

_REPOSITORY = Path(__file__).resolve().parent.parent
_MANIFEST = _REPOSITORY / "package.json"
LIBRARY = _REPOSITORY / "lib" / "ats_trust"
# Where a board's own roots are on it.
BOARD_ROOTS = "ats_trust/roots_board.bin"


def modules() -> list[Path]:
    """The library's Python files."""
    return sorted(LIBRARY.glob("*.py"))


def data_files() -> list[Path]:
    """What else belongs to the library: the factory bundle, and whatever a module reads."""
    return sorted(file for file in LIBRARY.iterdir() if file.is_file() and file.suffix != ".py")


def manifest(urls: Iterable[tuple[str, str]]) -> str:
    """The text of a manifest: (path on the board, path beside the manifest) for each file."""
    project = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text())["project"]
    lines = ",\n".join(f"    {json.dumps(url)}" for url in urls)
    return (
        f'{{\n  "version": {json.dumps(project["version"])},\n  "deps": [],\n'
        f'  "urls": [\n{lines}\n  ]\n}}\n'
    )


def manifests() -> dict[Path, str]:
    """Every manifest of the repository, and its text."""
    files = [*modules(), *data_files()]
    library = ((f"ats_trust/{one.name}", one.relative_to(_REPOSITORY).as_posix()) for one in files)
    texts = {_MANIFEST: manifest(library)}
    for board in all_boards():
        if not refusal(board):
            roots = [(BOARD_ROOTS, board.roots_file.name)]
            texts[board.folder / _MANIFEST.name] = manifest(roots)
    return texts


def main() -> int:
    """Write or check the manifests."""
    if sys.argv[1:] not in ([], ["--check"]):
        print("usage: mip_manifest.py [--check]", file=sys.stderr)
        return 2
    for path, text in manifests().items():
        if not sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            name = path.relative_to(_REPOSITORY)
            print(f"{name} is not up to date: run `make manifest`", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
