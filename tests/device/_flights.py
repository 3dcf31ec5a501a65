"""Server flights for the device tests: taken apart, made by hand, and sent in pieces."""

import data_chains as chains

from ats_trust.bundle import name_keys
from ats_trust.flight import Flight

EC_KEYS = b"".join([name_keys(each) for each in (chains.LEAF, chains.EC_INT, chains.EC_CROSS)])
RSA_KEYS = b"".join([name_keys(each) for each in (chains.RSA_LEAF, chains.RSA_INT)])


def record(kind, payload):
    """A TLS 1.2 record."""
    return bytes([kind, 3, 3, len(payload) >> 8, len(payload) & 255]) + payload


def records(data):
    """The records of which these bytes consist, each with its header."""
    found = []
    while data:
        size = 5 + (data[3] << 8 | data[4])
        found.append(data[:size])
        data = data[size:]
    return found


def _sized(data):
    return bytes([len(data) >> 16, len(data) >> 8 & 255, len(data) & 255]) + data


def message(kind, payload):
    """A handshake message: 11 is Certificate, 13 CertificateRequest."""
    return bytes([kind]) + _sized(payload)


def entry(certificate):
    """A certificate as it stands in a Certificate message."""
    return _sized(certificate)


def certificate_message(*entries):
    return message(11, _sized(b"".join(entries)))


def handshake(messages, size):
    """Handshake messages cut into records of this size."""
    cut = bytearray()
    for start in range(0, len(messages), size):
        cut += record(22, messages[start : start + size])
    return bytes(cut)


def alert(level, number):
    """An alert: level 1 warns, 2 is fatal."""
    return record(21, bytes([level, number]))


class Raw:
    """A socket's place: each piece is read separately; None and exceptions come as they are.

    What is written is kept in `written`, unless `error` is given, which is raised.
    """

    def __init__(self, *pieces, error=None):
        self.pieces = list(pieces)
        self.written = []
        self.error = error

    def readinto(self, buffer):
        while self.pieces and self.pieces[0] == b"":
            self.pieces.pop(0)
        if not self.pieces:
            return 0
        piece = self.pieces.pop(0)
        if piece is None or isinstance(piece, Exception):
            if piece:
                raise piece
            return None
        count = min(len(buffer), len(piece))
        buffer[:count] = piece[:count]
        if count < len(piece):
            # A view, for what is left of a long piece is not to be copied for each byte.
            self.pieces.insert(0, memoryview(piece)[count:])
        return count

    def write(self, data):
        if self.error:
            raise self.error
        self.written.append(bytes(data))
        return len(data)


class Seen(Flight):
    """A Flight that lists in `calls` what on_chain was called with."""

    def __init__(self, raw):
        self.calls = []
        super().__init__(raw, self.calls.append)

    def state(self):
        return (
            self.chain,
            self.calls,
            self.oversized,
            self.not_tls,
            self.alert,
            self.asked,
            self.finished,
            self.fault,
            self.error,
        )


def pull(flight, size):
    """Read once, at most `size` bytes; the bytes."""
    buffer = bytearray(size)
    count = flight.readinto(buffer)
    return bytes(buffer[: count or 0])


def seen(data, size=4096):
    """The Flight after all of this was read in pieces of at most `size`, or it had finished."""
    flight = Seen(data if isinstance(data, Raw) else Raw(data))
    buffer = bytearray(size)
    while not flight.finished and not flight.eof:
        count = flight.readinto(buffer)
        if count is not None and count < 0:
            break
    return flight
