"""TLS on the server's side of one connection: OpenSSL's, and one that is careless on purpose.

Rules it keeps: the genuine door is CPython's `ssl` and nothing else; tlslite-ng serves only the
chains that OpenSSL refuses to load (a key that is not the certificate's, a certificate that can
not be read).
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ats_trust_tools.emulate.keys import private_key_pem
from ats_trust_tools.emulate.pki import Chain
from ats_trust_tools.emulate.recipe import Door
from ats_trust_tools.emulate.wire import Connection

T = TypeVar("T")

# The suites of AWS's default policy for TLS 1.2, in OpenSSL's names and AWS's order.
AWS_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
    "AES256-SHA",
)
CHACHA20_SUITES = ("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305")


class TlsEnded(Exception):
    """TLS failed; `by_peer` when it was the client who said so."""

    def __init__(self, reason: str, by_peer: bool) -> None:
        super().__init__(reason)
        self.by_peer = by_peer


class Stream(Protocol):
    """Application data of one connection after its handshake."""

    def handshake(self) -> None:
        """Shake hands and note the outcome; raises TlsEnded."""

    def read(self) -> bytes:
        """Some application data, b"" when the client has closed; raises TlsEnded."""

    def pending(self) -> int:
        """Bytes that have come in and are not read yet."""

    def write(self, data: bytes) -> None:
        """Send application data."""

    def close(self) -> None:
        """Say that nothing more will come."""


def server_context(chains: Sequence[Chain], door: Door, device_ca: bytes) -> ssl.SSLContext:
    """OpenSSL's side of the door: AWS's versions and suites, and a chain for each key type."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    version = ssl.TLSVersion
    context.minimum_version = version.TLSv1_2 if door.tls_1_2 else version.TLSv1_3
    # In TLS 1.3 AWS does offer ChaCha20-Poly1305, and nothing would be odd about it.
    modern = (door.tls_1_3 or not door.tls_1_2) and door.suites == "aws"
    context.maximum_version = version.TLSv1_3 if modern else version.TLSv1_2
    suites = CHACHA20_SUITES if door.suites == "chacha20" else AWS_SUITES
    # SECLEVEL=0: what is too weak to be accepted must be served for a client to refuse it.
    context.set_ciphers(":".join((*suites, "@SECLEVEL=0")))
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.sni_callback = _note_server_name
    for chain in chains:
        _load(context, chain)
    if door.client_certificate != "not-asked":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=device_ca.decode())
    return context


