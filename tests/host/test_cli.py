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
        **options,  # type: ignore[call-overload]  # which overload, the caller decides
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


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("line", ["roots list", "roots list --json", "boards RPI_PICO_W"])
def test_a_full_disk_is_one_sentence(
    line: str, unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output that can not be written is a failure that is said, wherever it shows first."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - no file that a Path stands for
        process = command(line, stdout=full)
        _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert [text for text in err.decode().splitlines() if "warning" not in text] == [
        "ats-trust: reading or writing failed: No space left on device"
    ]


def test_a_closed_output_is_one_sentence() -> None:
    """`ats-trust roots list >&-` says so."""
    process = command("roots list >&-")
    _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert err.startswith(b"ats-trust: standard output is closed")
    assert err.count(b"\n") == 1


@pytest.mark.parametrize("target", ["&-", "/dev/full"])
def test_a_complaint_that_can_not_be_shown(target: str) -> None:
    """Without stderr the exit status alone says it; stdout is for results."""
    process = command(f"roots lst 2>{target}", stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=30)

    assert (process.returncode, out) == (2, b"")


def test_a_name_that_can_not_be_shown_is_shown_in_escapes(tmp_path: Path) -> None:
    """Where a terminal knows ASCII only, a file's name still does not hide the message."""
    path = f"PYTHONPATH={REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
    call = f"{path} PYTHONIOENCODING=ascii {sys.executable} -m ats_trust_tools"
    name = "schl\N{LATIN SMALL LETTER U WITH DIAERESIS}ssel.bin"
    (tmp_path / name).write_bytes(b"")

    def run(line: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            f"env {call} {line}",
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
        )

    refused = run(f"inspect {name}")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("ats-trust: schl\\xfcssel.bin is empty")

    done = run(f"bundle --board RPI_PICO_W -o {name}")
    assert done.returncode == 0, done.stderr
    assert "Written to schl\\xfcssel.bin." in done.stdout


def test_a_bug_is_called_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unexpected exception is one sentence without its text, which could be of a key."""
    roots = importlib.import_module("ats_trust_tools.commands.roots")

    def broken(args: object) -> int:
        raise KeyError("secret")

    monkeypatch.setattr(roots, "run", broken)

    assert cli.main(["roots", "list"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "ats-trust: a bug in ats-trust, please report it: KeyError in test_cli.py, line "
    )
    assert err.count("\n") == 1 and "secret" not in err


def test_what_the_system_refuses_is_one_sentence(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An OSError that no command has foreseen names what it is about."""
    roots = importlib.import_module("ats_trust_tools.commands.roots")

    def refused(args: object) -> int:
        raise PermissionError(13, "Permission denied", "/some/file")

    monkeypatch.setattr(roots, "run", refused)

    assert shell.refused("roots list").endswith("/some/file: Permission denied")


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


BUNDLE = "bundle --board RPI_PICO_W -o"


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to a device"])
def test_only_a_file_is_replaced(kind: str, shell: Shell) -> None:
    """What is no regular file is refused, and is there afterwards as it was."""
    target = shell.path("target")
    if kind == "pipe":
        os.mkfifo(target)
    elif kind == "folder":
        target.mkdir()
    elif kind == "link to a device":
        target.symlink_to("/dev/null")
    name = "/dev/null" if kind == "device" else "target"
    before = os.lstat(shell.folder / name)

    assert f"{name} is a " in shell.refused(f"{BUNDLE} {name}")

    after = os.lstat(shell.folder / name)
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
    assert shell.files() == ([] if kind == "device" else ["target"])


@pytest.mark.parametrize(
    "line",
    [
        "device create --endpoint HOST --client-id s1 --csr s1.csr.pem -o pipe",
        "device create --endpoint HOST --client-id s1 --csr pipe -o s1.bin",
        "device create --aws --thing s1 --yes -o pipe",
    ],
)
def test_a_pipe_is_refused_before_anything_is_made(line: str, shell: Shell) -> None:
    """No key is left behind by a request that can not be written, and nobody reads the pipe."""
    os.mkfifo(shell.path("pipe"))
    line = line.replace("HOST", "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com")
    assert "pipe is a pipe" in shell.refused(line)
    assert shell.files() == ["pipe"]


def test_what_to_type_holds_for_names_with_spaces(shell: Shell) -> None:
    """Paths in commands to type are quoted as a shell needs it."""
    host = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
    told = shell.ok(f"device create --endpoint {host} --client-id s --csr 'a b' -o 'c d'").out
    assert "--certificate-signing-request 'file://a b' " in told
    assert "--complete 'c d' --cert" in told


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_written_through(exists: bool, shell: Shell) -> None:
    """The file that a symbolic link leads to is written, in its own folder; the link stays."""
    shell.path("kept").mkdir()
    shell.path("roots.bin").symlink_to(Path("kept") / "real.bin")
    if exists:
        shell.path("kept/real.bin").write_bytes(b"old")

    shell.ok(f"{BUNDLE} roots.bin")

    assert shell.path("roots.bin").is_symlink()
    assert [path.name for path in shell.path("kept").iterdir()] == ["real.bin"]
    assert shell.path("kept/real.bin").stat().st_size > 1000


def test_a_link_to_itself_is_refused(shell: Shell) -> None:
    """A symbolic link that leads nowhere in circles is one sentence."""
    shell.path("roots.bin").symlink_to("roots.bin")

    assert "symbolic links" in shell.refused(f"{BUNDLE} roots.bin")


def test_long_names(shell: Shell) -> None:
    """A name as long as a name can be is written; a longer one is refused in one sentence."""
    shell.ok(f"{BUNDLE} {'n' * 255}")
    assert shell.files() == ["n" * 255]

    assert "File name too long" in shell.refused(f"{BUNDLE} {'n' * 300}")
    assert "File name too long" in shell.refused(f"inspect {'n' * 300}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bundle --board RPI_PICO_W -o ''", "-o: the name to write to is empty"),
        ("emulate -o ''", "-o: the name to write to is empty"),
        ("bundle --board RPI_PICO_W --dry-run --endpoint http://x", "--endpoint: bad_endpoint"),
        ("bundle --board RPI_PICO_W --dry-run --bundle-version -1", "-1 is not between 0 and"),
        ("emulate --endpoint http://x", "--endpoint: bad_endpoint"),
    ],
)
def test_a_wrong_value_is_a_wrong_call(line: str, said: str, shell: Shell) -> None:
    """Values that no file or network decides on are refused with status 2."""
    assert said in shell.refused(line, status=2)
