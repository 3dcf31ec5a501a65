"""The emulated front door: chains, tails, mutual TLS, what it counts, and that it cleans up."""

import errno
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ats_trust.bundle import Bundle
from ats_trust.credentials import load_device
from ats_trust_tools.emulate import HOST, IMPOSTORS, Emulator
from ats_trust_tools.emulate.keys import shared
from ats_trust_tools.emulate.pki import ROOTS, Pki
from ats_trust_tools.emulate.recipe import Recipe
from ats_trust_tools.errors import ToolError, UsageError

CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05probe"


def client_context(emulator: Emulator, tls12: bool = True) -> ssl.SSLContext:
    """A CPython client that trusts the emulator's five roots and nothing else."""
    context = ssl.create_default_context(cafile=emulator.roots_pem)
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def connect(emulator: Emulator, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A TLS connection to the emulator under its endpoint's name."""
    raw = socket.create_connection(("127.0.0.1", emulator.port), timeout=5)
    try:
        return context.wrap_socket(raw, server_hostname=emulator.host)
    except BaseException:
        raw.close()
        raise


def hang_up(raw: socket.socket) -> None:
    """Close after all has been read: otherwise TCP resets, and what was sent may be lost."""
    raw.shutdown(socket.SHUT_WR)
    while raw.recv(4096):
        pass


def presented(emulator: Emulator, *arguments: str) -> list[x509.Certificate]:
    """The chain that the emulator sends, leaf first, as `openssl s_client` prints it."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{emulator.port}", "-showcerts"]
    command += ["-servername", emulator.host, "-verify_hostname", emulator.host]
    command += ["-CAfile", str(emulator.roots_pem), "-verify_return_error", *arguments]
    shown = subprocess.run(command, input=b"", capture_output=True, timeout=10)
    assert b"Verification: OK" in shown.stdout, shown.stderr.decode()
    chain = x509.load_pem_x509_certificates(shown.stdout)
    # Some releases print the server's certificate once more behind the chain.
    return chain[:-1] if len(chain) > 1 and chain[-1] == chain[0] else chain


@pytest.mark.parametrize("tail", ["cross-signed", "none"])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_chain_is_verified_and_shaped_as_announced(kind, tail):
    """`openssl s_client` accepts the chain and gets two certificates, or three with the tail."""
    with Emulator(chain=kind, tail=tail, mqtt=False) as emulator:
        chain = presented(emulator, "-x509_strict")
    assert len(chain) == (3 if tail == "cross-signed" else 2)
    leaf = chain[0].public_key()
    if kind == "rsa":
        assert isinstance(leaf, rsa.RSAPublicKey) and leaf.key_size == 2048
    else:
        assert isinstance(leaf, ec.EllipticCurvePublicKey) and leaf.curve.name == "secp256r1"
    if tail == "cross-signed":
        assert "Services Root CA - G2" in chain[2].issuer.rfc4514_string()


@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"])
def test_negotiated_suite_chooses_the_chain(suite):
    """A door with both chains sends the one whose key the client's suite can use."""
    with Emulator(mqtt=False) as emulator:
        chain = presented(emulator, "-tls1_2", "-cipher", suite)
        seen = emulator.settle()[0]
    assert isinstance(chain[0].public_key(), rsa.RSAPublicKey) == ("RSA" in suite)
    assert seen.suite == suite and seen.server_name == emulator.host


def test_tls13_can_be_left_out():
    """With tls13=False a client that has both versions gets TLS 1.2; without, TLS 1.3."""
    for tls13, version in ((False, "TLSv1.2"), (True, "TLSv1.3")):
        with (
            Emulator(tls13=tls13, mqtt=False) as emulator,
            connect(emulator, client_context(emulator, tls12=False)) as client,
        ):
            assert client.version() == version


@pytest.mark.parametrize("root", ["rsa", "ecdsa", "starfield"])
def test_any_one_root_above_the_chain_is_enough(root, tmp_path):
    """The cross-signed tail makes the Starfield-shaped root an anchor of both chains."""
    for kind in ("rsa", "ecdsa") if root == "starfield" else (root,):
        with Emulator(chain=kind, mqtt=False) as emulator:
            anchor = emulator.pki.root(root)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=anchor.public_bytes(Encoding.DER))
            with connect(emulator, context) as client:
                assert client.version() == "TLSv1.3"


