"""Servers that are none, or speak another protocol, and bytes changed on the way, on both."""

import ssl
from functools import partial

import pytest

import tls_parity
import tls_pki as pki
import tls_servers as servers
from tls_cases import EC, RSA, case
from tls_parity import TALK


@pytest.fixture
def both(newest_micropython, tmp_path):
    """A function: run a case on MicroPython and here, and compare."""
    return partial(tls_parity.compare, newest_micropython, tmp_path)


PLAIN = {
    "text": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "short text": b"no",
    "nothing": b"",
    "alert handshake_failure": bytes.fromhex("15030300020228"),
    "alert close_notify": bytes.fromhex("15030300020100"),
    "warning": bytes.fromhex("15030300020170"),
    "alert of a wrong length": bytes.fromhex("150303000102"),
    "application data": bytes.fromhex("170303000568656c6c6f"),
    "SSL 3": bytes.fromhex("15030000020228"),
    "a version to come": bytes.fromhex("15040300020228"),
    "a TLS 1.3 record": bytes.fromhex("16030400020000"),
    "an empty record": bytes.fromhex("1603030000"),
    "a record too long": bytes.fromhex("160303ffff") + bytes(100),
    "a message too long": bytes.fromhex("160303000402ffffff"),
    "a message too long, in pieces": b"".join(
        bytes.fromhex("1603034000") + (b"\x02\x00\x9c\x40" if first else bytes(4)) + bytes(16380)
        for first in (True, False, False)
    ),
    "ServerHello cut short": bytes.fromhex("16030300060200000203031500"),
    "ServerHelloDone first": bytes.fromhex("16030300040e000000"),
    "Certificate first": bytes.fromhex("16030300070b000003000000"),
    "ChangeCipherSpec first": bytes.fromhex("140303000101"),
}


@pytest.mark.parametrize("what", PLAIN)
def test_no_tls_server(both, what):
    """What is no TLS server, or says no at once, is refused in the same way."""
    handle = servers.saying(PLAIN[what])
    case = {"anchors": [pki.chain()[0].der.hex()]}
    both(handle, case)
    both(handle, {**case, "deferred": True, "steps": [["read", 1], ["read", 1], ["close"]]})


VERSIONS = ssl.TLSVersion
SERVERS = {
    "TLS 1.3 only": {"versions": (VERSIONS.TLSv1_3, VERSIONS.TLSv1_3)},
    "TLS 1.1 only": {"versions": (VERSIONS.TLSv1_1, VERSIONS.TLSv1_1)},
    "no common suite": {"ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305"},
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
@pytest.mark.parametrize("what", SERVERS)
def test_other_servers(both, what):
    """A server with another version or no suite in common."""
    root, middle, leaf = pki.chain()
    handle, told = case(leaf, middle, trust=root, server=SERVERS[what])
    both(handle, told, same_view=False)


def test_no_server_hostname(both):
    """CERT_REQUIRED wants a name before a byte is sent."""
    outcome = both(servers.saying(b"", wait_for_hello=True), {"host": None})
    assert outcome["error"][0] == "ValueError"


def flip(message, offset=-1):
    """Change one bit of the readable handshake message of this type."""
    return lambda record, encrypted: (
        _flipped(record, offset)
        if not encrypted and record[0] == 22 and record[5] == message
        else record
    )


def flip_encrypted(kind):
    """Change the last bit of an encrypted record."""
    return lambda record, encrypted: (
        _flipped(record, -1) if encrypted and record[0] == kind else record
    )


def in_pieces(size):
    """Readable handshake records cut into several records each."""

    def change(record, encrypted):
        if encrypted or record[0] != 22:
            return record
        body = record[5:]
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        return b"".join(record[:3] + len(part).to_bytes(2, "big") + part for part in parts)

    return change


def _flipped(record, offset):
    changed = bytearray(record)
    changed[offset] ^= 1
    return bytes(changed)


TAMPERED = {
    "nothing": lambda record, _: record,
    "key exchange signature": flip(12),
    "key exchange key": flip(12, 20),
    "certificate signature": flip(11),
    "certificate length": flip(11, 12),
    "suite": flip(2, 5 + 4 + 35 + 32 + 1),
    "server version": flip(2, 10),
    "server random": flip(2, 20),
    "finished": flip_encrypted(22),
    "data": flip_encrypted(23),
    "in pieces": in_pieces(200),
    "in small pieces": in_pieces(50),
}


@pytest.mark.parametrize("kind", [EC, RSA])
@pytest.mark.parametrize("what", TAMPERED)
def test_changed_on_the_way(both, what, kind):
    """A changed byte is found, wherever it is; records may be cut anywhere."""
    root, middle, leaf = pki.chain(kind)
    handle = servers.tampering(servers.context(leaf, middle), TAMPERED[what])
    both(handle, {"anchors": [root.der.hex()], "steps": TALK}, same_view=False)
