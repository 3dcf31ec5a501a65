"""New roots by AWS IoT Jobs, from end to end: a board, a broker, and servers that move."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ats_trust_tools.bundle import Anchor
from ats_trust_tools.signed_bundle import Terms, sign_bundle
from ats_trust_tools.signing_key import new_signing_key, point_of
from ats_trust_tools.trim import trim
from e2e import device_run
from e2e.device_run import DEVICE, LOOPBACK
from e2e.doors import Door, Doors
from interpreters import REPOSITORY, MicroPython
from jobs_service import JobsService, Report

# Who answers under the endpoint's name after a move: for a board that knows the old root alone, an
# impostor. One has another root's name, one the old root's name and another key.
_MOVED = {"unknown": "unknown-ca", "same-names": "same-name-other-key"}


class Board:
    """A board in the field, in a folder of its own; in a `with` block it runs."""

    def __init__(self, micropython: MicroPython, folder: Path, door: Door, kind: str, qos: int):
        self.thing = f"board-{secrets.token_hex(4)}"
        self._micropython = micropython
        self._door = door
        self._kind = kind
        self._folder = folder
        self._qos = qos
        self._process: subprocess.Popen[bytes] | None = None
        self._library = folder / "ats_trust"
        shutil.copytree(REPOSITORY / "lib" / "ats_trust", self._library)
        device = door.write_device(f"{self.thing}.bin", client_id=self.thing, kind=kind)
        shutil.copy(device, folder / "device.bin")
        self.leads_to(door)

    def leads_to(self, door: Door) -> None:
        """From its next connection on, the endpoint's name leads to this door."""
        found = {"host": door.host, "port": door.port}
        (self._folder / "door.new").write_text(json.dumps(found))
        (self._folder / "door.new").replace(self._folder / "door.json")

    def by_cable(self, bundle: bytes) -> None:
        (self._library / "roots_field.bin").write_bytes(bundle)

    def status(self) -> dict[str, Any]:
        """What ats_trust.update.status() returns there."""
        done = self._micropython.run_code(
            "import json, ats_trust; print(json.dumps(ats_trust.update.status()))",
            path=self._path,
            cwd=self._folder,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @property
    def output(self) -> str:
        return (self._folder / "output").read_text()

    def run_job(self, program: str, client_folder: Path, client: str) -> device_run.Report:
        """The report of another program, with an MQTT client from elsewhere."""
        certificate, key = self._door.client_certificate(self._kind)
        job = {
            "host": self._door.host,
            "port": self._door.port,
            "options": {"cert": certificate, "key": key},
            "client": client.replace(".", "_"),
            "thing": self.thing,
        }
        path = [self._folder, DEVICE / "board", client_folder]
        return device_run.run_job(self._micropython, program, job, path=path)

    def wait_for_output(self, text: str, timeout: float = 30) -> None:
        """Wait until the program has said this."""
        deadline = time.monotonic() + timeout
        while text not in self.output:
            assert time.monotonic() < deadline, f"no {text!r} in {self.output!r}"
            time.sleep(0.02)

    @property
    def _path(self) -> list[Path]:
        return [DEVICE / "later", LOOPBACK, self._folder, DEVICE / "umqtt_calls", DEVICE]

    def __enter__(self) -> Self:
        program = DEVICE / "rotating.py"
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._micropython.command(program, "door.json", str(self._qos)),
                env=self._micropython.environment(self._path),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *exception: object) -> None:
        """The power is cut."""
        assert self._process is not None
        ended = self._process.poll()
        self._process.kill()
        self._process.wait()
        assert ended is None, self.output


def bundle_of(
    *anchors: tuple[str, bytes], version: int, host: str, key: str = "online", other: str = ""
) -> bytes:
    """A bundle as `ats-trust sign` makes it; anchors: kind of the leaves and root certificate.

    key, other: the two keys that it names, the first of which signs it; see `signing_key`.
    """
    now = datetime.now(UTC)
    pair = signing_key(key), signing_key(other or "offline")
    found = [Anchor(root, frozenset({kind}), frozenset({"ats"})) for kind, root in anchors]
    first, second = (point_of(one.public_key()) for one in pair)
    return sign_bundle(
        [(each.use, trim(each.certificate)) for each in found],
        version=version,
        built_at=now - timedelta(hours=1),
        terms=Terms(now + timedelta(days=30), False, (first, second), (host,)),
        key=pair[0],
    )


