"""TLS servers on 127.0.0.1 that do one thing each, for the tests of the host's `tls`.

Every server serves a given number of connections, one after the other, notes what it saw of each
(the client's alert, or its data) and ends.
"""

import socket
import ssl
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

SECONDS = 10


@contextmanager
def serving(handle, connections=2):
    """(port, list of what `handle` returned); the list is complete after the block."""
    saw = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    stopped = threading.Event()

    def serve():
        while len(saw) < connections and not stopped.is_set():
            try:
                sock, _ = listener.accept()
            except TimeoutError:
                continue
            with sock:
                sock.settimeout(SECONDS)
                try:
                    saw.append(handle(sock))
                except OSError as error:
                    saw.append(_what(error))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], saw
        thread.join(SECONDS)
    finally:
        stopped.set()
        thread.join(SECONDS)
        listener.close()


def context(*parties, others=(), client_ca=None, ciphers=None, versions=None):
    """A server context: the key and the leaf of parties[0], its issuers after it."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.set_ciphers((ciphers or "DEFAULT") + ":@SECLEVEL=0")
    low, high = versions or (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    tls.minimum_version, tls.maximum_version = low, high
    for identity in (parties, *others):
        _load(tls, identity)
    if client_ca:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(cadata=client_ca.der)
    return tls


def answering(tls):
    """Handshake, one question, "hi " and the question back, close_notify."""

    def handle(sock):
        with tls.wrap_socket(sock, server_side=True) as connection:
            question = connection.recv(64)
            if not question:
                return ["no data"]
            connection.sendall(b"hi " + question)
            connection.sendall(b"\nmore\n")
            # Not an unwrap(): MicroPython never answers the close_notify.
            try:
                connection.unwrap()
            except OSError:
                pass
            return ["data", question.decode()]

    return handle


def tampering(tls, change):
    """Like `answering`, with every record from the server through `change(record, encrypted)`."""

    def handle(sock):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        connection = tls.wrap_bio(incoming, outgoing, server_side=True)
        encrypted = [False]

        def flush():
            data = outgoing.read()
            while data:
                end = 5 + int.from_bytes(data[3:5], "big")
                sock.sendall(change(data[:end], encrypted[0]))
                encrypted[0] = encrypted[0] or data[0] == 20
                data = data[end:]

        def patiently(call):
            while True:
                try:
                    result = call()
                    flush()
                    return result
                except ssl.SSLWantReadError:
                    flush()
                    data = sock.recv(8192)
                    if not data:
                        raise ConnectionError("closed") from None
                    incoming.write(data)

        patiently(connection.do_handshake)
        question = patiently(lambda: connection.read(64))
        patiently(lambda: connection.write(b"hi " + question))
        return ["data", question.decode()]

    return handle


def saying(data, wait_for_hello=True):
    """Sends these bytes in place of TLS and closes."""

    def handle(sock):
        if wait_for_hello:
            sock.recv(8192)
        if data:
            sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := sock.recv(8192):
            answer += chunk
        return ["answer", answer.hex()]

    return handle


def _load(tls, identity):
    leaf, *issuers = identity
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "identity.pem"
        path.touch(mode=0o600)
        path.write_bytes(leaf.private_pem + leaf.pem + b"".join(one.pem for one in issuers))
        tls.load_cert_chain(path)


def _what(error):
    if isinstance(error, ssl.SSLError):
        return ["tls", error.reason]
    return ["closed"]
