"""The frame of `ats-trust`: commands, help, exit status, and files that are whole or absent."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ats_trust_tools import cli, files
from ats_trust_tools.errors import ToolError
from interpreters import REPOSITORY
from shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def command(line: str, **options: object) -> "subprocess.Popen[bytes]":
    """Start the command as a process of its own."""
    path = f"{REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
    return subprocess.Popen(
        f"exec {sys.executable} -m ats_trust_tools {line}",
        shell=True,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_a_module_and_help(name: str, shell: Shell) -> None:
    """Each entry of the command table can be imported, and --help explains it."""
    module = importlib.import_module(cli.COMMANDS[name][0])
    assert callable(module.run)
    assert callable(module.add_arguments)

    assert f"usage: ats-trust {name}" in shell.ok(f"{name} --help").out


def test_help_lists_the_commands_and_real_calls(shell: Shell) -> None:
    """`ats-trust --help` shows every command and calls that can be copied."""
    out = shell.ok("--help").out

    for name in cli.COMMANDS:
        assert f"\n  {name} " in out
    assert "ats-trust bundle --board RPI_PICO_W -o roots.bin" in out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "say what to do"),
        ("bundel", "'bundel' is not a command"),
        ("roots", "list|verify|show"),
        ("roots lst", "invalid choice"),
        ("inspect", "file"),
    ],
)
def test_a_wrong_call_is_one_sentence(line: str, said: str, shell: Shell) -> None:
    """A wrong call gives exit status 2 and one sentence on stderr."""
    assert said in shell.refused(line, status=2)


def test_the_version_is_shown(shell: Shell) -> None:
    """--version names the program."""
    assert shell.ok("--version").out.startswith("ats-trust ")


def test_commands_are_imported_only_when_they_run() -> None:
    """`ats-trust --version` loads neither cryptography nor the tables' library."""
    code = (
        "import sys; from ats_trust_tools import cli\n"
        "try: cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'cryptography', 'rich'} & set(sys.modules)))"
    )
    path = f"{REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path}
    )
    assert run.stdout.splitlines()[-1] == "[]", run.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    """`ats-trust roots list | head -0` ends quietly."""
    process = command("roots list --json", stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    err = process.stderr.read()
    process.wait(30)
    process.stderr.close()

    assert b"Traceback" not in err
    assert process.returncode == 1


def test_an_interrupt_is_130(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C ends a command with status 130 and one word."""
    roots = importlib.import_module("ats_trust_tools.commands.roots")

    def interrupted(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(roots, "run", interrupted)

    assert shell.run("roots list") == type(shell.run("roots list"))(
        130, "", "ats-trust: interrupted\n"
    )


def test_a_result_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fails at the last step, the old file is untouched and nothing is left over."""
    target = tmp_path / "roots.bin"
    target.write_bytes(b"old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(ToolError, match=r"can not write .*roots.bin: No space left on device"):
        files.write_atomically(target, b"new")

    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_secret_is_never_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary file has the final mode from its first moment."""
    seen = []
    flush = os.fsync

    def look(descriptor: int) -> None:
        seen.append(os.fstat(descriptor).st_mode & 0o777)
        flush(descriptor)

    monkeypatch.setattr(files.os, "fsync", look)
    before = os.umask(0)
    try:
        files.write_atomically(tmp_path / "device.bin", b"key", mode=0o600)
    finally:
        os.umask(before)

    assert seen[0] == 0o600


def test_input_is_bounded(shell: Shell) -> None:
    """A file far too large to be a certificate is refused before it is read whole."""
    with shell.path("big").open("wb") as stream:
        stream.truncate(files.MAX_INPUT + 1)

    assert "is larger than 1048576 bytes" in shell.refused("inspect big")