@cache
def signing_key(name: str) -> ec.EllipticCurvePrivateKey:
    """One of the owner's keys, made anew in each run of the tests."""
    return new_signing_key()


def document_of(bundle: bytes, version: int) -> dict[str, Any]:
    """The job that brings it."""
    return {
        "operation": "ats_trust.rotate",
        "version": version,
        "bundle": base64.b64encode(bundle).decode(),
    }


@pytest.fixture
def board(
    doors: Doors, micropython: MicroPython, tmp_path: Path
) -> Callable[..., tuple[Board, Door]]:
    """A function (kind of chain, QoS) that makes a board which trusts the root of its server."""

    def made(kind: str, qos: int = 0) -> tuple[Board, Door]:
        door = doors.open(kind, mqtt=True, mutual_tls=True)
        found = Board(micropython, tmp_path, door, kind, qos)
        found.by_cable(bundle_of((kind, door.root(kind)), version=1, host=door.host))
        return found, door

    return made


def attach(service: JobsService, door: Door, kind: str, authority: str = "genuine") -> None:
    root = door.root(kind, authority)
    service.attach(door.host, door.port, root, door.client_certificate(kind))


@pytest.fixture
def service() -> Iterator[JobsService]:
    with JobsService() as found:
        yield found


@pytest.mark.parametrize(("kind", "authority"), [("rsa", "unknown"), ("ecdsa", "same-names")])
def test_the_server_moves_to_a_new_root(
    doors: Doors,
    service: JobsService,
    board: Callable[..., tuple[Board, Door]],
    kind: str,
    authority: str,
) -> None:
    """A board gets the new root beside the old one, the server moves, the board follows, and the
    old root goes, with the online key: the offline key replaces it. Each of the jobs is proved by
    a connection before it has succeeded."""
    device, old = board(kind)
    new = doors.open(kind, mqtt=True, mutual_tls=True, impostor=_MOVED[authority])
    attach(service, old, kind)
    attach(service, new, kind, authority)
    roots = (kind, old.root(kind)), (kind, new.root(kind, authority))
    with device:
        service.wait_for_start(device.thing, old.port)
        both = bundle_of(*roots, version=2, host=old.host)
        service.create(device.thing, "add-the-new", document_of(both, 2))
        done = service.wait_for_status(device.thing, "add-the-new", "SUCCEEDED")
        assert done.details == {"version": "2"}
    assert service.reports(device.thing) == [
        Report("add-the-new", "IN_PROGRESS", {"version": "2", "waiting": old.host}),
        done,
    ]

    device.leads_to(new)
    with device:
        service.wait_for_start(device.thing, new.port)
        alone = bundle_of(roots[1], version=3, host=old.host, key="offline", other="next")
        service.create(device.thing, "drop-the-old", document_of(alone, 3))
        service.wait_for_status(device.thing, "drop-the-old", "SUCCEEDED")
        dropped = bundle_of(roots[0], version=4, host=old.host)
        service.create(device.thing, "by-the-dropped-key", document_of(dropped, 4))
        failed = service.wait_for_status(device.thing, "by-the-dropped-key", "FAILED")
        assert failed.details["code"] == "update_unknown_signer"
    found = device.status()
    assert (found["version"], found["pending"], found["last"]) == (3, None, "confirmed")
    assert service.refused(device.thing) == []
    assert device.output == ""


@pytest.mark.parametrize(("kind", "authority"), [("rsa", "unknown"), ("ecdsa", "same-names")])
def test_without_a_rotation_the_board_stays_away(
    doors: Doors, board: Callable[..., tuple[Board, Door]], kind: str, authority: str
) -> None:
    """The control: who has not got the new root refuses the server that moved to it."""
    device, _ = board(kind)
    new = doors.open(kind, mqtt=True, mutual_tls=True, impostor=_MOVED[authority])
    new.visits()
    device.leads_to(new)
    with device:
        device.wait_for_output("PeerRejected")
    assert all(seen.application_bytes == 0 for seen in new.visits())


