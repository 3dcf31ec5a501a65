"""`ats-trust audit`: each rule finds its mistake and leaves the right form alone."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat

from ats_trust_tools.audit import board_files
from ats_trust_tools.audit.pem_support import Target
from ats_trust_tools.audit.rules import RULES
from ats_trust_tools.boards import load_board
from ats_trust_tools.pem import armour
from audit_cases import AMAZON, FILES, HOST, LEGACY, PKCS8, SOURCES, SSL_CONTEXT, VERIFIED
from interpreters import REPOSITORY, MicroPython
from made_certificates import device, make_device_file
from shell import Shell
from unix_board import UnixBoard


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def _audit(shell: Shell, place: str = ".", options: str = "") -> list[tuple[str, int | None, str]]:
    result = shell.run(f"audit {place} --json {options}")
    found = [(one["file"], one["line"], one["rule"]) for one in result.json["findings"]]
    assert result.status == bool(found) and not result.err, result
    return found


@pytest.mark.parametrize("case", SOURCES)
def test_source(shell: Shell, case: str) -> None:
    """The mistake is found on its line, and nothing in what is right."""
    rule, lines, wrong, right = SOURCES[case]
    shell.path("main.py").write_text(wrong)
    found = _audit(shell)
    assert [line for _, line, its in found if its == rule] == lines, found
    assert {its for _, _, its in found} == {rule}, found
    shell.path("main.py").write_text(right)
    assert _audit(shell) == []


@pytest.mark.parametrize("rule", FILES)
def test_file(shell: Shell, rule: str) -> None:
    """Certificates, bundles and settings."""
    name, wrong, right = FILES[rule]
    shell.path(name).write_bytes(wrong)
    assert [its for _, _, its in _audit(shell)] == [rule]
    shell.path(name).write_bytes(right)
    assert _audit(shell) == []


def test_a_context_in_two_branches(shell: Shell) -> None:
    """Which of two made it does not matter to what it is given afterwards."""
    made = "".join(f" c = {module}.SSLContext(0)\n{word}" for module, word in _BRANCHES)
    shell.path("main.py").write_text("import ssl, tls\nif x:\n" + made + VERIFIED)
    assert _audit(shell) == []


_BRANCHES = (("tls", "else:\n"), ("ssl", ""))


def test_where_pem_hurts() -> None:
    """The ESP32 port reads PEM, the others since 1.29; without a board, all others are named."""
    assert Target(load_board("ESP32_GENERIC")).without_pem() == ""
    assert Target(load_board("RPI_PICO_W"), release="1.29.0").without_pem() == ""
    assert Target(None, "rp2", "1.29.0-preview").without_pem() == ""
    assert Target(None, "rp2", "1.28.0").without_pem() == "MicroPython 1.28.0 on this board"
    assert Target(load_board("RPI_PICO_W")).without_pem().endswith("before 1.29 on RPI_PICO_W")
    assert "RPI_PICO_W" in Target().without_pem() and "ESP" not in Target().without_pem()


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, timeout=60)


def test_keys(shell: Shell) -> None:
    """Keys and device files that others can read, or git has; what they hold is never shown."""
    make_device_file(shell, HOST)
    for name in ("key.pem", "device.bin"):
        shell.path(name).chmod(0o600)
    assert _audit(shell) == []
    for name in ("key.pem", "device.bin"):
        shell.path(name).chmod(0o640)
    assert _audit(shell) == [
        ("device.bin", None, "device-file-readable"),
        ("key.pem", None, "key-readable"),
    ]
    for name in ("key.pem", "device.bin"):
        shell.path(name).chmod(0o600)
    _git(shell.folder, "init", "-q")
    assert _audit(shell) == []
    _git(shell.folder, "add", "key.pem", "device.bin")
    # A program that the repository's own settings name is not run.
    ran = shell.path("ran")
    hook = shell.path("hook")
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    _git(shell.folder, "config", "core.fsmonitor", str(hook))
    expected = [("device.bin", None, "device-file-in-git"), ("key.pem", None, "key-in-git")]
    assert _audit(shell) == expected
    assert _audit(shell, "key.pem") == expected[1:]
    assert not ran.exists()
    shown = shell.run("audit .").out
    body = shell.path("key.pem").read_text().splitlines()[1]
    assert "the history keeps what was committed" in shown
    assert body not in shown
    _git(shell.folder, "config", "core.repositoryformatversion", "99")
    assert (".", None, "not-read") in _audit(shell)


def test_keys_in_any_clothes(shell: Shell) -> None:
    """A private key is one by its content: in JSON, encrypted, with headers, in DER, no name."""
    made = device("P-256")
    body = "".join(PKCS8.splitlines()[1:-1])
    contents = {
        "a.json": json.dumps({"key": PKCS8}).encode(),
        "b": made.key_bytes(password=b"words"),
        "c.txt": b"text\r\n" + PKCS8.replace("\n", "\r\n").encode(),
        "d.bin": made.key_bytes(encoding=Encoding.DER),
        "e.bin": made.key_bytes(encoding=Encoding.DER, password=b"words"),
        "f.key": made.key_bytes(PrivateFormat.TraditionalOpenSSL, Encoding.DER),
        "g.pem": f"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{body}\n".encode(),
    }
    for name, content in contents.items():
        shell.path(name).write_bytes(content)
        shell.path(name).chmod(0o644)
    assert _audit(shell) == [(name, None, "key-readable") for name in contents]
    for name, content in contents.items():  # What is public is none.
        shell.path(name).write_bytes(
            content.replace(b"PRIVATE", b"PUBLIC") if name > "f" else b"x"
        )
    shell.path("f.key").write_bytes(
        made.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    assert _audit(shell) == []


def test_hostile_files(shell: Shell) -> None:
    """Whatever lies there, each file is at most a finding, and it ends soon."""
    folder = shell.path("p")
    folder.mkdir()
    (folder / "latin.py").write_bytes("# -*- coding: latin-1 -*-\na = '\xe9'\n".encode("latin-1"))
    (folder / "bad.py").write_bytes(b"a = '\xff'\n")
    (folder / "nul.py").write_bytes(b"a = 1\0\n")
    (folder / "deep.py").write_text("a = " + "(" * 5000 + ")" * 5000)
    (folder / "long.py").write_text("a = " + " + ".join(["'x'"] * 20000))
    (folder / "round.py").write_text(
        "import ssl\na = b\nb = a\nssl.wrap_socket(a, **b)\na = a + b\n"
    )
    (folder / "many.py").write_text("import ssl\n" + "c=ssl.SSLContext()\n" * 20000)
    (folder / "big.py").write_bytes(b"#" * (1 << 20) + b"#")
    (folder / "plus.txt").write_text("-----BEGIN PRIVATE KEY-----" + "+" * 39 + "!" * 400)
    (folder / "empty.pem").write_bytes(b"")
    (folder / "ee\x1b[2J.py").write_text("def")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "x.py").write_text("def")
    os.mkfifo(folder / "fifo.pem")
    (folder / "loop").symlink_to(folder)
    (folder / "link.py").symlink_to("/etc/hostname")
    start = time.monotonic()
    found = _audit(shell, "p")
    assert time.monotonic() - start < 10
    by_rule = {(file, rule) for file, _, rule in found}
    assert by_rule == {
        *((f"{name}.py", "not-read") for name in ("bad", "nul", "deep", "long", "big")),
        ("ee\x1b[2J.py", "not-read"),
        ("empty.pem", "unreadable-certificate"),
        ("many.py", "unverified-context"),
    }
    assert "\x1b" not in shell.run("audit p").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("absent", "there is no absent"),
        ("''", "say what to read"),
        ("fifo", "neither a file, a folder nor a board's port"),
        ("/dev/null", "no serial port"),
        (". --board NOBODY", "no profile"),
    ],
)
def test_usage(shell: Shell, words: str, said: str) -> None:
    """What can not be read is said in one sentence, with exit status 2."""
    os.mkfifo(shell.path("fifo"))
    assert said in shell.refused(f"audit {words}", 2)


def test_our_own_files(shell: Shell) -> None:
    """The library, the scripts and what the README shows give nothing."""
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert len(blocks) > 1
    for number, block in enumerate(blocks):
        shell.path(f"block_{number}.py").write_text(block)
    assert [one for one in _audit(shell) if one[2] != "not-read"] == []
    for place in ("lib", "scripts", "README.md"):
        assert _audit(shell, str(REPOSITORY / place)) == []


def test_the_page_has_the_rules() -> None:
    """docs/audit.md's table is the table of the code."""
    page = (REPOSITORY / "docs/audit.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(name, rule.why, rule.fix) for name, rule in RULES.items()]
    tested = {case[0] for case in SOURCES.values()} | FILES.keys()
    elsewhere = "key-readable key-in-git device-file-readable device-file-in-git old-bundle "
    assert RULES.keys() - tested == set((elsewhere + "firmware-can-not-verify").split())


def test_a_board(shell: Shell, newest_micropython: MicroPython) -> None:
    """A board's files are read through mpremote; its private keys stay there."""
    flash = shell.path("flash")
    (flash / "lib").mkdir(parents=True)
    make_device_file(shell, HOST)
    for name in ("device.bin", "key.pem", "cert.pem"):
        (flash / name).write_bytes(shell.path(name).read_bytes())
    (flash / "main.py").write_text(
        "from umqtt.simple import MQTTClient\nMQTTClient(I, H, ssl=True)"
    )
    (flash / "lib" / "long.py").write_text("a = 'words'\n" * 1000 + SSL_CONTEXT)
    (flash / "secrets.py").write_text(f"A = 1\nK = {PKCS8!r}\n")
    with UnixBoard(newest_micropython, flash) as board:
        found = _audit(shell, board.port, "--board RPI_PICO_W")
        lines: list[object] = []
        connected = board_files.ConnectedBoard(board.port)
        reading = board_files.Reading()
        wanted = dict(board_files._choose(connected, reading))
        lines = connected.run(["exec", board_files._LIST.format(mark=board_files.MARK, most=400)])
    kinds = {str(path): kind for path, _, kind, _ in lines}  # type: ignore[misc]
    assert kinds["/device.bin"] == "der key" and kinds["/key.pem"] == "pem key"
    assert "/main.py" in wanted and not {"/device.bin", "/key.pem", "/secrets.py"} & wanted.keys()
    release = newest_micropython.release
    pem = [(f"/{name}.pem", None, "pem-not-readable") for name in ("cert", "key")]
    assert found == [
        *([] if release >= (1, 29) else pem[:1]),
        *([] if release >= (1, 29) else pem[1:]),
        ("/lib/long.py", 1002, "unverified-context"),
        ("/main.py", 2, "ssl-true"),
        ("/secrets.py", 2, "key-in-source"),
    ]


def test_old_bundle(shell: Shell) -> None:
    """A bundle with an older version than the release's own is in force nowhere."""
    for version, expected in ((1, [("roots.bin", None, "old-bundle")]), (9000000000, [])):
        shell.ok(f"bundle --board RPI_PICO_W --bundle-version {version} -o roots.bin")
        assert _audit(shell) == expected


def test_old_firmware_is_a_finding() -> None:
    """Firmware that can not verify is one, by the board's profile or by what the board says."""
    facts = board_files.Facts(
        "1.19.1", "rp2", None, None, None, True, False, "", 0, 0, 0, 0, None, True, False, {}
    )
    assert "too old" in board_files._can_not_verify(load_board("RPI_PICO_W"), facts)
    assert "can not verify" in board_files._can_not_verify(None, facts)
    assert "refused" in board_files._can_not_verify(load_board("ESP8266_GENERIC"), facts)


def test_a_project(shell: Shell) -> None:
    """A small project as people have it: every trouble is told with its reason and its remedy."""
    shell.path("src").mkdir()
    shell.path("src/main.py").write_text(
        "import ussl\nfrom umqtt.robust import MQTTClient\nfrom config import HOST\n"
        "with open('root.pem') as f:\n    ca = f.read()\n"
        "client = MQTTClient('a', HOST, port=8883, ssl=True, ssl_params={'cadata': ca})\n"
    )
    shell.path("src/config.py").write_text(f"HOST = '{LEGACY}'\n")
    shell.path("src/root.pem").write_bytes(armour("CERTIFICATE", AMAZON))
    result = shell.run("audit . --board RPI_PICO_W")
    assert result.status == 1
    for words in (
        "src/main.py:6: unverified-ssl-params: no cert_reqs=CERT_REQUIRED",
        "src/main.py:6: pem-not-readable: root.pem is PEM: not for MicroPython before 1.29 on",
        "src/config.py:1: legacy-endpoint",
        "  why  Whoever answers is accepted",
        "  fix  ",
        "3 findings in 3 files.",
    ):
        assert words in result.out, result.out
    assert ("src/main.py", 6, "pem-not-readable") not in _audit(
        shell, ".", "--board ESP32_GENERIC"
    )
