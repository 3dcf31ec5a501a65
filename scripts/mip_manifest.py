"""Writes package.json: what `mpremote mip install ./package.json` copies to a board.

It lists every file of lib/ats_trust/, so none can be forgotten: the modules, and what they read.
mip checks nothing after a download: `hashes` in a manifest are only for packages of the index, and
name what to skip. So there are none here; SECURITY.md says how to install safely instead.

`--check` writes nothing and fails if the file is not as it would be written.
"""

import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parent.parent
_MANIFEST = _REPOSITORY / "package.json"
LIBRARY = _REPOSITORY / "lib" / "ats_trust"


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


def main() -> int:
    """Write or check the manifest."""
    text = manifest(
        (f"ats_trust/{file.name}", file.relative_to(_REPOSITORY).as_posix())
        for file in [*modules(), *data_files()]
    )
    if sys.argv[1:] == ["--check"]:
        if not _MANIFEST.exists() or _MANIFEST.read_text() != text:
            print("package.json is not up to date: run `make manifest`", file=sys.stderr)
            return 1
        return 0
    if sys.argv[1:]:
        print("usage: mip_manifest.py [--check]", file=sys.stderr)
        return 2
    _MANIFEST.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