def test_a_wrong_root_is_gone_back_from(
    service: JobsService, board: Callable[..., tuple[Board, Door]]
) -> None:
    """A signed bundle whose root is not the server's: the board tries for an hour, goes back by
    itself, and reports why."""
    device, door = board("rsa")
    attach(service, door, "rsa")
    wrong = bundle_of(("rsa", door.root("rsa", "unknown")), version=2, host=door.host)
    with device:
        service.wait_for_start(device.thing, door.port)
        service.create(device.thing, "wrong", document_of(wrong, 2))
        failed = service.wait_for_status(device.thing, "wrong", "FAILED", timeout=120)
    assert failed.details == {
        "version": "2",
        "code": "update_reverted",
        "reason": "unknown_issuer",
    }
    assert [report.status for report in service.reports(device.thing)] == [
        "IN_PROGRESS",
        "FAILED",
    ]
    found = device.status()
    assert (found["version"], found["pending"], found["last"]) == (1, None, "reverted")
    assert "unknown_issuer" in device.output


def test_everything_twice_and_a_reset(board: Callable[..., tuple[Board, Door]]) -> None:
    """With QoS 1 and every message twice, and the power cut between installing and proving, the
    bundle is installed once and the job ends once."""
    device, door = board("ecdsa", qos=1)
    with JobsService(twice=True) as service:
        attach(service, door, "ecdsa")
        bundle = bundle_of(("ecdsa", door.root("ecdsa")), version=2, host=door.host)
        service.create(device.thing, "again", document_of(bundle, 2))
        with device:
            service.wait_for_status(device.thing, "again", "IN_PROGRESS")
        with device:
            service.wait_for_status(device.thing, "again", "SUCCEEDED")
            time.sleep(0.5)  # For what a board would say too much.
        statuses = [report.status for report in service.reports(device.thing)]
        assert statuses.count("SUCCEEDED") == 1 and statuses[-1] == "SUCCEEDED"
        assert set(service.refused(device.thing)) <= {"VersionMismatch", "InvalidStateTransition"}
        assert device.status()["version"] == 2


@pytest.mark.parametrize("client", ["umqtt.simple2", "aiomqttc"])
def test_clients_from_pypi(
    service: JobsService,
    board: Callable[..., tuple[Board, Door]],
    mqtt_client: Callable[[str], Path],
    client: str,
) -> None:
    """It is the same with a client that acknowledges later, and with one of asyncio."""
    device, door = board("rsa")
    attach(service, door, "rsa")
    bundle = bundle_of(("rsa", door.root("rsa")), version=2, host=door.host)
    service.create(device.thing, "elsewhere", document_of(bundle, 2))
    report = device.run_job("rotating_elsewhere", mqtt_client(client), client=client)
    assert report == {"class": "accepted", "statuses": ["IN_PROGRESS", "SUCCEEDED"]}
    service.wait_for_status(device.thing, "elsewhere", "SUCCEEDED")
    assert device.status()["version"] == 2


def test_a_job_that_is_not_signed_by_us(
    service: JobsService, board: Callable[..., tuple[Board, Door]]
) -> None:
    """Whoever may make jobs, but has no key, changes nothing; a job of another kind reaches the
    program."""
    device, door = board("rsa")
    attach(service, door, "rsa")
    bundle = bundle_of(("rsa", door.root("rsa", "unknown")), version=2, host=door.host)
    forged = bundle[:-1] + bytes([bundle[-1] ^ 1])
    with device:
        service.create(device.thing, "forged", document_of(forged, 2))
        failed = service.wait_for_status(device.thing, "forged", "FAILED")
        service.create(device.thing, "other", {"operation": "reboot"})
        device.wait_for_output("reboot")
    assert failed.details["code"] == "update_bad_signature"
    assert "for the program:" in device.output
    assert device.status()["version"] == 1


def test_the_documentation_has_this_program() -> None:
    """The program that runs here is the one that a user reads, word for word."""
    program = (DEVICE / "rotation.py").read_text().split("documentation\n", 1)[1].strip()
    pages = (REPOSITORY / "docs").glob("rotation*.md")
    assert any(f"```python\n{program}\n```" in page.read_text() for page in pages)
