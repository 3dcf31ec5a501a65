"""AWS IoT Core's front door on loopback: the server that tests, the demo and users talk to.

Rules it keeps: it listens on 127.0.0.1 only; it counts every application byte that reaches it,
in clear or through TLS; leaving the `with` block ends every thread, socket and file of its own
(files in a folder that the caller named stay).
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from ats_trust import endpoint
from ats_trust_tools.bundle import Anchor, encode_bundle
from ats_trust_tools.device_blob import encode_device
from ats_trust_tools.emulate import keys as key_store
from ats_trust_tools.emulate.broker import Broker
from ats_trust_tools.emulate.impostors import IMPOSTORS, Impostor
from ats_trust_tools.emulate.pki import LEGACY_ROOT, ROOTS, Chain, DeviceKey, Pki
from ats_trust_tools.emulate.profiles import to_der
from ats_trust_tools.emulate.recipe import ChainKind, Door, Recipe, Tail
from ats_trust_tools.emulate.session import Session
from ats_trust_tools.emulate.terminator import server_context
from ats_trust_tools.emulate.wire import Connection
from ats_trust_tools.errors import ToolError, UsageError
from ats_trust_tools.files import write_atomically

HOST = "a0example-ats.iot.eu-central-1.amazonaws.com"
ADDRESS = "127.0.0.1"
_LEAF_TYPES = {
    "rsa": {"rsa"},
    "rsa-4096": {"rsa"},
    "ecdsa": {"ecdsa"},
    "ecdsa-384": {"ecdsa"},
    # By its cross-signatures it stands above both.
    "starfield": {"rsa", "ecdsa"},
    LEGACY_ROOT: {"rsa"},
}


class Emulator:
    """The front door, open while its `with` block runs.

    chain: the chains it holds; which one is sent, the negotiated suite decides. tail: whether the
    root follows in its cross-signed form. impostor: a name of `IMPOSTORS`, or None for the
    genuine door. mutual_tls: demand a client certificate. folder: where files are written
    (roots.bin, credentials); without one, a temporary folder. host: the endpoint's name, which
    the certificates are made for. port: 0 takes a free one. tls13: offer TLS 1.3 too, as AWS's
    default policy does. keep_keys: keep the CAs' keys in the folder, so that the next emulator
    there is trusted by the same bundle. mqtt: a broker stands behind the door; without it,
    application data is read, counted and not answered. now: what to take for today when
    certificates are dated (aware). Raises UsageError, ToolError, or ats_trust.ConfigError for a
    host that no endpoint can have.
    """

    def __init__(
        self,
        chain: ChainKind | Literal["both"] = "both",
        tail: Tail = "cross-signed",
        impostor: str | None = None,
        mutual_tls: bool = False,
        folder: Path | str | None = None,
        *,
        host: str = HOST,
        port: int = 0,
        tls13: bool = True,
        keep_keys: bool = False,
        mqtt: bool = True,
        now: datetime | None = None,
    ) -> None:
        kinds: tuple[ChainKind, ...] = ("ecdsa", "rsa") if chain == "both" else (chain,)
        door = Door(client_certificate="demanded" if mutual_tls else "not-asked", tls_1_3=tls13)
        recipes = [Recipe(kind, tail) for kind in kinds]
        if impostor is not None:
            deviation = find_impostor(impostor)
            door = deviation.opened(door)
            recipes = [deviation.recipe(one) for one in recipes if one.kind in deviation.kinds]
            if not recipes:
                raise UsageError(f"{impostor} exists for the chain {deviation.kinds[0]} only")
        self.host = endpoint.parse(host).host
        self.port = port
        self.connections: list[Connection] = []
        self._named_folder = None if folder is None else Path(folder)
        keep = keep_keys and self._named_folder is not None
        keys = key_store.Keys(self.folder / "keys") if keep else key_store.shared
        self.pki = Pki(keys, self.host, now)
        self._door = door
        self._recipes = recipes
        self._broker = Broker() if mqtt else None
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        chains = self.chains
        usable = self._door.client_certificate != "refused"
        device_ca = self.pki.device_ca_pem(usable=usable)
        servable = [chain for chain in chains if chain.is_consistent]
        context = server_context(servable, self._door, device_ca)
        broker = None if self._broker is None else self._broker.connect

        def session(sock: socket.socket, seen: Connection) -> Session:
            return Session(sock, seen, self._door, chains, context, broker)

        self._session = session
        try:
            self._listener = socket.create_server((ADDRESS, self.port), backlog=16)
        except OSError as error:
            raise ToolError(
                f"can not listen on {ADDRESS}:{self.port}: {error.strerror or error}; port 0 "
                "takes a free one"
            ) from None
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), daemon=True
        )
        self._accepting.start()
        return self

    def __exit__(self, *exception: object) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        # Closing a socket does not wake the thread that waits on it. Shutting it down does on
        # Linux, even without a network; where a listener can not be shut down, a connection does.
        try:
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            with contextlib.suppress(OSError):
                socket.create_connection((ADDRESS, self.port), timeout=1).close()
        self._accepting.join()
        listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        if self._broker is not None:
            self._broker.stop()
        for thread in self._threads:
            thread.join()
        if self._named_folder is None and "folder" in self.__dict__:
            shutil.rmtree(self.folder, ignore_errors=True)

    @cached_property
    def folder(self) -> Path:
        """Where files are written: the folder that was named, or a temporary one."""
        if self._named_folder is None:
            return Path(tempfile.mkdtemp(prefix="ats-trust-"))
        try:
            self._named_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolError(f"can not make {self._named_folder}: {error.strerror}") from None
        return self._named_folder

    @property
    def chains(self) -> list[Chain]:
        """The chains that it serves, in the order of the server's preference."""
        return [self.pki.chain(recipe) for recipe in self._recipes]

    @cached_property
    def bundle(self) -> Path:
        """roots.bin with all five roots, role ats; written when first asked for."""
        return self.write_bundle(self.folder / "roots.bin")

    @cached_property
    def roots_pem(self) -> Path:
        """The same five roots in PEM, for other clients; written when first asked for."""
        path = self.folder / "roots.pem"
        write_atomically(path, self.pki.roots_pem())
        return path

    def write_bundle(
        self,
        path: Path | str,
        roots: Sequence[str] = ROOTS,
        *,
        version: int | None = None,
        built_at: datetime | None = None,
    ) -> Path:
        """Write a bundle of these roots, most preferred first; names: `ROOTS`, "verisign".

        version: default, the build time in seconds since 1970. built_at: default, now.
        """
        moment = (built_at or datetime.now(UTC)).replace(microsecond=0)
        anchors = [
            Anchor(
                certificate=to_der(self.pki.root(name)),
                leaf=frozenset(_LEAF_TYPES[name]),
                roles=frozenset({"legacy" if name == LEGACY_ROOT else "ats"}),
            )
            for name in roots
        ]
        number = int(moment.timestamp()) if version is None else version
        path = Path(path)
        write_atomically(path, encode_bundle(anchors, version=number, built_at=moment))
        return path

    def client_certificate(self, kind: DeviceKey = "rsa") -> tuple[Path, Path]:
        """Write a device's certificate and key, named and encoded as AWS's console gives them.

        Returns their paths: PEM, the key as PKCS#1 (rsa) or SEC1 (ecdsa), mode 0600.
        """
        certificate, key = self.pki.device_pem(kind)
        paths = (
            self.folder / f"emulated-{kind}-certificate.pem.crt",
            self.folder / f"emulated-{kind}-private.pem.key",
        )
        write_atomically(paths[0], certificate)
        write_atomically(paths[1], key, mode=0o600)
        return paths

    def write_device(
        self, path: Path | str, client_id: str = "emulated-device", kind: DeviceKey = "rsa"
    ) -> Path:
        """Write a device blob for this emulator's host and port."""
        certificate, key = self.pki.device_der(kind)
        path = Path(path)
        blob = encode_device(self.host, self.port, client_id, certificate, key)
        write_atomically(path, blob, mode=0o600)
        return path

    def settle(self, timeout: float = 5.0) -> list[Connection]:
        """Wait until every client is gone, so that the counts are final; gives `connections`.

        Raises TimeoutError when a client is still there after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not all(one.closed for one in self.connections):
            if time.monotonic() > deadline:
                raise TimeoutError(f"a client is still connected after {timeout} s")
            time.sleep(0.005)
        return self.connections

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                if self._listener is None:
                    return
                raise
            if self._listener is None:
                sock.close()
                return
            seen = Connection()
            self.connections.append(seen)
            thread = threading.Thread(target=self._run, args=(sock, seen), daemon=True)
            with self._lock:
                self._open.add(sock)
                self._threads.append(thread)
            thread.start()

    def _run(self, sock: socket.socket, seen: Connection) -> None:
        try:
            self._session(sock, seen).run()
        finally:
            with self._lock:
                self._open.discard(sock)


def find_impostor(name: str) -> Impostor:
    """The impostor of that name; raises UsageError with the way to the list."""
    try:
        return IMPOSTORS[name]
    except KeyError:
        raise UsageError(
            f"there is no impostor {name!r}; `ats-trust emulate --list` shows them all"
        ) from None