def test_without_the_tail_starfield_is_no_anchor():
    """The counterpart: it is the tail that reaches Starfield, not something else."""
    with Emulator(chain="rsa", tail="none", mqtt=False) as emulator:
        anchor = emulator.pki.root("starfield")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=anchor.public_bytes(Encoding.DER))
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(emulator, context)


def test_leaf_has_the_names_and_dates_of_an_endpoint():
    """Wildcard and bare name in SAN, the first as common name, 275 days."""
    host = "a1b2c3-ats.iot.us-east-1.amazonaws.com"
    now = datetime(2026, 11, 23, 15, tzinfo=UTC)
    chain = Pki(shared, host, now).chain(Recipe("rsa"))
    leaf = x509.load_der_x509_certificate(chain.certificates[0])
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "*.iot.us-east-1.amazonaws.com",
        "iot.us-east-1.amazonaws.com",
    ]
    assert leaf.subject.rfc4514_string() == "CN=*.iot.us-east-1.amazonaws.com"
    lasts = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert lasts == timedelta(days=275) - timedelta(seconds=1)
    assert leaf.not_valid_before_utc < now < leaf.not_valid_after_utc


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_mutual_tls_takes_the_devices_certificate(kind):
    """A client with the certificate that the emulator gave out gets in; its name is noted."""
    with Emulator(mutual_tls=True, mqtt=False) as emulator:
        context = client_context(emulator)
        certificate, key = emulator.client_certificate(kind)
        context.load_cert_chain(certificate, key)
        with connect(emulator, context) as client:
            client.sendall(CONNECT)
        seen = emulator.settle()[0]
    assert seen.client_certificate == "ats_trust emulator device certificate"
    assert (seen.before_handshake, seen.after_handshake) == (0, len(CONNECT))


def test_credentials_are_encoded_as_aws_gives_them(tmp_path):
    """PKCS#1 for RSA, SEC1 for EC, readable by the owner only."""
    with Emulator(folder=tmp_path, mqtt=False) as emulator:
        _, rsa_key = emulator.client_certificate("rsa")
        _, ec_key = emulator.client_certificate("ecdsa")
        blob = load_device(str(emulator.write_device(tmp_path / "device.bin")))
        assert (blob.host, blob.port) == (emulator.host, emulator.port)
    assert rsa_key.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert ec_key.read_text().startswith("-----BEGIN EC PRIVATE KEY-----")
    for path in (rsa_key, ec_key, tmp_path / "device.bin"):
        assert path.stat().st_mode & 0o077 == 0


def test_bundle_holds_the_roots_that_were_asked_for(tmp_path):
    """The device library reads the bundle; leaf types and roles are as the roots' are."""
    with Emulator(folder=tmp_path, mqtt=False) as emulator:
        assert emulator.bundle == tmp_path / "roots.bin"
        uses = [use for use, _ in Bundle(str(emulator.bundle)).anchors()]
        assert uses == [0x11, 0x11, 0x12, 0x12, 0x13]
        legacy = emulator.write_bundle(tmp_path / "legacy.bin", ["verisign"], version=7)
        bundle = Bundle(str(legacy))
        assert bundle.version == 7
        assert [use for use, _ in bundle.anchors()] == [0x21]


def test_plaintext_after_a_refused_handshake_is_counted():
    """A client that refuses the chain and then writes in clear is caught, byte for byte."""
    with Emulator(impostor="unknown-ca", mqtt=False) as emulator:
        context = client_context(emulator)
        raw = socket.create_connection(("127.0.0.1", emulator.port), timeout=5)
        spare = raw.dup()
        with raw, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(raw, server_hostname=emulator.host)
        with spare:
            spare.sendall(CONNECT)
            hang_up(spare)
        seen = emulator.settle()[0]
    assert not seen.reset
    assert (seen.before_handshake, seen.after_handshake) == (len(CONNECT), 0)
    assert seen.plaintext == CONNECT and CONNECT in seen.head


