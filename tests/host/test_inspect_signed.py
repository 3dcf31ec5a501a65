"""`inspect` of signed bundles: what they say, whose word it is, and every byte that is not so."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ats_trust import der
from ats_trust.errors import BundleError, TrustError
from ats_trust.signed import SignedBundle, key_id
from ats_trust_tools.bundle import FORMAT
from ats_trust_tools.certificate import fields
from ats_trust_tools.der_writer import octet_string, sequence
from ats_trust_tools.errors import ToolError
from ats_trust_tools.inspect_file import explain
from ats_trust_tools.roots import load_manifest
from ats_trust_tools.signed_bundle import Terms, refusal, sign_bundle
from ats_trust_tools.signing_key import new_signing_key, point_of
from ats_trust_tools.stamps import stamp
from ats_trust_tools.trim import trim
from made_certificates import DAY, NOW
from shell import Shell
from signing import HOST, make_keys, make_signed

KEYS = [new_signing_key() for _ in range(3)]
POINTS = [point_of(key.public_key()) for key in KEYS]
ROOTS = [
    (root.anchor.use, trim(root.certificate))
    for root in load_manifest().roots
    if "data-ats" in root.endpoints
]
TERMS = Terms(NOW + 30 * DAY, False, (POINTS[0], POINTS[1]), (HOST,))


def signed(
    entries: list[tuple[int, bytes]] = ROOTS,
    version: int = 7,
    built_at: datetime = NOW,
    terms: Terms = TERMS,
    key: EllipticCurvePrivateKey = KEYS[0],
) -> bytes:
    """A signed bundle; what is different from the usual one as keywords."""
    return sign_bundle(entries, version=version, built_at=built_at, terms=terms, key=key)


def parts(content: bytes) -> tuple[bytes, bytes, bytes]:
    """Body, signer and value of a signed bundle."""
    start, stop = der.only(content, 0, len(content))
    end = der.expect(content, start, stop)[1]
    body = content[start:end]
    at, stop = der.only(content, der.expect(content, end, stop, 0x04)[1], stop)
    signer, at = der.octets(content, at, stop, 0x04)
    return body, signer, der.octets(content, at, stop, 0x04)[0]


def sealed(body: bytes, signer: bytes, value: bytes) -> bytes:
    """The file of these parts, with the right digest."""
    end = sequence(octet_string(signer), octet_string(value))
    return sequence(body, octet_string(hashlib.sha256(body).digest()), end)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def test_a_signed_bundle_is_explained(shell: Shell) -> None:
    """Format, signer, both signers, expiry, endpoints, distrust; without a warning."""
    make_keys(shell)
    make_signed(shell, "--distrust --endpoint iot.example.com")

    shown = shell.ok("inspect signed.bin --json")

    ids = [key_id(point).hex() for point in SignedBundle(str(shell.path("signed.bin"))).signers]
    assert shown.err == ""
    assert shown.json["format"] == 2
    assert shown.json["update"] == {
        "signer": ids[0],
        "signers": ids,
        "refused": "",
        "expires": shown.json["update"]["expires"],
        "expired": False,
        "endpoints": [HOST, "iot.example.com"],
        "distrust": True,
    }
    told = shell.ok("inspect signed.bin").out
    assert f"  signed by    {ids[0]}: the signature holds\n" in told
    assert f"  next one by  {ids[0]} or {ids[1]}\n" in told
    assert f"  proved at    {HOST}, iot.example.com\n" in told
    assert "  distrust     of all that it leaves out\n" in told
    unsigned = shell.ok("inspect roots.bin --json").json
    assert (unsigned["format"], unsigned["update"]) == (FORMAT, None)


def test_one_that_expired_is_told(shell: Shell) -> None:
    """It says that it is too late for boards that have not got it."""
    terms = Terms(NOW - DAY, False, TERMS.signers, TERMS.endpoints)
    shell.path("signed.bin").write_bytes(signed(terms=terms))

    shown = shell.ok("inspect signed.bin")
    assert "it expired as an update on " in shown.err
    assert ": past, it is installed no more" in shown.out
    assert shell.ok("inspect signed.bin --json").json["update"]["expired"] is True


def _by_another_key(body: bytes, signer: bytes, value: bytes) -> bytes:
    return sealed(body, key_id(POINTS[1]), value)


def _by_a_stranger(body: bytes, signer: bytes, value: bytes) -> bytes:
    return sealed(body, key_id(POINTS[2]), value)


def _changed(body: bytes, signer: bytes, value: bytes) -> bytes:
    return sealed(body.replace(b"a1b2c3", b"a1b2c4"), signer, value)


FORGED: dict[str, tuple[Callable[[bytes, bytes, bytes], bytes], str]] = {
    "changed": (_changed, "its signature does not hold"),
    "another key": (_by_another_key, "its signature does not hold"),
    "a stranger": (_by_a_stranger, "it was signed by a key that it does not name itself"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_signature_that_does_not_hold_is_told(case: str, shell: Shell) -> None:
    """The file is whole, and what it says is shown, as nobody's word: exit status 1."""
    forge, said = FORGED[case]
    shell.path("signed.bin").write_bytes(forge(*parts(signed())))

    shown = shell.run("inspect signed.bin")
    as_json = shell.run("inspect signed.bin --json")

    assert shown.status == as_json.status == 1
    assert f"warning: {said}" in shown.err and said in shown.out
    assert as_json.json["update"]["refused"].startswith(said)
    assert "amazon-root-ca-1" in shown.out


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """Wherever a bundle is changed it is damaged, or its signature does not hold."""
    path = tmp_path / "signed.bin"
    content = signed()
    at_digest = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            assert refusal(SignedBundle(str(path))), position
        except BundleError:
            at_digest += 1
    signature = len(parts(content)[1] + parts(content)[2])
    assert len(content) - at_digest <= signature


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    """A part of a bundle is no bundle, nor is one with something behind it."""
    path = tmp_path / "signed.bin"
    content = signed()
    for length in [*range(0, len(content), 7), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(BundleError):
            SignedBundle(str(path))
    path.write_bytes(content + b"\0")
    with pytest.raises(BundleError):
        SignedBundle(str(path))


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABEL, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"]))


@settings(max_examples=60)
@given(
    version=st.integers(0, (1 << 63) - 1),
    age=st.timedeltas(min_value=0 * DAY, max_value=3000 * DAY),
    life=st.timedeltas(min_value=-400 * DAY, max_value=400 * DAY),
    distrust=st.booleans(),
    hosts=st.lists(HOSTS, min_size=1, max_size=4, unique=True),
    keys=st.permutations(range(3)),
    count=st.integers(1, len(ROOTS)),
)
def test_boards_read_what_was_signed(
    tmp_path_factory: pytest.TempPathFactory,
    version: int,
    age: timedelta,
    life: timedelta,
    distrust: bool,
    hosts: list[str],
    keys: list[int],
    count: int,
) -> None:
    """Whatever is signed, the device library reads the same, and its signature holds there."""
    built_at, expires = NOW - age, NOW + life
    signer, other, _ = keys
    content = sign_bundle(
        ROOTS[:count],
        version=version,
        built_at=built_at,
        terms=Terms(expires, distrust, (POINTS[other], POINTS[signer]), hosts),
        key=KEYS[signer],
    )
    path = tmp_path_factory.mktemp("signed") / "signed.bin"
    path.write_bytes(content)

    found = SignedBundle(str(path))

    assert (found.version, found.built_at, found.expires) == (
        version,
        stamp(built_at),
        stamp(expires),
    )
    assert (found.distrust, found.endpoints) == (distrust, hosts)
    assert found.signers == [POINTS[other], POINTS[signer]]
    assert found.signer == key_id(POINTS[signer])
    assert found.anchors() == ROOTS[:count]
    assert found.not_after == stamp(max(fields(one).not_after for _, one in ROOTS[:count]))
    assert refusal(found) == ""


@given(st.data())
def test_whatever_is_sealed_anew_is_explained_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Damage behind a right digest gives facts that say so, or a sentence; nothing else."""
    body, signer, value = parts(SAMPLE)
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        # From the end, where the terms are, or anywhere.
        where = data.draw(st.integers(-260, -1) | st.integers(0, len(body) - 1))
        changed[where] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("any") / "signed.bin"
    path.write_bytes(sealed(bytes(changed), signer, value))
    try:
        found = explain(path, load_manifest(), datetime.now(UTC))
        # The first bytes may say that it is something else, as a private key.
        same = bytes(changed) == body or found["kind"] != "bundle"
        assert same or found["update"]["refused"]
    except (ToolError, TrustError) as error:
        assert str(error)


SAMPLE = signed()
