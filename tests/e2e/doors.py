"""Emulators for the end-to-end tests: each is started once and serves every interpreter.

They run in one child process (`door_process`), which ends with the tests, however these end.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from ats_trust_tools.emulate.wire import Connection
from interpreters import REPOSITORY, SERVER_OPENSSL_CONF


class Door:
    """One emulator, open for as long as the tests run. host, port: where it is."""

    def __init__(self, doors: Doors, options: dict[str, Any]) -> None:
        self._doors = doors
        self._number, self.host, self.port = doors.ask("open", options)
        self._told = 0

    @cached_property
    def bundle(self) -> Path:
        """The bundle with all five of its roots."""
        return Path(self._call("bundle"))

    @cached_property
    def folder(self) -> Path:
        """A folder of its own for files."""
        return Path(self._call("folder"))

    def write_bundle(self, name: str, *roots: str, **options: Any) -> Path:
        """Write a bundle with these roots into its folder; options as for the emulator."""
        path = self.folder / name
        return Path(self._call("write_bundle", path, roots, **options))

    def client_certificate(self, kind: str) -> tuple[Path, Path]:
        """Paths of a device's certificate and key, PEM."""
        certificate, key = self._call("client_certificate", kind)
        return certificate, key

    def device(self, kind: str) -> tuple[bytes, bytes]:
        """The same certificate and key, DER."""
        certificate, key = self._doors.ask("device", self._number, kind)
        return certificate, key

    def write_device(self, name: str, **options: Any) -> Path:
        """Write a device blob for this door into its folder."""
        return Path(self._call("write_device", self.folder / name, **options))

    def root(self, name: str, authority: str = "genuine") -> bytes:
        """One of its roots, the whole certificate in DER; authority: whose, see Pki.root."""
        found = self._doors.ask("root", self._number, name, authority)
        assert isinstance(found, bytes)
        return found

    @cached_property
    def chain(self) -> tuple[bytes, ...]:
        """The chain that it sends (the first, if there are two), DER, leaf first."""
        found: tuple[bytes, ...] = self._doors.ask("chain", self._number)
        return found

    def visits(self) -> list[Connection]:
        """What it saw of the clients since it was last asked; waits until they are gone."""
        connections: list[Connection] = self._call("settle")
        new = connections[self._told :]
        self._told = len(connections)
        return new

    def forget_visits(self, counts: list[int]) -> None:
        """counts: of the connections that each door has seen."""
        self._told = counts[self._number]

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        return self._doors.ask("call", self._number, name, arguments, named)


class Doors:
    """The child process, and the doors that were opened in it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("door_process.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OPENSSL_CONF": str(SERVER_OPENSSL_CONF)},
            cwd=REPOSITORY,
        )
        self._open: dict[tuple[tuple[str, Any], ...], Door] = {}

    def open(self, chain: str = "both", **options: Any) -> Door:
        """The door with these options (see Emulator); the same options give the same door.

        Without `mqtt=True` there is no broker behind it. It speaks TLS 1.2 only, as boards do.
        """
        options = {"chain": chain, "mqtt": False, "tls13": False, **options}
        key = tuple(sorted(options.items()))
        if key not in self._open:
            self._open[key] = Door(self, options)
        return self._open[key]

    def forget_visits(self) -> None:
        """What they saw until now is of another test, and no visit of the next one."""
        counts = self.ask("counts")
        for door in self._open.values():
            door.forget_visits(counts)

    def ask(self, name: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        pickle.dump((name, arguments), self._process.stdin)
        self._process.stdin.flush()
        done, answer = pickle.load(self._process.stdout)
        assert done, answer
        return answer

    def close(self) -> None:
        """End all emulators and the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