def test_plaintext_in_place_of_a_hello_is_counted():
    """A client that speaks no TLS at all is counted too, however the bytes are cut."""
    with Emulator(mqtt=False) as emulator:
        with socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as raw:
            for byte in CONNECT:
                raw.sendall(bytes([byte]))
            hang_up(raw)
        seen = emulator.settle()[0]
    assert seen.plaintext == CONNECT and not seen.handshake_complete


def test_leaving_ends_threads_sockets_and_files():
    """Nothing of an emulator is left: not its port, not its threads, not its folder."""
    before = set(threading.enumerate())
    with Emulator() as emulator:
        folder = emulator.bundle.parent
        assert folder.is_dir()
        raw = connect(emulator, client_context(emulator))
    assert not folder.exists()
    assert set(threading.enumerate()) == before
    raw.close()
    with socket.socket() as bound:
        # It can be taken only where nobody listens; then nobody else can listen there either.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", emulator.port))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", emulator.port), timeout=1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a connection must end it")
def test_it_ends_where_nothing_can_connect(monkeypatch):
    """With loopback down there is no connection that could wake it; it ends all the same."""

    def unreachable(*_args, **_options):
        raise OSError(errno.ENETUNREACH, "loopback is down")

    before = set(threading.enumerate())
    emulator = Emulator(mqtt=False).__enter__()
    monkeypatch.setattr(socket, "create_connection", unreachable)
    leaving = threading.Thread(target=emulator.__exit__, daemon=True)
    leaving.start()
    leaving.join(10)
    assert not leaving.is_alive()
    assert set(threading.enumerate()) == before


def test_it_listens_on_loopback_only():
    """The listening socket is bound to 127.0.0.1, not to every address."""
    with Emulator(mqtt=False) as emulator:
        assert emulator._listener.getsockname() == ("127.0.0.1", emulator.port)


def test_kept_keys_make_the_next_emulator_trusted(tmp_path):
    """With keep_keys a bundle made for one emulator authenticates the next in that folder."""
    with Emulator(folder=tmp_path, keep_keys=True, mqtt=False) as emulator:
        roots = emulator.roots_pem.read_bytes()
    (tmp_path / "old.pem").write_bytes(roots)
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    with Emulator(folder=tmp_path, keep_keys=True, mqtt=False) as emulator:
        context = ssl.create_default_context(cafile=tmp_path / "old.pem")
        connect(emulator, context).close()
    with Emulator(mqtt=False) as stranger, pytest.raises(ssl.SSLCertVerificationError):
        connect(stranger, context)


def test_damaged_key_file_is_explained(tmp_path):
    """A key file that can not be read says what to remove."""
    with Emulator(folder=tmp_path, keep_keys=True, mqtt=False):
        pass
    for path in (tmp_path / "keys").iterdir():
        path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(ToolError, match="to start anew"):
        Emulator(folder=tmp_path, keep_keys=True, mqtt=False).__enter__()


def test_no_key_is_written_unless_asked(tmp_path):
    """Without keep_keys the CAs' keys stay in memory."""
    with Emulator(folder=tmp_path, mqtt=False) as emulator:
        emulator.bundle.stat()
        connect(emulator, client_context(emulator)).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["roots.bin", "roots.pem"]


def test_wrong_calls_are_explained():
    """An unknown impostor, a chain that it does not exist for, a port that is taken."""
    with pytest.raises(UsageError, match="emulate --list"):
        Emulator(impostor="nobody")
    with pytest.raises(UsageError, match="rsa only"):
        Emulator(chain="ecdsa", impostor="rsa-1024")
    with Emulator(mqtt=False) as emulator, pytest.raises(ToolError, match=str(emulator.port)):
        Emulator(port=emulator.port, mqtt=False).__enter__()


def test_roots_of_every_kind_can_be_anchors():
    """RSA 2048 and 4096, P-256 and P-384, all self-signed and all CAs."""
    pki = Pki(shared, HOST)
    for name in (*ROOTS, "verisign"):
        root = pki.root(name)
        root.verify_directly_issued_by(root)
        assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert "ats_trust emulator" in root.subject.rfc4514_string()


def test_three_servers_refuse_the_client():
    """They are the genuine server: a client must authenticate them before it is refused."""
    assert [one.name for one in IMPOSTORS.values() if one.refuses_client] == [
        "no-client-cert",
        "inactive-cert",
        "policy-denied",
    ]
