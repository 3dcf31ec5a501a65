"""Which files are in git: asked of git itself, which gets no chance to run anything else.

Rules: a repository's own settings can name programs (file system monitors, hooks, pagers); they
are switched off. Only the names that matter are asked for. What git does not answer in time, or at
all, is not known, and said so.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_TIMEOUT = 20  # Seconds.
_OFF = (
    "--no-pager",
    "--no-optional-locks",
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=" + os.devnull),
    *("-c", "core.untrackedCache=false"),
    *("-c", "submodule.recurse=false"),
)


def tracked(folder: Path, names: Sequence[str]) -> set[str] | None:
    """Return those of `names`, relative to `folder`, that its repository has in its index.

    None: it is not known. A folder that is in no repository has none.
    """
    if not names or not _in_repository(folder):
        return set()
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    found: set[str] = set()
    for start in range(0, len(names), 100):
        try:
            done = subprocess.run(
                ["git", *_OFF, "ls-files", "-z", "--", *names[start : start + 100]],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
        if done.returncode != 0:
            return None
        found |= {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
    return found


def _in_repository(folder: Path) -> bool:
    top = Path(os.path.realpath(folder))
    return any(os.path.lexists(place / ".git") for place in (top, *top.parents))
