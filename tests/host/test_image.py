"""`ats-trust image`: a file system that MicroPython mounts, with what was promised in it."""

import hashlib
import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat

from ats_trust_tools.boards import load_board
from ats_trust_tools.device_blob import encode_device
from ats_trust_tools.device_file import encrypted, read_device, write_device
from ats_trust_tools.installation import board_files
from interpreters import MicroPython
from made_certificates import device
from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
# As the ports mount it (ports/rp2/modules/_boot.py, ports/esp32/modules/_boot.py).
MOUNT = """\
import os, sys, vfs
class Flash:
    def __init__(self, path):
        self.file = open(path, "r+b")
    def readblocks(self, number, buffer, offset=0):
        self.file.seek(number * 4096 + offset)
        self.file.readinto(buffer)
    def writeblocks(self, number, buffer, offset=0):
        self.file.seek(number * 4096 + offset)
        self.file.write(buffer)
    def ioctl(self, what, argument):
        if what == 6:
            self.writeblocks(argument, b"\\xff" * 4096)
        return {4: int(sys.argv[2]), 5: 4096}.get(what, 0)
flash = Flash(sys.argv[1])
def mount():
    system = vfs.VfsLfs2(flash, **eval(sys.argv[3]))
    vfs.mount(system, "/fs")
    return system
def umount():
    vfs.umount("/fs")
    flash.file.flush()
"""
PROGRAM = """\
import hashlib, json
mount()
found = {}
def walk(folder):
    for name, kind, *_ in os.ilistdir("/fs" + folder):
        path = folder + "/" + name
        if kind == 0x4000:
            walk(path)
        else:
            with open("/fs" + path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).digest().hex()
walk("")
sys.path[:] = ["/fs/lib"]
import ats_trust
device = ats_trust.load_device("/fs/device.bin")
with open("/fs/kept", "w") as file:
    file.write("x" * 9000)
os.remove("/fs/device.bin")
umount()
mount()
with open("/fs/kept") as file:
    kept = len(file.read())
left = os.listdir("/fs")
print(json.dumps([found, ats_trust.__file__, device.host, device.client_id, kept, left]))
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in a folder with a device file."""
    made = device("P-256")
    key = made.key_bytes(PrivateFormat.TraditionalOpenSSL, Encoding.DER)
    blob = encode_device(HOST, 8883, "sensor-1", made.der, key)
    (tmp_path / "device.bin").write_bytes(blob)
    return Shell(tmp_path)


@pytest.mark.parametrize(
    ("board", "options", "blocks", "mounting"),
    [
        ("RPI_PICO_W", "--mpy", 212, {"progsize": 256}),
        ("RPI_PICO2_W", "", 640, {"progsize": 256}),
        ("ESP32_GENERIC", "", 512, {}),
        ("ESP32_GENERIC-D2WD", "--mpy", 144, {}),
    ],
)
def test_micropython_mounts_and_uses_the_image(
    board: str,
    options: str,
    blocks: int,
    mounting: dict[str, int],
    micropython: MicroPython,
    shell: Shell,
) -> None:
    """MicroPython's own LittleFS finds every file whole, imports the library from there, loads
    the device file, writes, and finds that again after another mount."""
    # So small that LittleFS gives it a block of its own on one port and none on the other.
    shell.ok("bundle --roots amazon-root-ca-3 -o own.bin")
    bundle = shell.path("own.bin").read_bytes()
    assert 128 < len(bundle) < 512
    shell.ok(f"image --board {board} --device device.bin --bundle own.bin {options} -o fs.bin")
    image = shell.path("fs.bin")
    assert image.stat().st_size == blocks * 4096
    assert image.stat().st_mode & 0o777 == 0o600
    # The version in the superblock (littlefs SPEC.md): 2.0, which LittleFS 2.5 mounts as well.
    assert image.read_bytes()[8:24] == b"littlefs\x2f\xe0\x00\x10\x00\x00\x02\x00"
    blob = shell.path("device.bin").read_bytes()
    files = board_files(load_board(board), compiled="--mpy" in options, bundle=bundle, device=blob)

    done = micropython.run_code(MOUNT + PROGRAM, image, str(blocks), repr(mounting))

    assert done.returncode == 0, done.stderr
    found, where, host, client_id, kept, left = json.loads(done.stdout)
    assert found == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    assert where.startswith("/fs/lib/ats_trust/__init__.")
    assert (host, client_id, kept) == (HOST, "sensor-1", 9000)
    assert sorted(left) == ["kept", "lib"]


