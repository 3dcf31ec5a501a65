"""An interrupt while a connection is recorded: what is left of the connection carries nothing."""

import shutil
from pathlib import Path

import pytest

from e2e.doors import Doors
from e2e.test_rotation import bundle_of
from interpreters import REPOSITORY, MicroPython

# As MQTT clients do: they hold the socket until they get the stream, and go on after an interrupt.
_PROGRAM = """
import socket, sys
import ats_trust
from ats_trust import flight, slots, update
with open(sys.argv[1], "rb") as file:
    update.install(file)
context = ats_trust.context({host!r})
writes = 0
def interrupted(path, mode):
    global writes
    writes += "w" in mode
    if "w" in mode and writes == {at}:
        raise KeyboardInterrupt
    return open(path, mode)
slots.open = interrupted
if not {at}:
    def release(self):
        raise KeyboardInterrupt
    flight.Flight.release = release
raw = socket.socket()
raw.connect(socket.getaddrinfo("127.0.0.1", {port})[0][-1])
try:
    context.wrap_socket(raw, server_hostname={host!r})
except KeyboardInterrupt:
    print("interrupted")
try:
    print(raw.write(b"in clear"))
except OSError as error:
    print("closed", error.args[0])
"""


@pytest.mark.parametrize("at", [1, 2, 0], ids=["before the handshake", "after it", "at its end"])
def test_interrupted(at: int, doors: Doors, micropython: MicroPython, tmp_path: Path) -> None:
    """When an attempt is recorded, its success, or when all is done: the socket is closed."""
    door = doors.open("rsa")
    library = tmp_path / "ats_trust"
    shutil.copytree(REPOSITORY / "lib" / "ats_trust", library)
    first, second = (
        bundle_of(("rsa", door.root("rsa")), version=version, host=door.host) for version in (1, 2)
    )
    (library / "roots_field.bin").write_bytes(first)
    (tmp_path / "update.bin").write_bytes(second)
    program = _PROGRAM.format(host=door.host, port=door.port, at=at)

    done = micropython.run_code(program, tmp_path / "update.bin", path=[tmp_path])

    assert done.stdout.split() == ["interrupted", "closed", "9"], done.stdout + done.stderr
