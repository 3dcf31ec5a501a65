"""`ats-trust flash` on the real rp2 port, over its REPL."""

from pathlib import Path

from emulated_board import EmulatedBoard

from ats_trust_tools.installation import FIELD_BUNDLE
from made_certificates import make_device_file
from shell import Shell
from signing import HOST, make_keys, make_signed

_FILL = """
with open("/big", "wb") as file:
    for _ in range(180):
        file.write(bytes(4096))
"""


def test_flash(empty_board: EmulatedBoard, tmp_path: Path) -> None:
    """From two PEM files to a board that has all it needs and has shown that it fails closed."""
    shell = Shell(tmp_path)
    make_device_file(shell, HOST)
    make_keys(shell)
    for version in (41, 42):
        shell.ok(f"bundle --board RPI_PICO_W --bundle-version {version} -o roots.bin")
        make_signed(shell, f"--bundle-version {version}", name=f"signed{version}.bin")
    flash = f"flash --port {empty_board.port} --board RPI_PICO_W --mpy"
    empty_board.execute(_FILL)
    assert "bytes free and this takes" in shell.refused(flash)
    assert "lib" not in empty_board.execute("import os; print(os.listdir('/'))")
    empty_board.execute("import os; os.remove('/big')")

    roots = "--bundle signed41.bin --update signed42.bin"
    found = shell.ok(f"{flash} --device device.bin {roots} --json").json

    assert found["release"] == empty_board.firmware.release
    assert found["device"] == {"host": HOST, "port": 8883, "client_id": "sensor-1"}
    # The first signed bundle by cable, and then an update, which connections are to prove.
    assert (found["bundle"]["path"], found["bundle"]["version"]) == (FIELD_BUNDLE, 41)
    assert found["update"] == {"version": 42, "waiting": [HOST], "refused": ""}
    assert len(found["copied"]) == len(found["files"])
    assert found["selftest"]["passed"], found["selftest"]["lines"]
    planned = shell.ok(flash + " --device device.bin --dry-run --json").json
    assert (planned["copied"], planned["removed"]) == ([], [])
