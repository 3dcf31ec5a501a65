"""`ats-trust audit PATH|PORT`: what in a project, or on a board, will hurt."""

import argparse
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import output
from ..audit.board_files import read_board
from ..audit.examine import Project, examine
from ..audit.git_files import tracked
from ..audit.pem_support import Target
from ..audit.project import Reading, read_project
from ..audit.rules import RULES, Finding
from ..boards import load_board
from ..errors import ToolError, UsageError
from ..roots import load_manifest

_PORT = re.compile(r"/dev/.+|COM\d+|auto|(?:id|port):.+|\w+://.+|[auc]\d+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("place", metavar="PATH|PORT", help="a project's folder, one file, or a connected board")
    add("--board", metavar="BOARD", help="the board that the project is for")
    add("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Read, judge and say; the exit status is 1 when something was found."""
    try:
        reading, target, findings = _read(args)
        project = Project(target, load_manifest(), datetime.now(UTC), pem_keys=reading.pem_keys)
        folder = Path(args.place)
        project.findings += [*reading.findings, *findings]
        found = examine(
            project, reading.items, lambda names: _in_git(project, folder, reading, names)
        )
    except ToolError as error:
        raise UsageError(str(error)) from None
    if args.json:
        output.print_json(_document(args.place, target, reading, found))
    else:
        _show(args.place, reading, found)
    return 1 if found else 0


def _read(args: argparse.Namespace) -> tuple[Reading, Target, list[Finding]]:
    """The files, where they run, and what is already known to be wrong."""
    if not args.place:
        raise UsageError("say what to read: a project's folder, a file, or a board's port")
    board = load_board(args.board) if args.board else None
    path = Path(args.place)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        mode = 0
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return read_project(path), Target(board), []
    if stat.S_ISCHR(mode) or _PORT.fullmatch(args.place):
        return read_board(args.place, board)
    if mode:
        raise UsageError(f"{args.place} is neither a file, a folder nor a board's port")
    raise UsageError(
        f"there is no {args.place}; name a project's folder, a file, or a board's port "
        "(/dev/ttyACM0, COM3, auto)"
    )


def _in_git(project: Project, path: Path, reading: Reading, names: list[str]) -> set[str]:
    """Which of these files are in git, each asked of the repository that it is in."""
    if not names or project.target.release:
        return set()
    top = path if path.is_dir() else path.parent
    found: set[str] = set()
    ahead = set(names)
    for prefix in sorted({"", *reading.repositories}, key=len, reverse=True):
        here = sorted(name for name in ahead if name.startswith(prefix))
        ahead -= set(here)
        answer = tracked(top / prefix, [name[len(prefix) :] for name in here])
        if answer is None:
            project.add(prefix or ".", 0, "not-read", "git does not say which files it has")
        else:
            found |= {prefix + name for name in answer}
    return found & set(names)


def _document(
    place: str, target: Target, reading: Reading, found: list[Finding]
) -> dict[str, Any]:
    return {
        "place": place,
        "board": target.board.name if target.board else None,
        "release": target.release,
        "files": len(reading.items),
        "findings": [
            {
                "file": one.file,
                "line": one.line or None,
                "rule": one.rule,
                "detail": one.detail,
                "why": RULES[one.rule].why,
                "fix": RULES[one.rule].fix,
            }
            for one in found
        ],
    }


def _show(place: str, reading: Reading, found: list[Finding]) -> None:
    for one in found:
        where = f"{one.file}:{one.line}" if one.line else one.file
        output.print_line(f"{where}: {one.rule}: {one.detail}")
    rules = sorted({one.rule for one in found})
    for rule in rules:
        output.print_line()
        output.print_line(rule)
        output.print_line(f"  why  {RULES[rule].why}")
        output.print_line(f"  fix  {RULES[rule].fix}")
    if found:
        output.print_line()
    count = f"{len(found)} finding{'s' * (len(found) != 1)}" if found else "nothing found"
    files = f"{len(reading.items)} file{'s' * (len(reading.items) != 1)}"
    output.print_line(f"{place}: {count} in {files}.")
