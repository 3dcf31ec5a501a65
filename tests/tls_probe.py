"""One TLS connection as a case describes it, and what came of it: the same on both runtimes.

Runs under MicroPython (`micropython tls_probe.py CASE.json`, prints one line of JSON) and is
imported under CPython, where `tls` is the host's. A case is a dictionary:

    port, host              where to connect; the server_hostname (may be null)
    anchors                 hex of DER, loaded before the handshake
    late                    hex of DER, loaded once the Certificate message has passed
    mode                    verify_mode, if not the default
    ciphers, cert, key      set_ciphers; hex of DER for load_cert_chain
    stream                  wrap a Python stream instead of the socket
    nonblocking, deferred   setblocking(False) before; do_handshake_on_connect=False
    answers                 {depth: what the verify_callback answers}, "raise" to raise
    callback                false: set none
    steps                   calls on the TLS socket after wrap_socket
"""

import hashlib
import io
import json
import socket
import sys
import time

import tls


def run(case):
    """What happened: the steps' results, the certificates seen, the exception."""
    seen = []
    outcome = {"seen": seen, "results": []}
    sock = socket.socket()
    try:
        sock.connect(socket.getaddrinfo("127.0.0.1", case["port"])[0][-1])
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        if "mode" in case:
            context.verify_mode = case["mode"]
        if case.get("callback", True):
            context.verify_callback = _callback(seen, case.get("answers", {}))
        if "ciphers" in case:
            context.set_ciphers(case["ciphers"])
        if "cert" in case:
            context.load_cert_chain(bytes.fromhex(case["cert"]), bytes.fromhex(case["key"]))
        for anchor in case.get("anchors", ()):
            context.load_verify_locations(bytes.fromhex(anchor))
        if case.get("nonblocking"):
            sock.setblocking(False)
        below = sock
        if case.get("stream") or "late" in case:
            below = Below(sock, context, case.get("late", ()))
        connection = context.wrap_socket(
            below,
            server_hostname=case["host"],
            do_handshake_on_connect=not case.get("deferred", False),
        )
        for step in case.get("steps", ()):
            outcome["results"].append(_step(connection, step))
    except Exception as error:
        outcome["error"] = _exception(error)
    finally:
        sock.close()
    return outcome


class Below(io.IOBase):
    """A Python stream under TLS that loads anchors once the Certificate message went by."""

    def __init__(self, sock, context, late):
        self.sock = sock
        self.context = context
        self.late = late
        self.flight = b""

    def readinto(self, buf):
        if hasattr(self.sock, "readinto"):
            count = self.sock.readinto(buf)
        else:
            try:
                count = self.sock.recv_into(buf)
            except BlockingIOError:
                count = None
        if count and self.late:
            self.flight += bytes(buf[:count])
            if self._certificate_passed():
                for anchor in self.late:
                    self.context.load_verify_locations(bytes.fromhex(anchor))
                self.late = ()
        return count

    def write(self, buf):
        if hasattr(self.sock, "write"):
            return self.sock.write(buf)
        try:
            return self.sock.send(buf)
        except BlockingIOError:
            return None

    def ioctl(self, request, argument):
        return argument if request == 3 else 0

    def setblocking(self, flag):
        self.sock.setblocking(flag)

    def _certificate_passed(self):
        messages = b""
        at = 0
        while at + 5 <= len(self.flight):
            end = at + 5 + int.from_bytes(self.flight[at + 3 : at + 5], "big")
            if self.flight[at] == 22 and end <= len(self.flight):
                messages += self.flight[at + 5 : end]
            at = end
        at = 0
        while at + 4 <= len(messages):
            end = at + 4 + int.from_bytes(messages[at + 1 : at + 4], "big")
            if messages[at] == 11 and end <= len(messages):
                return True
            at = end
        return False


def _callback(seen, answers):
    def callback(certificate, depth):
        digest = hashlib.sha256(bytes(certificate)).digest()
        seen.append([depth, "".join("%02x" % byte for byte in digest[:6])])
        answer = answers.get(str(depth), 0)
        if answer == "raise":
            raise KeyError("from the callback")
        return answer

    return callback


def _step(connection, step):
    name, arguments = step[0], step[1:]
    try:
        if name == "write":
            return connection.write(arguments[0].encode(), *arguments[1:])
        if name == "send":
            return connection.send(arguments[0].encode())
        if name == "readinto":
            buf = bytearray(arguments[0])
            return [connection.readinto(buf), _text(buf)]
        if name == "cipher":
            return list(connection.cipher())
        if name == "drive":
            return _drive(connection)
        if name == "patiently":
            return _patiently(connection, arguments)
        return _text(getattr(connection, name)(*arguments))
    except Exception as error:
        return _exception(error)


def _drive(connection):
    """Go on with a deferred handshake until it fails or the first byte arrives."""
    buf = bytearray(1)
    for _ in range(2000):
        count = connection.readinto(buf)
        if count is not None:
            return [count, _text(buf)]
        time.sleep(0.002)
    return "too slow"


def _patiently(connection, arguments):
    """A call again and again until it does not block."""
    for _ in range(2000):
        result = _step(connection, arguments)
        if result is not None:
            return result
        time.sleep(0.002)
    return "too slow"


def _text(data):
    return bytes(data).decode() if isinstance(data, (bytes, bytearray)) else data


def _exception(error):
    name = type(error).__name__
    if isinstance(error, OSError):
        number = error.args[0] if error.args else None
        # A socket's own error: the number says it; texts differ between systems.
        if isinstance(number, int) and number > 0:
            return ["OSError", number]
        return ["OSError"] + list(error.args)  # noqa: RUF005 (MicroPython has no [*x])
    if isinstance(error, TypeError):
        return [name]
    return [name] + list(error.args)  # noqa: RUF005


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(json.dumps(run(json.load(file))))
