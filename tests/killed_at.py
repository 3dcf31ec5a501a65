"""`ats-trust`, killed with SIGKILL at a chosen one of its changes to the disk.

    python tests/killed_at.py COUNT NUMBER all|parent ARGUMENT...

Counts, over all of its processes, the files opened, flushed and renamed and the journal's writes,
and adds them to the file COUNT. At the one with NUMBER (0: at none) half of what was to be written
is, and then the whole group of processes is killed, or the first one alone, whose workers then
find out by themselves.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ats_trust_tools import cli

_FUNCTIONS = ("open", "write", "fsync", "replace")


def main(words: Sequence[str]) -> int:
    """Run the command."""
    count, number, whom, *arguments = words
    first = os.getpid()
    done = multiprocessing.get_context("fork").Value("i", 0)

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            with done:
                done.value += 1
                fatal = done.value == int(number)
            if fatal and function is write:
                write(given[0], given[1][: len(given[1]) // 2])
            if fatal and whom == "all":
                os.killpg(first, signal.SIGKILL)
            if fatal:
                os.kill(first, signal.SIGKILL)
            return function(*given, **named)

        return call

    write = os.write
    for name in _FUNCTIONS:
        setattr(os, name, counted(getattr(os, name)))
    status = cli.main(arguments)
    Path(count).write_text(str(done.value))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
