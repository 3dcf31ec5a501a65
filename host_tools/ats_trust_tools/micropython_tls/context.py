"""MicroPython's SSLContext for clients: anchors, suites, credentials, the verify_callback."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from ats_trust_tools.micropython_tls import suites, x509
from ats_trust_tools.micropython_tls.codes import Code, MbedError, raise_code
from ats_trust_tools.micropython_tls.connection import SSLSocket
from ats_trust_tools.micropython_tls.stream import SocketStream
from ats_trust_tools.micropython_tls.verdict import CERT_REQUIRED

PROTOCOL_TLS_CLIENT = 0

VerifyCallback = Callable[[memoryview, int], int]


class SSLContext:
    """Starts with CERT_REQUIRED and no anchors. `protocol` can only be PROTOCOL_TLS_CLIENT.

    Certificates and keys are DER; PEM is refused, as by most boards before MicroPython 1.29.
    """

    __slots__ = ("_anchors", "_cert_chain", "_ciphers", "verify_callback", "verify_mode")

    def __init__(self, protocol: int, /) -> None:
        if not isinstance(protocol, int):
            raise TypeError(f"can't convert {type(protocol).__name__} to int")
        if protocol != PROTOCOL_TLS_CLIENT:
            raise NotImplementedError("only PROTOCOL_TLS_CLIENT exists on the host")
        self.verify_mode = CERT_REQUIRED
        self.verify_callback: VerifyCallback | None = None
        self._anchors: list[x509.Certificate] = []
        self._cert_chain = b""
        self._ciphers: Sequence[str] = suites.NAMES

    @property
    def anchors(self) -> Sequence[x509.Certificate]:
        """The certificates that were loaded, in that order. (Not on MicroPython.)"""
        return self._anchors

    def load_verify_locations(self, cadata: bytes | str, /) -> None:
        """Add one DER certificate; whatever follows it in `cadata` is ignored."""
        try:
            self._anchors.append(x509.parse(_data(cadata)))
        except MbedError:
            raise ValueError("invalid cert") from None

    def load_cert_chain(self, cert: bytes | str, key: bytes | str, /) -> None:
        """The device's certificate and private key (PKCS#1, SEC1 or PKCS#8), both DER."""
        try:
            private = load_der_private_key(_data(key), None)
        except (ValueError, TypeError):
            raise ValueError("invalid key") from None
        try:
            certificate = x509.parse(_data(cert))
        except MbedError:
            raise ValueError("invalid cert") from None
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        self._cert_chain = ssl.DER_cert_to_PEM_cert(certificate.raw).encode() + pem

    def set_ciphers(self, ciphersuites: Sequence[str], /) -> None:
        """Offer exactly these suites, by Mbed TLS's names, in this order."""
        if not isinstance(ciphersuites, list | tuple):
            raise TypeError(f"object '{type(ciphersuites).__name__}' isn't a tuple or list")
        for name in ciphersuites:
            if not isinstance(name, str):
                raise TypeError(f"can't convert '{type(name).__name__}' object to str implicitly")
        if not ciphersuites or any(name not in suites.NAMES for name in ciphersuites):
            raise_code(Code.SSL_BAD_CONFIG)
        self._ciphers = tuple(ciphersuites)

    def get_ciphers(self) -> list[str]:
        """Every suite that can be set, whatever was set."""
        return list(suites.NAMES)

    def wrap_socket(
        self,
        sock: Any,
        *,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        server_hostname: str | None = None,
        client_id: bytes | None = None,
    ) -> SSLSocket:
        """A TLS stream over `sock`: a stream object as on MicroPython, or a socket.socket.

        With `do_handshake_on_connect=False` the first read or write starts the handshake, and
        raises what it raises.
        """
        if isinstance(sock, socket.socket):
            sock = SocketStream(sock)
        if not callable(getattr(sock, "readinto", None)) or not callable(
            getattr(sock, "write", None)
        ):
            raise OSError("stream operation not supported")
        if server_hostname is None and self.verify_mode == CERT_REQUIRED:
            if server_side:
                raise_code(Code.SSL_CERTIFICATE_VERIFICATION_WITHOUT_HOSTNAME)
            raise ValueError("CERT_REQUIRED requires server_hostname")
        wrapped = SSLSocket(self, sock, self._openssl(), server_hostname)
        if do_handshake_on_connect:
            wrapped.handshake()
        return wrapped

    def _openssl(self) -> ssl.SSLContext:
        """OpenSSL's context for one connection: it never holds another connection's anchors."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        names = ":".join(suites.OPENSSL_NAME[name] for name in self._ciphers)
        if self.verify_mode == CERT_REQUIRED:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.set_ciphers(names)
        else:
            # Whoever switches verification off gets Mbed TLS's tolerance of weak keys as well.
            context.verify_mode = ssl.CERT_NONE
            context.set_ciphers(names + ":@SECLEVEL=0")
        if self._cert_chain:
            _load_cert_chain(context, self._cert_chain)
        return context


def _data(data: bytes | str) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes):
        return data
    raise TypeError(f"can't convert '{type(data).__name__}' object to str implicitly")


def _load_cert_chain(context: ssl.SSLContext, pem: bytes) -> None:
    """Hand over the private key by a file without a name; OpenSSL takes it in no other way."""
    with _secret_file(pem) as name:
        try:
            context.load_cert_chain(name)
        except ssl.SSLError:
            raise_code(Code.SSL_BAD_CONFIG)


@contextlib.contextmanager
def _secret_file(content: bytes) -> Iterator[str]:
    """A name under which OpenSSL can read `content`: in memory where the system can do that."""
    in_memory = hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir()
    if in_memory:
        descriptor = os.memfd_create("", os.MFD_CLOEXEC)
        name = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, name = tempfile.mkstemp()  # readable by its owner only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            yield name
    finally:
        if not in_memory:
            Path(name).unlink()
