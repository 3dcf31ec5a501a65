"""An image from `ats-trust image` in the flash of the emulated RP2040, which boots from it."""

from pathlib import Path

import firmware
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from emulated_board import EmulatedBoard

from ats_trust_tools.device_blob import encode_device
from conftest import missing
from fetched import FetchError
from made_certificates import device
from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
PROGRAM = """
import ats_trust, os
device = ats_trust.load_device("device.bin")
print(ats_trust.__file__, device.host, os.statvfs("/")[2])
with open("/kept", "w") as file:
    file.write("x" * 9000)
"""


def test_a_board_boots_from_the_image(tmp_path: Path) -> None:
    """Put where the command says, the image is the file system that the real rp2 port mounts at
    boot: the library and the device file load from it, and what is written lasts over a reset."""
    made = device("P-256")
    key = made.key_bytes(PrivateFormat.TraditionalOpenSSL, Encoding.DER)
    blob = encode_device(HOST, 8883, "sensor-1", made.der, key)
    (tmp_path / "device.bin").write_bytes(blob)
    # The emulated board has the flash and the file system of a Pico W.
    shell = Shell(tmp_path)
    said = shell.ok("image --board RPI_PICO_W --mpy --device device.bin -o fs.bin --json").json
    flash = b"\xff" * said["flash_offset"] + (tmp_path / "fs.bin").read_bytes()
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "flash.bin").write_bytes(flash)
    try:
        image = firmware.newest()
    except FetchError as error:
        missing(str(error))
        raise

    with EmulatedBoard(tmp_path / "board", image=image) as board:
        printed = board.execute(PROGRAM).split()
        board.hard_reset()
        kept = board.execute("import os; print(len(open('/kept').read()), os.listdir('/'))")

    assert printed == ["/lib/ats_trust/__init__.mpy", HOST, str(said["blocks"])]
    assert kept == "9000 ['device.bin', 'kept', 'lib']\n"