def test_the_image_is_described(shell: Shell) -> None:
    """--dry-run lists the content and writes nothing; the same input gives the same bytes; how to
    write it is said where the place in flash was read in a source."""
    dry = shell.ok("image --board RPI_PICO_W --device device.bin --dry-run")
    assert "/lib/ats_trust/roots_board.bin" in dry.out
    assert "/device.bin" in dry.out
    assert shell.files() == ["device.bin"]
    pico = shell.ok("image --board rpi_pico_w --device device.bin -o 'a b.bin' --json").json
    again = shell.ok("image --board RPI_PICO_W --device device.bin -o fs.bin")
    esp32 = shell.ok("image --board ESP32_GENERIC --size 6291456 -o big.bin --json").json
    unknown = shell.ok("image --board W5500_EVB_PICO -o w.bin")

    assert pico["command"] == "picotool load -t bin -o 0x1012c000 'a b.bin'"
    assert pico["sha256"] == hashlib.sha256(shell.path("fs.bin").read_bytes()).hexdigest()
    assert "it holds a private key" in again.out
    assert "picotool load -t bin -o 0x1012c000 fs.bin" in again.out
    assert (esp32["command"], esp32["blocks"]) == ("esptool write_flash 0x200000 big.bin", 1536)
    assert "was not read anywhere" in unknown.out
    assert "private key" not in unknown.out


def test_an_encrypted_device_file_is_plain_on_the_board(shell: Shell) -> None:
    """With its passphrase it becomes what a board reads; without the right one, nothing."""
    shell.path("pass").write_text("a long passphrase\n")
    shell.path("wrong").write_text("another\n")
    for name in ("pass", "wrong"):
        shell.path(name).chmod(0o600)
    plain = read_device(shell.path("device.bin"))
    write_device(shell.path("locked.bin"), encrypted(plain, b"a long passphrase"))
    line = "image --board RPI_PICO_W --device {} -o {} {}"
    shell.ok(line.format("device.bin", "plain.img", ""))
    shell.ok(line.format("locked.bin", "locked.img", "--passphrase-file pass"))

    assert shell.path("locked.img").read_bytes() == shell.path("plain.img").read_bytes()
    assert "passphrase" in shell.refused(
        line.format("locked.bin", "none.img", "--passphrase-file wrong")
    )
    assert "none.img" not in shell.files()


REFUSED = {
    "ESP8266_GENERIC": ("--board ESP8266_GENERIC -o x", 1, "ESP8266_GENERIC is refused"),
    "FAT": ("--board ARDUINO_NANO_ESP32 -o x", 1, "of the kind FAT; images of it (and UF2 files)"),
    "no board": ("--board NOBODY -o x", 2, "no profile for a board called"),
    "nowhere": ("--board RPI_PICO_W", 2, "say where to write it"),
    "half a block": ("--board RPI_PICO_W --size 5000 -o x", 2, "no number of whole blocks"),
    "size 0": ("--board RPI_PICO_W --size 0 -o x", 2, "no number of whole blocks"),
    "endless": ("--board RPI_PICO_W --size 4096000000 -o x", 2, "no number of whole blocks"),
    "too small": ("--board RPI_PICO_W --size 40960 -o x", 1, "do not fit into a file system of"),
    "no device file": ("--board RPI_PICO_W --device junk -o x", 1, "no usable device file"),
    "absent": ("--board RPI_PICO_W --device none -o x", 1, "can not read none"),
    "itself": ("--board RPI_PICO_W --device device.bin -o device.bin", 2, "of the input files"),
    "no bundle": ("--board RPI_PICO_W --bundle junk -o x", 1, "bundle_damaged"),
    "old bundle": ("--board RPI_PICO_W --bundle old.bin -o x", 1, "it would do nothing"),
    "folder": ("--board RPI_PICO_W -o .", 1, "is a folder"),
    "full disk": ("--board RPI_PICO_W -o /dev/full", 1, "not a file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_work_is_refused(case: str, shell: Shell) -> None:
    """One sentence, and no file."""
    line, status, sentence = REFUSED[case]
    shell.path("junk").write_bytes(b"\x30\x03junk")
    shell.ok("bundle --board RPI_PICO_W --built-at 2026-01-01 --bundle-version 1 -o old.bin")
    before = shell.files()

    assert sentence in shell.refused(f"image {line}", status)
    assert shell.files() == before


def test_littlefs_is_an_extra(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without littlefs-python the command says how to get it."""
    monkeypatch.setitem(sys.modules, "littlefs", None)

    assert "pip install 'ats-trust[image]'" in shell.refused("image --board RPI_PICO_W -o x")
