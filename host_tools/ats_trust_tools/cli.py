"""The `ats-trust` command: a table of commands and one place where errors end.

Rules: a command module has `add_arguments(parser)` and `run(args) -> int` and is imported only
when its command runs. Whatever is wrong ends as one sentence on stderr: exit status 2 for a wrong
call, 1 for a failure (2 where 1 is an answer: `audit`, `check`), 130 when interrupted. That holds
for a bug too, which is called one; only `python -X dev -m ats_trust_tools` shows where an
unexpected exception came from.
"""

import argparse
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ats_trust.errors import TrustError

from .errors import ToolError, UsageError
from .printable import printable

COMMANDS = {
    "roots": ("ats_trust_tools.commands.roots", "list, check and explain the shipped roots"),
    "bundle": ("ats_trust_tools.commands.bundle", "choose and trim trust anchors for a board"),
    "keygen": ("ats_trust_tools.commands.keygen", "make a key that signs bundles"),
    "sign": ("ats_trust_tools.commands.sign", "sign a bundle, for an update over the air"),
    "inspect": (
        "ats_trust_tools.commands.inspect",
        "explain a bundle, device file or certificate",
    ),
    "check": (
        "ats_trust_tools.commands.check",
        "would a board accept this server, and until when",
    ),
    "device": ("ats_trust_tools.commands.device", "make or show a device's own file"),
    "endpoint": ("ats_trust_tools.commands.endpoint", "ask AWS for your account's endpoint"),
    "flash": ("ats_trust_tools.commands.flash", "library, roots and device file onto a board"),
    "boards": (
        "ats_trust_tools.commands.boards",
        "what is known of a board, what it means",
    ),
    "image": ("ats_trust_tools.commands.image", "a board's whole file system as one file"),
    "audit": ("ats_trust_tools.commands.audit", "what in a project or on a board will hurt"),
    "emulate": ("ats_trust_tools.emulate.command", "be AWS IoT Core's front door on loopback"),
}

EXAMPLES = """\
examples:
  ats-trust bundle --board RPI_PICO_W -o roots.bin
  ats-trust device create --endpoint PREFIX-ats.iot.REGION.amazonaws.com --client-id NAME \\
      --cert certificate.pem.crt --key private.pem.key -o device.bin
  ats-trust sign roots.bin --key signing.key.pem --other-key offline.pub.pem \\
      --endpoint PREFIX-ats.iot.REGION.amazonaws.com -o signed.bin
  ats-trust inspect roots.bin
  ats-trust roots show amazon-root-ca-1

`ats-trust COMMAND --help` explains a command.
"""


class Parser(argparse.ArgumentParser):
    """argparse, with its errors said the way all others are."""

    def error(self, message: str) -> NoReturn:
        """End with one sentence and the place where help is."""
        raise UsageError(f"{message}; see `{self.prog} --help`")


# The exit status of a failure where 1 is an answer: "refused" must not be said by a full disk.
_FAILED = {"audit": 2, "check": 2}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    failed = _FAILED.get(words[0], 1) if words else 1
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file's name may hold what the terminal can not show: it must not hide the message.
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        return _complain("standard output is closed; send it to a file or to /dev/null", failed)
    try:
        try:
            return _run(words)
        finally:
            sys.stdout.flush()  # Here, where a full disk can still be said, and not at exit.
    except UsageError as error:
        return _complain(str(error), 2)
    except (ToolError, TrustError) as error:
        return _complain(str(error), failed)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:
        _drop_output()
        return failed  # The reader (`| head`) has gone, and knows it.
    except OSError as error:
        # Files are the business of `files`; what comes here is most often stdout's.
        _drop_output()
        why = error.strerror or str(error)
        what = os.fsdecode(error.filename) if error.filename else "reading or writing failed"
        return _complain(f"{what}: {why}", failed)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        # Not its text, which may hold what was being read; that can be a private key.
        place = traceback.extract_tb(error.__traceback__)[-1]
        return _complain(
            f"a bug in ats-trust, please report it: {type(error).__name__} in "
            f"{Path(place.filename).name}, line {place.lineno}",
            failed,
        )


def _run(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        module_name, summary = COMMANDS[words[0]]
        command = importlib.import_module(module_name)
        parser = Parser(prog=f"ats-trust {words[0]}", description=summary[0].upper() + summary[1:])
        command.add_arguments(parser)
        status: int = command.run(parser.parse_args(words[1:]))
        return status
    parser = Parser(
        prog="ats-trust",
        description="Trust anchors for AWS IoT Core on MicroPython.",
        epilog="commands:\n"
        + "".join(f"  {name:9}{summary}\n" for name, (_, summary) in COMMANDS.items())
        + "\n"
        + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="one of those below")
    name = parser.parse_known_args(words)[0].command
    wrong = f"{name!r} is not a command" if name else "say what to do"
    raise UsageError(f"{wrong}; the commands are {', '.join(COMMANDS)} (`ats-trust --help`)")


def _complain(message: str, status: int) -> int:
    try:
        if sys.stderr is not None:  # print() would take stdout in its place.
            print("ats-trust:", printable(message), file=sys.stderr)
    except OSError:
        pass  # Nobody can be told; the status still says it.
    return status


def _drop_output() -> None:
    """What stdout did not take must not be flushed to it again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version() -> str:
    # Here, because to import it takes longer than many a command.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return "ats-trust " + version("ats-trust")
    except PackageNotFoundError:
        return "ats-trust (from a checkout, not installed)"
