"""Any bytes into any reader of the device library: a value or the family's error, in bounds.

Three sources: bytes at random, nested DER at random, and valid input damaged at random. What
stands behind a digest is sealed anew, or the digest would be all that is ever tested.
"""

import hashlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from _flights import Raw, Seen
from _made import (
    EC_PUBLIC_KEY,
    FAKE_MODULUS,
    NOW,
    PRIME256V1,
    RSA_ENCRYPTION,
    blob,
    bundle,
    certificate_for,
    ec_key,
    element,
    pem,
    pkcs8,
    rsa_key,
    sequence,
    trimmed,
)
from _mutations import Mutator
from data_chains import CONSTRAINED, EC_INT, LEAF, RSA_LEAF
from data_flights import EC_FLIGHT, RSA_FLIGHT
from data_roots import EC_ROOT, P521, RSA_ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ats_trust import der, endpoint, errors, pins, signature, x509
from ats_trust.bundle import Bundle, name_keys
from ats_trust.credentials import Files, load_device
from ats_trust.errors import BundleError, ConfigError, PeerRejected, TrustError
from ats_trust.judge import Judge
from ats_trust_tools.endpoints import ats_host

_BUNDLE = bundle((0x12, trimmed(EC_ROOT)), (0x43, trimmed(RSA_ROOT)))
_BLOB = blob(certificate_for(FAKE_MODULUS), rsa_key())
_KEYS = (
    rsa_key(),
    pkcs8(RSA_ENCRYPTION, rsa_key()),
    ec_key(),
    pkcs8(EC_PUBLIC_KEY + PRIME256V1, ec_key(curve=None)),
)
_thorough = settings(max_examples=400)
_MOST_MEMORY = 200_000  # bytes; the largest file that is read at once has 16 KB of text

_tags = st.sampled_from([0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x17, 0x18, 0x82, 0x87])
_leaves = st.builds(element, _tags, st.binary(max_size=40))
_nested = st.recursive(
    _leaves,
    lambda inner: st.builds(
        lambda tag, parts: element(tag, *parts),
        st.sampled_from([0x30, 0x30, 0x31, 0xA0, 0xA1, 0xA3, 0x04]),
        st.lists(inner, max_size=6),
    ),
    max_leaves=25,
)


def _damaged(*valid: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda seed, whole: Mutator(seed).damaged(whole),
        st.integers(1, 2**32 - 1),
        st.sampled_from(valid),
    )


def _resealed(whole: bytes) -> st.SearchStrategy[bytes]:
    start, stop = der.only(whole, 0, len(whole))
    body = whole[start : der.expect(whole, start, stop)[1]]
    return st.one_of(_damaged(body), _nested).map(
        lambda changed: sequence(changed, element(0x04, hashlib.sha256(changed).digest()))
    )


def _bytes(*valid: bytes) -> st.SearchStrategy[bytes]:
    return st.one_of(st.binary(max_size=300), _nested, _damaged(*valid))


@_thorough
@given(data=_bytes(LEAF), start=st.integers(0, 400), stop=st.integers(0, 400))
def test_der(data: bytes, start: int, stop: int) -> None:
    """An element lies inside of the bytes, or it is a DerError."""
    try:
        _, begin, end = der.header(data, start, stop)
        assert start < begin <= end <= stop <= len(data)
    except der.DerError:
        pass
    for read in (der.integer, der.moment):
        try:
            read(data, start, stop)
        except der.DerError:
            pass


@_thorough
@given(data=_bytes(LEAF, CONSTRAINED, P521, RSA_LEAF, trimmed(EC_ROOT)))
def test_certificate(data: bytes) -> None:
    """Every field of a certificate is read, or it is a DerError."""
    try:
        assert len(name_keys(data)) == 16
    except der.DerError:
        pass
    try:
        found = x509.Certificate(data)
    except der.DerError:
        return
    for field in (
        found.key,
        found.is_ca,
        found.key_usage,
        found.extended_key_usage,
        found.dns_names,
        found.dns_constraints,
    ):
        try:
            field()
        except der.DerError:
            pass


