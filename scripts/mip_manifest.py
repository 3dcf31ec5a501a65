"""Writes package.json: what `mpremote mip install ./package.json` copies to a board.

It lists every Python file of lib/ats_trust/ and its data files, so none can be forgotten. mip
checks nothing after a download: `hashes` in a manifest are only for packages of the index, and
name what to skip. So there are none here; SECURITY.md says how to install safely instead.

`--check` writes nothing and fails if the file is not as it would be written.
"""

import json
import sys
import tomllib
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parent.parent
_MANIFEST = _REPOSITORY / "package.json"


def manifest() -> str:
    """The text of package.json for the files that are there now."""
    library = _REPOSITORY / "lib"
    project = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text())["project"]
    package = library / "ats_trust"
    files = [*sorted(package.rglob("*.py")), package / "remedies.txt", package / "roots.bin"]
    urls = [
        [file.relative_to(library).as_posix(), file.relative_to(_REPOSITORY).as_posix()]
        for file in files
    ]
    lines = ",\n".join(f"    {json.dumps(url)}" for url in urls)
    return (
        f'{{\n  "version": {json.dumps(project["version"])},\n  "deps": [],\n'
        f'  "urls": [\n{lines}\n  ]\n}}\n'
    )


def main() -> int:
    """Write or check the manifest."""
    if sys.argv[1:] == ["--check"]:
        if not _MANIFEST.exists() or _MANIFEST.read_text() != manifest():
            print("package.json is not up to date: run `make manifest`", file=sys.stderr)
            return 1
        return 0
    _MANIFEST.write_text(manifest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
