"""A handshake that is given up is a fault of the network: it says nothing of an update."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import data_roots as roots
from _made import trimmed
from _signed import signed_bundle

from interpreters import MicroPython

_HOST = "a0example-ats.iot.eu-central-1.amazonaws.com"
_PROGRAM = """
import asyncio, sys
import ats_trust
from ats_trust import update
sys.path.insert(0, sys.argv[1])
with open(sys.argv[1] + "/update.bin", "rb") as file:
    update.install(file)
async def give_up():
    try:
        await asyncio.wait_for(
            ats_trust.open_connection({host!r}, {port}, address="127.0.0.1"), 0.3
        )
    except asyncio.TimeoutError:
        return "late"
print(asyncio.run(give_up()), update.status()["failures"], update.status()["pending"])
"""


def _bundle(version: int) -> bytes:
    now = datetime.now(UTC)
    return signed_bundle(
        (0x12, trimmed(roots.EC_ROOT)),
        version=version,
        built=f"{now - timedelta(hours=1):%Y%m%d%H%M%S}",
        expires=f"{now + timedelta(days=30):%Y%m%d%H%M%S}",
        endpoints=(_HOST,),
    )


def test_cancelled(micropython: MicroPython, tmp_path: Path) -> None:
    """A server that says nothing, and a program that waits no longer: nothing is counted."""
    library = tmp_path / "ats_trust"
    library.mkdir()
    (library / "roots_field.bin").write_bytes(_bundle(1))
    (tmp_path / "update.bin").write_bytes(_bundle(8))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = micropython.run_code(_PROGRAM.format(host=_HOST, port=port), tmp_path)
    assert done.stdout.split() == ["late", "0", "8"], done.stdout + done.stderr
