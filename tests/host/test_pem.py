"""PEM with a byte that no base64 has: every command that reads PEM says so in one sentence."""

from pathlib import Path

import pytest

from made_certificates import device
from shell import Shell

CREATE = (
    "device create --endpoint x-ats.iot.eu-central-1.amazonaws.com --client-id sensor-1 "
    "--cert cert.pem --key key.pem -o device.bin"
)
COMMANDS = {
    "inspect": ("inspect cert.pem", "cert.pem"),
    "device create --cert": (CREATE, "cert.pem"),
    "device create --key": (CREATE, "key.pem"),
    "bundle --ca": ("bundle --roots none --ca cert.pem -o roots.bin", "cert.pem"),
}


@pytest.mark.parametrize("byte", [b"\xe9", b"\x00", b"!"])
@pytest.mark.parametrize("case", sorted(COMMANDS))
def test_a_byte_that_is_no_base64_is_refused(case: str, byte: bytes, shell: Shell) -> None:
    """A damaged block is called damaged, whether the byte is ASCII or not; nothing is written."""
    line, damaged = COMMANDS[case]
    made = device("P-256")
    shell.path("cert.pem").write_bytes(made.pem)
    shell.path("key.pem").write_bytes(made.key_bytes())
    content = bytearray(shell.path(damaged).read_bytes())
    content[40:41] = byte
    shell.path(damaged).write_bytes(content)

    assert "block is damaged: the base64 does not decode" in shell.refused(line)
    assert shell.files() == ["cert.pem", "key.pem"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)
