"""The broker behind the emulated front door, and the `emulate` command as a user runs it."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import interpreters
from ats_trust_tools.emulate import IMPOSTORS, Emulator, broker

REPOSITORY = interpreters.REPOSITORY


def packet(kind: int, *fields: bytes) -> bytes:
    """An MQTT 3.1.1 control packet of at most 127 bytes."""
    body = b"".join(fields)
    return bytes((kind, len(body))) + body


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


CONNECT = packet(0x10, text(b"MQTT"), b"\x04\x02\x00\x3c", text(b"probe"))
DISCONNECT = packet(0xE0)


def publish_and_receive(emulator: Emulator, topic: bytes = b"a/b") -> None:
    """Subscribe to a topic, publish there, and get it back; ConnectionError if it hangs up."""
    message = packet(0x30, text(topic), b"hello")
    context = ssl.create_default_context(cafile=emulator.roots_pem)
    with (
        socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=emulator.host) as client,
    ):
        client.sendall(CONNECT)
        assert client.recv(4) == b"\x20\x02\x00\x00"
        client.sendall(packet(0x82, b"\x00\x01", text(topic), b"\x00"))
        assert client.recv(5) == b"\x90\x03\x00\x01\x00"
        client.sendall(message)
        received = client.recv(len(message))
        if not received:
            raise ConnectionError
        assert received == message
        client.sendall(DISCONNECT)


def test_mqtt_client_publishes_and_receives():
    """A client subscribes and gets its own message back from amqtt, twice in one emulator."""
    with Emulator() as emulator:
        publish_and_receive(emulator)
        publish_and_receive(emulator)
        emulator.settle()


def test_topics_of_aws():
    """A client may publish below $aws/, where AWS's services listen, and nowhere else with a $."""
    with Emulator() as emulator:
        publish_and_receive(emulator, b"$aws/things/probe/jobs/start-next")
        for topic in (b"$SYS/broker/load", b"$awsome/thing"):
            with pytest.raises(ConnectionError):
                publish_and_receive(emulator, topic)


def test_no_broker_is_said_at_once(monkeypatch):
    """Without any broker the emulator does not start, and says what to install."""
    monkeypatch.setattr(broker.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(broker.ToolError, match="pip install"):
        Emulator()


def test_policy_denied_hears_connect_and_hangs_up():
    """The server that no policy allows the client at: authenticated, then closed in silence."""
    with Emulator(impostor="policy-denied") as emulator:
        context = ssl.create_default_context(cafile=emulator.roots_pem)
        with (
            socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=emulator.host) as client,
        ):
            client.sendall(CONNECT)
            assert client.recv(4) == b""
        assert emulator.settle()[0].after_handshake == len(CONNECT)


@contextmanager
def emulate(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """`ats-trust emulate` as a process of its own; ended at the end, whatever happened."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ats_trust_tools", "emulate", *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(REPOSITORY / one) for one in ("lib", "host_tools")),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_command_serves_until_interrupted(tmp_path):
    """Its JSON says where it listens; connections follow; Ctrl-C ends it with status 0."""
    with emulate("--json", "--mutual-tls", "-o", tmp_path / "door") as process:
        started = json.loads(process.stdout.readline())
        context = ssl.create_default_context(cafile=started["roots_pem"])
        context.load_cert_chain(started["certificate"], started["key"])
        where = (started["address"], started["port"])
        with (
            socket.create_connection(where, timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=started["endpoint"]) as client,
        ):
            client.sendall(CONNECT)
            assert client.recv(4) == b"\x20\x02\x00\x00"
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=20)
    assert (process.returncode, complaints) == (0, "")
    assert told["handshake_complete"] and told["application_bytes"] == len(CONNECT)
    assert (tmp_path / "door" / "device.bin").stat().st_mode & 0o077 == 0


def test_command_removes_its_files_unless_told_to_keep_them():
    """Without -o everything is in a folder that is gone at the end, also after SIGTERM."""
    with emulate("--json", "--impostor", "expired") as process:
        started = json.loads(process.stdout.readline())
        assert Path(started["bundle"]).exists()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert not Path(started["bundle"]).parent.exists()


def test_command_says_what_to_do_next(tmp_path):
    """For people it prints the files and ready commands, of which OpenSSL's works as printed."""
    with emulate("-o", tmp_path) as process:
        lines = iter(process.stdout.readline, "")
        shown = next(line for line in lines if "openssl s_client" in line)
        done = subprocess.run(
            [*shown.split(), "-verify_return_error"], input="", capture_output=True, text=True
        )
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    assert "Verification: OK" in done.stdout
    assert "1: connected with" in rest


def test_list_explains_every_impostor():
    """`--list` names each with its chains and its explanation, and starts nothing."""
    with emulate("--list") as process:
        shown, _ = process.communicate(timeout=20)
    for one in IMPOSTORS.values():
        assert one.name in shown and one.summary in shown
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--impostor", "nobody"], 2, "emulate --list"),
        (["--impostor", "rsa-1024", "--chain", "ecdsa"], 2, "rsa only"),
        (["--port", "65536"], 2, "65535"),
        (["--endpoint", "mqtt://x"], 2, "bad_endpoint"),
        (["--chain", "dsa"], 2, "--chain"),
    ],
)
def test_wrong_calls_end_in_one_sentence(arguments, status, said):
    """Status 2 for a wrong call; one line, no traceback."""
    with emulate(*arguments) as process:
        shown, complaint = process.communicate(timeout=20)
    assert process.returncode == status
    assert said in complaint and len(complaint.splitlines()) == 1
    assert shown == ""


def test_bundle_of_somebody_else_is_not_replaced(tmp_path):
    """A folder whose roots.bin is not the emulator's is refused and left as it is."""
    (tmp_path / "roots.bin").write_bytes(b"Amazon's roots")
    with emulate("-o", tmp_path) as process:
        _, complaint = process.communicate(timeout=20)
    assert process.returncode == 1 and "name another folder" in complaint
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"Amazon's roots"]
