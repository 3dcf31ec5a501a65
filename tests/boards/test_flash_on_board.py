"""`ats-trust flash` on the real rp2 port, over its REPL."""

from pathlib import Path

from emulated_board import EmulatedBoard

from made_certificates import make_device_file
from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
_FILL = """
with open("/big", "wb") as file:
    for _ in range(180):
        file.write(bytes(4096))
"""


def test_flash(empty_board: EmulatedBoard, tmp_path: Path) -> None:
    """From two PEM files to a board that has all it needs and has shown that it fails closed."""
    shell = Shell(tmp_path)
    make_device_file(shell, HOST)
    flash = f"flash --port {empty_board.port} --board RPI_PICO_W --mpy"
    empty_board.execute(_FILL)
    assert "bytes free and this takes" in shell.refused(flash)
    assert "lib" not in empty_board.execute("import os; print(os.listdir('/'))")
    empty_board.execute("import os; os.remove('/big')")

    found = shell.ok(flash + " --device device.bin --json").json

    assert found["release"] == empty_board.firmware.release
    assert found["device"] == {"host": HOST, "port": 8883, "client_id": "sensor-1"}
    assert found["bundle"]["path"] == "/lib/ats_trust/roots_board.bin"
    assert len(found["copied"]) == len(found["files"])
    assert found["selftest"]["passed"], found["selftest"]["lines"]
    planned = shell.ok(flash + " --device device.bin --dry-run --json").json
    assert (planned["copied"], planned["removed"]) == ([], [])