class OpensslStream:
    """TLS by OpenSSL over memory buffers, so that every byte can be looked at on its way."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, seen: Connection) -> None:
        self._sock = sock
        self._seen = seen
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def handshake(self) -> None:
        try:
            self._run(self._tls.do_handshake)
        finally:
            self._seen.server_name = getattr(self._tls, "requested_name", None)
        cipher = self._tls.cipher()
        certificate = self._tls.getpeercert(binary_form=True)
        self._seen.suite = cipher[0] if cipher else None
        self._seen.version = self._tls.version()
        if certificate:
            self._seen.client_certificate = _common_name(certificate)
        self._seen.handshake_complete = True

    def read(self) -> bytes:
        try:
            data = self._run(lambda: self._tls.read(65536))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        self._seen.decrypted(data)
        return data

    def pending(self) -> int:
        return self._tls.pending() + self._incoming.pending

    def write(self, data: bytes) -> None:
        self._run(lambda: self._tls.write(data))

    def close(self) -> None:
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()  # The client's answer is not waited for.
        self._flush()

    def _run(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                if self._seen.handshake_complete:
                    raise
                raise TlsEnded("the client closed the connection", by_peer=True) from None
            except ssl.SSLError as error:
                self._flush()
                reason = error.reason or str(error)
                raise TlsEnded(reason, by_peer="ALERT" in reason) from None
            else:
                self._flush()
                return result

    def _receive(self) -> None:
        data = self._sock.recv(65536)
        if data:
            self._seen.arrived(data)
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._sock.sendall(data)


class CarelessStream:
    """TLS by tlslite-ng, which sends any chain and signs with any key it is given."""

    def __init__(self, sock: socket.socket, chains: Sequence[Chain], seen: Connection) -> None:
        # Imported here: only two impostors need it.
        from tlslite.handshakesettings import HandshakeSettings, Keypair, VirtualHost
        from tlslite.tlsconnection import TLSConnection

        self._seen = seen
        self._connection = TLSConnection(_Watched(sock, seen))
        self._connection.closeSocket = False
        self._settings = HandshakeSettings()
        self._settings.minVersion = self._settings.maxVersion = (3, 3)
        self._settings.cipherNames = ["aes128gcm", "aes256gcm"]
        self._settings.rsaSchemes = ["pkcs1"]  # A client of TLS 1.3 may fail to verify PSS here.
        self._pairs = [_tlslite_pair(chain) for chain in chains]
        host = VirtualHost()
        host.keys = [Keypair(key, certificates) for certificates, key in self._pairs[1:]]
        self._settings.virtual_hosts = [host] if host.keys else []

    def handshake(self) -> None:
        from tlslite.errors import TLSError, TLSRemoteAlert
        from tlslite.x509certchain import X509CertChain

        certificates, key = self._pairs[0]
        try:
            self._connection.handshakeServer(
                certChain=X509CertChain(certificates), privateKey=key, settings=self._settings
            )
        except TLSError as error:
            by_peer = isinstance(error, TLSRemoteAlert) or "Abrupt" in type(error).__name__
            raise TlsEnded(str(error) or type(error).__name__, by_peer) from None
        self._seen.version = "TLSv1.2"
        self._seen.server_name = self._connection.session.serverName or None
        self._seen.suite = self._connection.session.getCipherName()
        self._seen.handshake_complete = True

    def read(self) -> bytes:
        from tlslite.errors import TLSError

        try:
            data = bytes(self._connection.read(max=65536))
        except TLSError:
            return b""
        self._seen.decrypted(data)
        return data

    def pending(self) -> int:
        # Nothing is known of tlslite-ng's buffers: whatever has come in is read at once.
        return 0

    def write(self, data: bytes) -> None:
        self._connection.write(data)

    def close(self) -> None:
        pass


def server_hello(sock: socket.socket, context: ssl.SSLContext, seen: Connection) -> bytes:
    """The genuine ServerHello to the hello that the client sends, as one record."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    flight = b""
    while not flight:
        data = sock.recv(65536)
        if not data:
            return b""
        seen.arrived(data)
        incoming.write(data)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            flight = outgoing.read()
        except ssl.SSLError:
            return outgoing.read()
    # The record may hold more messages than the first: cut it behind the ServerHello.
    length = 4 + int.from_bytes(flight[6:9], "big")
    return flight[:3] + length.to_bytes(2, "big") + flight[5 : 5 + length]


class _Watched:
    """A socket whose incoming bytes are noted; what tlslite-ng calls, and no more."""

    def __init__(self, sock: socket.socket, seen: Connection) -> None:
        self._sock = sock
        self._seen = seen

    def recv(self, size: int) -> bytes:
        data = self._sock.recv(size)
        self._seen.arrived(data)
        return data

    def send(self, data: bytes) -> int:
        return self._sock.send(data)

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _tlslite_pair(chain: Chain) -> tuple[list[Any], Any]:
    from tlslite.utils.keyfactory import parsePEMKey
    from tlslite.x509 import X509

    certificates = []
    for position, der in enumerate(chain.certificates):
        certificate = X509()
        if position == 0:
            # Only what picks the suite is needed of the leaf, and it may be unreadable.
            certificate.parseBinary(chain.whole_leaf)
        certificate.bytes = bytearray(der)
        certificates.append(certificate)
    return certificates, parsePEMKey(private_key_pem(chain.key).decode(), private=True)


def _load(context: ssl.SSLContext, chain: Chain) -> None:
    """Give the chain to OpenSSL, which takes it only from a file: one that lives a moment."""
    pem = private_key_pem(chain.key)
    for der in chain.certificates:
        certificate = x509.load_der_x509_certificate(der)
        pem += certificate.public_bytes(serialization.Encoding.PEM)
    descriptor, name = tempfile.mkstemp(suffix=".pem")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()


def _note_server_name(tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    # One context serves all connections: the TLS object is what tells them apart. It is an
    # ordinary Python object, so it takes the attribute, which the stubs can not know.
    tls.requested_name = name  # type: ignore[attr-defined]


def _common_name(certificate: bytes) -> str:
    subject = x509.load_der_x509_certificate(certificate).subject
    names = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else subject.rfc4514_string()
