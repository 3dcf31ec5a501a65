"""The library compiled by mpy-cross, as a board should get it: less flash, less heap, faster.

`make dist` writes it to dist/mip with two manifests for mip: package.json has all of it, data.json
only what is no code, for firmware that has the code frozen in (manifest.py). The tests of boards
and the benchmarks compile here too, so they measure what is installed.

Rules kept here:
- The same sources give the same bytes, wherever the checkout is.
- The folder is made anew beside its place and takes it as a whole; a folder that holds anything
  else is not touched.
"""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mip_manifest import data_files, manifest

from ats_trust_tools.errors import ToolError
from ats_trust_tools.installation import library_files
from ats_trust_tools.mpy_compiler import compile_module

_PLACE = Path(__file__).resolve().parent.parent / "dist" / "mip"
_PACKAGE = "ats_trust"
_ALL, _DATA = "package.json", "data.json"


def compile_library(folder: Path) -> Path:
    """Fill `folder` with one .mpy for each module and with what is no code; `folder` itself."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in library_files(compiled=True).items():
        (folder / name).write_bytes(data)
    return folder


def compile_programs(sources: Iterable[Path], folder: Path) -> list[Path]:
    """Compile programs of ours that run on a board into `folder`; their paths there."""
    targets = []
    for source in sources:
        target = folder / f"{source.stem}.mpy"
        target.write_bytes(compile_module(source, source.name))
        targets.append(target)
    return targets


def make_package(place: Path) -> None:
    """Make `place` the compiled library with its manifests. Raises FileExistsError."""
    if place.is_dir():
        library = place / _PACKAGE
        ours = {library, *library.glob("*.mpy"), *(library / file.name for file in data_files())}
        if library.is_dir():
            ours |= {place / _ALL, place / _DATA}
        foreign = set(place.rglob("*")) - ours
        if foreign:
            name = min(foreign).relative_to(place)
            raise FileExistsError(f"{place} holds {name}, which is not of a package")
    if not place.parent.exists():
        place.parent.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as temporary:
        made = Path(temporary) / place.name
        compiled = compile_library(made / _PACKAGE)
        names = [f"{_PACKAGE}/{file.name}" for file in sorted(compiled.iterdir())]
        (made / _ALL).write_text(manifest((name, name) for name in names))
        data = [name for name in names if not name.endswith(".mpy")]
        (made / _DATA).write_text(manifest((name, name) for name in data))
        if place.is_dir():
            place.rename(Path(temporary) / "old")
        made.rename(place)


def main() -> int:
    """Make the package in dist/mip, or in the folder that is named."""
    if len(sys.argv) > 2 or (sys.argv[1:2] and sys.argv[1].startswith("-")):
        print("usage: compiled_library.py [FOLDER]", file=sys.stderr)
        return 2
    place = Path(sys.argv[1]).resolve() if sys.argv[1:] else _PLACE
    try:
        make_package(place)
    except (OSError, ToolError) as error:
        print(f"make dist: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    files = list((place / _PACKAGE).iterdir())
    total = sum(file.stat().st_size for file in files)
    print(f"make dist: {place}: {len(files)} files, {total:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
