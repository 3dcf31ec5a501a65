"""What the self-test reads is what docs/selftest.md says, as it is committed and as it is made.

Both files are explained to the last byte, so there is no room in them for a private key.
"""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import selftest_flight
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID

from ats_trust import der, self_test
from ats_trust.bundle import LEAF_ECDSA, name_keys
from ats_trust.endpoint import ROLE_OWN
from ats_trust_tools.trim import trim


@pytest.fixture(scope="module", params=["committed", "made"])
def data(request: pytest.FixtureRequest) -> tuple[bytes, bytes]:
    """The bundle and the flight."""
    if request.param == "made":
        return selftest_flight.make()
    folder = selftest_flight.FOLDER
    names = (selftest_flight.ROOT, selftest_flight.FLIGHT)
    return tuple((folder / name).read_bytes() for name in names)


@pytest.fixture(scope="module")
def messages(data: tuple[bytes, bytes]) -> list[tuple[int, bytes]]:
    """The handshake messages of the flight: (kind, body), one in each record."""
    found, rest = [], data[1]
    while rest:
        size = int.from_bytes(rest[3:5])
        assert rest[:3] == b"\x16\x03\x03" and int.from_bytes(rest[6:9]) == size - 4
        found.append((rest[5], rest[9 : 5 + size]))
        rest = rest[5 + size :]
    return found


@pytest.fixture(scope="module")
def chain(messages: list[tuple[int, bytes]]) -> list[bytes]:
    """The certificates in the flight."""
    body = messages[1][1]
    assert int.from_bytes(body[:3]) == len(body) - 3
    found, rest = [], body[3:]
    while rest:
        size = int.from_bytes(rest[:3])
        found.append(rest[3 : 3 + size])
        assert len(found[-1]) == size
        rest = rest[3 + size :]
    return found


def test_sizes(data: tuple[bytes, bytes]) -> None:
    """Each is one block of flash, and together they are small."""
    assert len(data[0]) < 512
    assert len(data[1]) < 2048


def test_bundle(data: tuple[bytes, bytes]) -> None:
    """One root, which answers for no AWS name, in a bundle that any other takes precedence of."""
    start, stop = der.only(data[0], 0, len(data[0]))
    begin, end = der.expect(data[0], start, stop)
    assert data[0][end:] == b"\x04\x20" + hashlib.sha256(data[0][start:end]).digest()
    values = []
    while begin < end:
        _, content, begin_next = der.header(data[0], begin, end)
        values.append(data[0][content:begin_next])
        begin = begin_next
    form, version, built_at, not_after, anchors = values
    assert (form, version) == (b"\x01", b"\x00")
    assert (built_at, not_after) == (b"20000101000000Z", b"20991231235959Z")
    content, stop = der.only(anchors, 0, len(anchors))
    use, content = der.integer(anchors, content, stop)
    assert use == LEAF_ECDSA | ROLE_OWN
    assert trim(anchors[content:stop]) == anchors[content:stop]


def test_chain(data: tuple[bytes, bytes], chain: list[bytes]) -> None:
    """Leaf, intermediate, root: signed, for 100 years, and for a name that does not exist."""
    leaf, middle = map(x509.load_der_x509_certificate, chain)
    leaf.verify_directly_issued_by(middle)
    anchor = data[0][data[0].index(b"\x02\x01\x42") + 3 :]
    anchor = anchor[: der.expect(anchor, 0, len(anchor))[1]]
    assert name_keys(chain[1])[:8] == name_keys(anchor)[8:]
    root = x509.load_der_x509_certificate(anchor)
    key = root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    key.verify(middle.signature, middle.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    for certificate in (leaf, middle, root):
        assert certificate.not_valid_before_utc == datetime(2000, 1, 1, tzinfo=UTC)
        assert certificate.not_valid_after_utc == datetime(2100, 1, 1, tzinfo=UTC) - timedelta(
            seconds=1
        )
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["selftest.invalid"]
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    limits = middle.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)


def test_flight(messages: list[tuple[int, bytes]]) -> None:
    """ServerHello, Certificate, ServerKeyExchange: nothing that a MicroPython client refuses."""
    hello, _, exchange = (body for _, body in messages)
    assert [kind for kind, _ in messages] == [2, 11, 12]
    assert hello[:2] == b"\x03\x03"
    assert hello[34:] == b"\x00\xc0\x2b\x00" + b"\x00\x05\xff\x01\x00\x01\x00"
    assert exchange[:4] == b"\x03\x00\x17\x41" and exchange[69:71] == b"\x04\x03"
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), exchange[4:69])
    assert int.from_bytes(exchange[71:73]) == len(exchange) - 73
    utils.decode_dss_signature(exchange[73:])


def test_positions(data: tuple[bytes, bytes], chain: list[bytes]) -> None:
    """What the self-test changes is in the leaf's serial number and the suite's second octet."""
    [forged] = self_test._FORGED
    changed = bytearray(data[1])
    changed[forged] ^= self_test._FORGED[forged]
    start = data[1].index(chain[0])
    other = x509.load_der_x509_certificate(bytes(changed[start : start + len(chain[0])]))
    leaf = x509.load_der_x509_certificate(chain[0])
    assert other.serial_number != leaf.serial_number
    assert other.serial_number ^ leaf.serial_number < 1 << 152
    assert (other.issuer, other.signature) == (leaf.issuer, leaf.signature)
    [suite] = self_test._OTHER_SUITE
    assert data[1][suite - 1 : suite + 1] == b"\xc0\x2b"
    assert data[1][suite] ^ self_test._OTHER_SUITE[suite] == 0x2F


def test_in_force_by_no_accident() -> None:
    """The file's name is none that a board looks for, and no private key was committed."""
    files = list(selftest_flight.FOLDER.glob("*.bin"))
    assert selftest_flight.ROOT in {file.name for file in files}
    assert not selftest_flight.ROOT.startswith("roots")
    assert selftest_flight.ROOT not in (selftest_flight.FOLDER / "bundle.py").read_text()
