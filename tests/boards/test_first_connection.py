"""From the two files that AWS gives for a device to a board that publishes, as a user does it.

Every step is a command that a user types, in a process of its own; the board is the emulated
RP2040 with nothing on its flash, AWS IoT Core is `ats-trust emulate`. Put there beforehand is only
what a real board has of itself: a network, and an MQTT client.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulated_board import EmulatedBoard

from interpreters import REPOSITORY

_NETWORK = Path(__file__).resolve().parent / "on_board" / "socket.py"
_CLIENT = REPOSITORY / "tests" / "e2e" / "device" / "umqtt_calls" / "umqtt" / "simple.py"
# The first program of the README, with one message; the clock is set by mpremote.
_PROGRAM = """\
import ats_trust
from umqtt.simple import MQTTClient

dev = ats_trust.load_device("device.bin")
client = MQTTClient(dev.client_id, dev.host, port=dev.port, ssl=dev.context(), keepalive=60)
client.connect()
client.publish("sensor-1/hello", "good morning")
client.disconnect()
print("published")
"""


class _Terminal:
    """A terminal in `folder`, with what `pip install ats-trust` puts on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = [REPOSITORY / "lib", REPOSITORY / "host_tools"]
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}

    def start(self, line: str, **options: Any) -> subprocess.Popen[str]:
        """Start what is typed: `ats-trust ...` or `mpremote ...`."""
        program, *words = shlex.split(line)
        module = {"ats-trust": "ats_trust_tools", "mpremote": "mpremote"}[program]
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, line: str, status: int = 0) -> str:
        """What it prints, when it ends with this exit status."""
        with self.start(line, stderr=subprocess.STDOUT) as process:
            try:
                printed, _ = process.communicate(timeout=150)
            finally:
                process.kill()
        assert process.returncode == status, printed
        return printed


@pytest.fixture
def terminal(tmp_path: Path) -> _Terminal:
    """A terminal in an empty folder."""
    (tmp_path / "here").mkdir()
    return _Terminal(tmp_path / "here")


@pytest.fixture
def endpoint(terminal: _Terminal) -> Iterator[Iterator[dict[str, Any]]]:
    """AWS IoT Core, with files in door/: what it tells, its start first, then each connection."""
    with terminal.start("ats-trust emulate --mutual-tls -o door --json") as process:
        assert process.stdout is not None
        try:
            yield map(json.loads, process.stdout)
        finally:
            process.kill()


def test_two_files_to_a_message(
    empty_board: EmulatedBoard, terminal: _Terminal, endpoint: Iterator[dict[str, Any]]
) -> None:
    """Two PEM files, three commands: the board authenticates the endpoint and publishes."""
    empty_board.execute("import os\nfor name in ('/lib', '/lib/umqtt'): os.mkdir(name)")
    empty_board.copy(_NETWORK, to="/lib/")
    empty_board.copy(_CLIENT, to="/lib/umqtt/")
    started = next(endpoint)
    (terminal.folder / "main.py").write_text(_PROGRAM)
    key = (terminal.folder / "door" / "emulated-rsa-private.pem.key").read_text()

    created = terminal.run(
        f"ats-trust device create --endpoint {started['endpoint']} --port {started['port']} "
        "--client-id sensor-1 --cert door/emulated-rsa-certificate.pem.crt "
        "--key door/emulated-rsa-private.pem.key -o device.bin"
    )
    flashed = terminal.run(
        f"ats-trust flash --port {empty_board.port} --board RPI_PICO_W --mpy "
        "--bundle door/roots.bin --device device.bin"
    )
    # The library as it came would refuse this: the clock of a board starts in the past.
    told = terminal.run(f"mpremote connect {empty_board.port} rtc --set resume run main.py")

    assert told.splitlines()[-1] == "published", told
    seen = next(endpoint)
    assert seen["handshake_complete"], seen
    assert seen["server_name"] == started["endpoint"]
    assert seen["client_certificate"]
    assert seen["application_bytes"] > len("good morning")
    assert not any(line in created + flashed + told for line in key.splitlines()[1:-1])