@_thorough
@given(leaf=_bytes(LEAF, RSA_LEAF), issuer=_damaged(EC_INT, CONSTRAINED))
def test_judge(leaf: bytes, issuer: bytes) -> None:
    """A chain of any bytes below a good anchor is judged or refused; unjudged it never passes."""
    anchor = trimmed(EC_ROOT)
    judge = Judge("board.test.example", NOW, anchors=[hashlib.sha256(anchor).digest()])
    try:
        for depth, certificate in ((2, anchor), (1, issuer), (0, leaf)):
            judge.see(memoryview(certificate), depth)
    except (PeerRejected, der.DerError):
        assert not judge.accepted
    else:
        assert judge.accepted


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to write each example to."""
    return tmp_path_factory.mktemp("fuzz") / "file"


@_thorough
@given(data=st.one_of(_bytes(_BUNDLE), _resealed(_BUNDLE)))
@example(data=_BUNDLE)
def test_bundle(file: Path, data: bytes) -> None:
    """A file is a bundle that hands out its anchors, or a BundleError."""
    file.write_bytes(data)
    try:
        found = Bundle(str(file))
        anchors = found.anchors()
        assert bytes(use for use, _ in anchors) == found.uses != b""
        assert len(found.find(name_keys(EC_ROOT), 0x70)) <= len(anchors)
    except BundleError:
        assert data != _BUNDLE


@_thorough
@given(data=st.one_of(_bytes(_BLOB), _resealed(_BLOB)))
@example(data=_BLOB)
def test_blob(file: Path, data: bytes) -> None:
    """A file is a device blob that gives certificate and key, or a ConfigError."""
    file.write_bytes(data)
    try:
        device = load_device(str(file))
        certificate, key = device.credentials()
        assert isinstance(certificate, bytes) and isinstance(key, bytes)
    except ConfigError as error:
        assert error.code == "bad_credentials"
        assert data != _BLOB


def _as_pem(data: bytes) -> bytes:
    return pem("PRIVATE KEY", data)


@_thorough
@given(
    cert=st.one_of(_bytes(certificate_for(FAKE_MODULUS)), _damaged(pem("CERTIFICATE", LEAF))),
    key=st.one_of(_bytes(*_KEYS), _damaged(*map(_as_pem, _KEYS)), _bytes(*_KEYS).map(_as_pem)),
)
def test_credentials(cert: bytes, key: bytes) -> None:
    """Each of the two is read, or it is a ConfigError without a byte of the key."""
    for pair in ((cert, key), (certificate_for(FAKE_MODULUS), key), (cert, rsa_key())):
        try:
            Files(*pair)
        except ConfigError as error:
            assert error.code == "bad_credentials"
            assert "NoRealSecret" not in str(error)


@_thorough
@given(data=_bytes(EC_FLIGHT, RSA_FLIGHT), sizes=st.lists(st.integers(1, 700), min_size=1))
def test_flight(data: bytes, sizes: list[int]) -> None:
    """A flight in any pieces is passed on unchanged, and nothing is raised."""
    flight = Seen(Raw(data))
    got = b""
    turn = 0
    while not flight.finished and not flight.eof:
        buffer = bytearray(sizes[turn % len(sizes)])
        count = flight.readinto(buffer)
        assert count is not None and count >= 0
        got += buffer[:count]
        turn += 1
    assert got == data[: len(got)]
    assert flight.fault is None
    assert len(flight.calls) <= 1 and len(flight.chain) <= 160
    assert len(flight.chain) % (16 if flight.calls else 8) == 0


@_thorough
@given(pin=st.one_of(st.text(), st.binary(), st.text("sha256/+=ABab09"), st.integers(), st.none()))
def test_pins(pin: object) -> None:
    """A pin is 32 bytes, or it is a ConfigError."""
    try:
        assert [len(digest) for digest in pins.parse([pin])] == [32]
    except ConfigError as error:
        assert error.code in ("bad_pin", "whole_certificate_pin")


_labels = st.sampled_from(
    "a -ats x-ats ats iot iot-fips jobs us-east-1 cn-north-1 amazonaws com cn api aws c2s ic gov"
    " 1 * \u0130 \u212a ".split(" ")
)


@_thorough
@given(host=st.one_of(st.text(), st.lists(_labels, max_size=8).map(".".join), st.binary()))
def test_endpoint(host: object) -> None:
    """A name is an endpoint in lower case ASCII, or it is a ConfigError."""
    try:
        found = endpoint.parse(host)
    except ConfigError as error:
        assert error.code == "bad_endpoint"
        return
    assert isinstance(host, str)
    assert found.host == host.lower() and found.host.isascii()
    assert found.port in (443, 8443, 8883)
    assert ats_host(found).isascii()
    assert (found.kind == "custom") == bool(found.roles & endpoint.ROLE_OWN)


@_thorough
@given(
    key=st.one_of(
        st.tuples(st.just("rsa"), st.integers(0, 2**600), st.integers(0, 70000)),
        st.tuples(st.just("secp256r1"), st.binary(min_size=60, max_size=70)),
        st.just(("",)),
    ),
    algorithm=st.sampled_from(["rsa-sha256", "ecdsa-sha256", "rsa-sha384", ""]),
    digest=st.binary(min_size=32, max_size=32),
    signed=st.one_of(st.binary(max_size=100), _nested),
)
def test_signature(key: tuple[object, ...], algorithm: str, digest: bytes, signed: bytes) -> None:
    """A signature at random is none, or is not judged; nothing is raised."""
    assert signature.check(key, algorithm, digest, signed) in (False, None)


def _read_bundle(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    Bundle(str(file))


def _read_blob(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    load_device(str(file))


def _read_key(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    Files(certificate_for(b"x"), str(file))


def _read_certificate(file: Path, data: bytes) -> None:
    x509.Certificate(data)


def _read_flight(file: Path, data: bytes) -> None:
    flight = Seen(Raw(memoryview(data)))  # Not copied: only the reader's memory counts.
    buffer = bytearray(600)
    while not flight.finished and not flight.eof:
        flight.readinto(buffer)


def _read_remedies(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(errors, "library_file", lambda name: str(file))
        remedy = TrustError("expired").remedy
    assert len(remedy) < 300
    assert not remedy or b"expired: " + remedy.encode() + b"\n" in data


@given(data=st.one_of(st.binary(), _damaged(b"heap: Free memory.\nexpired: Renew it.\n" * 2)))
def test_remedies(file: Path, data: bytes) -> None:
    """Whatever is in the file, what to do is a line of it, or nothing."""
    _read_remedies(file, data)


@pytest.mark.parametrize(
    "read",
    [_read_bundle, _read_blob, _read_key, _read_certificate, _read_flight, _read_remedies],
)
@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x83\xff\xff\xff" * 4000,
        b"\x30\x82\xff\xff" + b"\x04\x83\xff\xff\xff" * 13000,
        sequence(b"\x02\x83\xff\xff\xff" + bytes(60000)),
        bytes(100_000),
        b"\x30\x80" * 50_000,
        b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 100_000,
        b"-----BEGIN PRIVATE KEY-----\n" * 4000,
        b"\x16\x03\x03\xff\xff\x0b\xff\xff\xff\xff\xff\xf0" + b"\x00\x40\x00" * 30_000,
        b"\x16\x03\x03\xff\xff\x0b\x00\xff\xff\x00\xff\xf0" + b"\x00\x00\x01x" * 16_000,
    ],
    ids=range(9),
)
def test_memory_is_bounded(read: Callable[[Path, bytes], None], data: bytes, file: Path) -> None:
    """Claims of large lengths, large files and deep nesting take no memory in proportion."""
    tracemalloc.start()
    try:
        read(file, data)
    except TrustError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < _MOST_MEMORY
