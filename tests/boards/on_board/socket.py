"""`socket` for the emulated board, which has no radio: TCP to the emulator's host, as a client.

Every address is the host's loopback. It stands in the place of MicroPython's own, so that
ats_trust.aio, which imports it, can be imported.
"""

import hostlink

AF_INET = 2
SOCK_STREAM = 1


def getaddrinfo(host, port, *kind):
    return [(AF_INET, SOCK_STREAM, 0, "", (host, port))]


class socket:
    """One TCP connection; methods and errors are those of the link."""

    def __init__(self, family=AF_INET, kind=SOCK_STREAM):
        self._link = None
        self._timeout = None

    def connect(self, address):
        self._link = hostlink.Link(address[1])
        self._link.settimeout(self._timeout)

    def settimeout(self, seconds):
        self._timeout = seconds

    def readinto(self, buffer):
        return self._link.readinto(buffer)

    def write(self, data):
        return self._link.write(data)

    def close(self):
        if self._link:
            self._link.close()
