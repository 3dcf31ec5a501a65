"""Trimmed anchors: what they keep, and that real Mbed TLS authenticates servers with them."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from ats_trust.der import DerError
from ats_trust_tools.certificate import fields, load
from ats_trust_tools.roots import load_manifest
from ats_trust_tools.trim import trim
from interpreters import MicroPython
from made_certificates import DAY, NOW, Made, certificate, name

HOST = "device-gateway.invalid"
LONG_NAME = name(
    "A certificate authority whose name is as long as X.520 allows",
    (NameOID.STATE_OR_PROVINCE_NAME, "Baden-Württemberg and a good deal more of the country"),
    (NameOID.LOCALITY_NAME, "Villingen-Schwenningen, at the source of the Neckar"),
    (NameOID.ORGANIZATION_NAME, "Gesellschaft für Heizungs- und Lüftungsbau im Schwarzwald"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Department of gateways, sensors, valves and boilers"),
)

# What a person without the library would write, to see what Mbed TLS itself decides.
CLIENT = """
import socket, sys, tls
port, anchor, host = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
with open(anchor, "rb") as file:
    context.load_verify_locations(file.read())
assert context.verify_mode == tls.CERT_REQUIRED
sock = socket.socket()
sock.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
try:
    stream = context.wrap_socket(sock, server_hostname=host)
    print("authenticated", stream.cipher()[0])
    stream.close()
except (OSError, ValueError) as error:
    print("refused", repr(error))
"""


@contextmanager
def serving(leaf: Made, folder: Path) -> Iterator[int]:
    """Serve TLS 1.2 handshakes on loopback with this leaf; yield the port."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(leaf.pem)
    key.write_bytes(leaf.key_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            try:
                with context.wrap_socket(connection, server_side=True) as stream:
                    stream.recv(1)
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(30)


def verdict(micropython: MicroPython, anchor: bytes, leaf: Made, folder: Path) -> str:
    """Let MicroPython meet a server; return what it printed."""
    (folder / "anchor.der").write_bytes(anchor)
    with serving(leaf, folder) as port:
        result = micropython.run_code(CLIENT, str(port), folder / "anchor.der", HOST)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("kind", ["RSA 2048", "RSA 4096", "P-256", "P-384"])
def test_a_trimmed_anchor_authenticates_a_server(
    kind: str, micropython: MicroPython, tmp_path: Path
) -> None:
    """Mbed TLS completes a verified handshake with nothing but the trimmed root."""
    root = certificate(name("Trimmed Root", (NameOID.ORGANIZATION_NAME, "Workshop")), kind=kind)
    leaf = certificate("server", kind="P-256", number=1, issuer=root, ca=False, host=HOST)

    assert verdict(micropython, trim(root.der), leaf, tmp_path).startswith("authenticated")


@pytest.mark.parametrize("kind", ["RSA 2048", "P-256"])
def test_an_anchor_of_the_same_name_with_another_key_is_refused(
    kind: str, micropython: MicroPython, tmp_path: Path
) -> None:
    """The trimmed anchor's key decides, not its name."""
    root = certificate("Trimmed Root", kind=kind)
    other = certificate("Trimmed Root", kind=kind, number=2)
    leaf = certificate("server", kind="P-256", number=1, issuer=root, ca=False, host=HOST)
    assert fields(other.der).subject == fields(root.der).subject

    said = verdict(micropython, trim(other.der), leaf, tmp_path)

    assert said.startswith("refused ValueError")
    assert "not correctly signed by the trusted CA" in said


def test_a_trimmed_anchor_keeps_its_end(micropython: MicroPython, tmp_path: Path) -> None:
    """A server below an expired anchor is refused, so validity survives the trimming."""
    root = certificate("Old Root", starts=NOW - 90 * DAY, ends=NOW - DAY)
    leaf = certificate("server", number=1, issuer=root, ca=False, host=HOST)

    said = verdict(micropython, trim(root.der), leaf, tmp_path)

    assert said.startswith("refused ValueError")
    assert "validity has expired" in said


def test_a_name_longer_than_usual_works(micropython: MicroPython, tmp_path: Path) -> None:
    """An own CA with a name of many long components is an anchor like any other."""
    root = certificate(LONG_NAME)
    leaf = certificate("server", number=1, issuer=root, ca=False, host=HOST)
    assert len(fields(root.der).subject) > 300

    assert verdict(micropython, trim(root.der), leaf, tmp_path).startswith("authenticated")


def test_every_shipped_root_is_taken_by_mbed_tls(micropython: MicroPython, tmp_path: Path) -> None:
    """MicroPython loads the trimmed form of each real root."""
    for root in load_manifest().roots:
        path = tmp_path / "anchor.der"
        path.write_bytes(trim(root.certificate))
        result = micropython.run_code(
            "import sys, tls\n"
            "context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)\n"
            "context.load_verify_locations(open(sys.argv[1], 'rb').read())\n"
            "print('loaded')",
            path,
        )
        assert result.stdout == "loaded\n", (root.name, result.stderr)


def test_the_trimmed_sizes_of_the_shipped_roots() -> None:
    """The trimmed form of each root is as small as was measured to work."""
    sizes = {root.name: len(trim(root.certificate)) for root in load_manifest().roots}
    assert sizes == {
        "amazon-root-ca-1": 437,
        "amazon-root-ca-2": 693,
        "amazon-root-ca-3": 232,
        "amazon-root-ca-4": 262,
        "starfield-services-g2": 533,
        "verisign-class-3-g5": 583,
        "starfield-class-2": 482,
    }


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1)
NAMES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                NameOID.ORGANIZATION_NAME,
                NameOID.ORGANIZATIONAL_UNIT_NAME,
                NameOID.COMMON_NAME,
                NameOID.LOCALITY_NAME,
            ]
        ),
        TEXT.map(lambda text: text[:16]),
    ),
    min_size=1,
    max_size=8,
).map(lambda pairs: x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs]))
# Years on both sides of 2050, where X.509 changes from UTCTime to GeneralizedTime.
TIMES = st.datetimes(datetime(1951, 1, 1), datetime(9000, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@given(NAMES, TIMES, st.integers(1, 10**9), st.sampled_from(["P-256", "P-384", "P-521"]))
@example(LONG_NAME, datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), 1, "P-256")
def test_trimming_never_changes_what_an_anchor_is(
    subject: x509.Name, starts: datetime, seconds: int, kind: str
) -> None:
    """Subject, SubjectPublicKeyInfo and validity are the same bytes before and after."""
    made = certificate(subject, kind=kind, starts=starts, ends=starts + timedelta(seconds=seconds))
    whole, trimmed = fields(made.der), fields(trim(made.der))

    assert trimmed.subject == whole.subject
    assert trimmed.public_key == whole.public_key
    assert trimmed.validity == whole.validity
    assert trimmed.not_after == made.view.not_valid_after_utc
    assert load(trim(made.der)).subject == made.view.subject
    assert trim(trim(made.der)) == trim(made.der)


@given(st.data())
def test_what_is_no_certificate_is_not_trimmed(data: st.DataObject) -> None:
    """A damaged certificate gives a DerError or another certificate, never anything else."""
    damaged = bytearray(load_manifest().find("amazon-root-ca-3").certificate)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = trim(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
    except DerError:
        return
    assert fields(again).version == 1
