"""Each impostor has its one deviation, and nothing else is wrong with it.

Shown three ways: against the genuine chain, part by part; by a CPython client, which refuses it
for that reason; and by `openssl verify`, which accepts it once that one check is lifted.
"""

import dataclasses
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

from ats_trust_tools.emulate import HOST, IMPOSTORS, Emulator
from ats_trust_tools.emulate.keys import shared
from ats_trust_tools.emulate.pki import Pki
from ats_trust_tools.emulate.recipe import Door, Recipe

CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05probe"
CASES = [(name, kind) for name, one in IMPOSTORS.items() for kind in one.kinds]

# What differs from the genuine chain, certificate by certificate, leaf first. A key brings its
# identifiers along, a name those of whatever is found under it.
DIFFERENCES = {
    "unknown-ca": ("issuer key keyid", "subject issuer key keyid", "subject issuer key keyid"),
    "same-name-other-key": ("key keyid", "key keyid", "key keyid"),
    "self-signed": ("issuer keyid places",),
    "missing-intermediate": ("", ""),
    "expired": ("not_after", "", ""),
    "not-yet-valid": ("not_before", "", ""),
    "wrong-name": ("subject names", "", ""),
    "common-name-only": ("names", "", ""),
    "wildcard-too-deep": ("subject names", "", ""),
    "client-auth-only": ("purposes", "", ""),
    "intermediate-not-ca": ("", "constraints", ""),
    "path-too-long": ("issuer keyid places", "", ""),
    "sha1": ("algorithm", "", ""),
    "rsa-1024": ("key keyid", "", ""),
    "odd-curve": ("algorithm keyid", "key keyid", ""),
    "stolen-chain": ("", "", ""),
    "name-constraint-violated": ("", "permitted", ""),
    "name-constraint-critical": ("", "permitted", ""),
    "huge-chain": ("", "", ""),
    "legacy-chain": ("issuer key keyid", "subject issuer key keyid places"),
}

# How CPython's client (TLS 1.2) refuses each; None: it does not.
CPYTHON = {
    "unknown-ca": "unable to get local issuer certificate",
    "same-name-other-key": "unable to get local issuer certificate",
    "self-signed": "self-signed certificate",
    "missing-intermediate": "unable to get local issuer certificate",
    "expired": "certificate has expired",
    "not-yet-valid": "certificate is not yet valid",
    "wrong-name": "Hostname mismatch",
    "common-name-only": "Hostname mismatch",
    "wildcard-too-deep": "Hostname mismatch",
    "client-auth-only": "unsuitable certificate purpose",
    "intermediate-not-ca": "invalid CA certificate",
    "path-too-long": "path length constraint exceeded",
    "sha1": "CA signature digest algorithm too weak",
    "rsa-1024": "EE certificate key too weak",
    "odd-curve": None,
    "stolen-chain": "BAD_SIGNATURE",
    "name-constraint-violated": "permitted subtree violation",
    "name-constraint-critical": None,
    "captive-portal": "WRONG_VERSION_NUMBER",
    "plain-tcp": "WRONG_VERSION_NUMBER",
    "close-in-hello": "UNEXPECTED_EOF_WHILE_READING",
    "silent": "timed out",
    "garbage-after-hello": "WRONG_VERSION_NUMBER",
    "truncated-certificate": "ASN1",
    "huge-chain": None,
    "legacy-chain": "unable to get local issuer certificate",
    "tls13-only": "PROTOCOL_VERSION",
    "no-shared-suite": "HANDSHAKE_FAILURE",
    "no-client-cert": "HANDSHAKE_FAILURE",
    "inactive-cert": "CERTIFICATE_UNKNOWN",
    "policy-denied": None,
}


def loaded(ders: tuple[bytes, ...]) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(der) for der in ders]


def parts(certificate: x509.Certificate) -> dict[str, object]:
    """A certificate as everything that may deviate, serial number and signature apart."""
    extensions = {one.oid: (one.critical, one.value) for one in certificate.extensions}
    named = {
        "names": ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        "purposes": ExtensionOID.EXTENDED_KEY_USAGE,
        "usage": ExtensionOID.KEY_USAGE,
        "constraints": ExtensionOID.BASIC_CONSTRAINTS,
        "permitted": ExtensionOID.NAME_CONSTRAINTS,
        "policy": ExtensionOID.CERTIFICATE_POLICIES,
        "timestamps": ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS,
    }
    key_identifiers = (
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    )
    places = (ExtensionOID.AUTHORITY_INFORMATION_ACCESS, ExtensionOID.CRL_DISTRIBUTION_POINTS)
    public_key = certificate.public_key()
    found: dict[str, object] = {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "key": public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "algorithm": certificate.signature_algorithm_oid,
        "keyid": [extensions.pop(oid, None) for oid in key_identifiers],
        "places": [extensions.pop(oid, None) for oid in places],
    }
    for name, oid in named.items():
        found[name] = extensions.pop(oid, None)
    assert not extensions, "an extension that nothing here compares"
    return found


def test_each_impostor_changes_one_field():
    """A change of one field of the chain or of the door, to something else than is genuine."""
    for one in IMPOSTORS.values():
        assert len(one.chain) + len(one.door) == 1, one.name
        for kind in one.kinds:
            changed = (one.recipe(Recipe(kind)), one.opened(Door()))
            assert changed != (Recipe(kind), Door()), one.name
        assert one.summary.endswith(".") and len(one.summary) < 100, one.name
    assert set(CPYTHON) == set(IMPOSTORS)
    unreadable = {"truncated-certificate"}
    assert set(DIFFERENCES) | unreadable == {o.name for o in IMPOSTORS.values() if o.chain}


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, kind in CASES if name in DIFFERENCES]
)
def test_chain_differs_in_the_announced_parts_only(name, kind):
    """Every other part of every certificate equals that of the genuine chain."""
    pki = Pki(shared, HOST)
    recipe = IMPOSTORS[name].recipe(Recipe(kind))
    genuine = loaded(pki.chain(Recipe(kind)).certificates)
    deviant = loaded(pki.chain(recipe).certificates)
    if not recipe.send_intermediate:
        del genuine[1]
    if recipe.second_intermediate:
        del deviant[1]
    found = []
    for before, after in zip(genuine, deviant, strict=False):
        old, new = parts(before), parts(after)
        found.append(" ".join(part for part in old if old[part] != new[part]))
    expected = list(DIFFERENCES[name])
    if (name, kind) == ("odd-curve", "ecdsa"):
        expected[0] = "keyid"  # An ECDSA chain's signatures are ECDSA anyway.
    assert found == expected


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_truncated_certificate_is_the_genuine_one_cut_short(kind):
    """The bytes that are there are a genuine leaf's; the rest of the chain is whole."""
    recipe = IMPOSTORS["truncated-certificate"].recipe(Recipe(kind))
    chain = Pki(shared, HOST).chain(recipe)
    assert chain.whole_leaf.startswith(chain.certificates[0])
    assert len(chain.certificates[0]) == len(chain.whole_leaf) - 100
    x509.load_der_x509_certificate(chain.whole_leaf)
    assert len(loaded(chain.certificates[1:])) == 2


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_huge_chain_does_not_fit_a_record(kind):
    """Over 16 KB in all, and no certificate of it is odd by itself."""
    recipe = IMPOSTORS["huge-chain"].recipe(Recipe(kind))
    certificates = Pki(shared, HOST).chain(recipe).certificates
    assert 16384 < sum(map(len, certificates)) < 18500
    assert max(map(len, certificates)) < 2000


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_cpython_refuses_it_for_its_deviation(name, kind):
    """CPython's own client names the deviation, and sends nothing to whom it refuses."""
    with Emulator(chain=kind, impostor=name, mqtt=False) as emulator:
        context = ssl.create_default_context(cafile=emulator.roots_pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        # Not ChaCha20, as on a board; and the security level of a strict system.
        context.set_ciphers("ECDHE+AESGCM:@SECLEVEL=2")
        context.hostname_checks_common_name = False
        if name == "inactive-cert":
            context.load_cert_chain(*emulator.client_certificate())
        answer = refusal = None
        with socket.create_connection(("127.0.0.1", emulator.port), timeout=1) as raw:
            try:
                with context.wrap_socket(raw, server_hostname=emulator.host) as client:
                    client.sendall(CONNECT)
                    if name == "policy-denied":
                        answer = client.recv(4)
            except OSError as error:
                refusal = str(error)
        seen = emulator.settle()[0]
    expected = CPYTHON[name]
    if expected is None:
        assert refusal is None and seen.handshake_complete
        assert seen.application_bytes == len(CONNECT)
        assert answer == (b"" if name == "policy-denied" else None)
    else:
        assert refusal is not None and expected in refusal
        assert not seen.handshake_complete and seen.application_bytes == 0


def verify(tmp_path: Path, chain: tuple[bytes, ...], anchors: bytes, *arguments: str) -> str:
    """What `openssl verify` says of the leaf, as a TLS client would ask; "" when it accepts."""
    pem = [one.public_bytes(Encoding.PEM) for one in loaded(chain)]
    (tmp_path / "leaf.pem").write_bytes(pem[0])
    (tmp_path / "rest.pem").write_bytes(b"".join(pem[1:]) or pem[0])
    (tmp_path / "anchors.pem").write_bytes(anchors)
    command = ["openssl", "verify", "-no-CAfile", "-no-CApath", "-no-CAstore"]
    command += ["-trusted", "anchors.pem", "-untrusted", "rest.pem", *arguments, "leaf.pem"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=10)
    return "" if done.returncode == 0 else done.stderr


TLS_CLIENT = ("-purpose", "sslserver", "-verify_hostname", HOST, "-auth_level", "2")
SERVER = ("-purpose", "sslserver")
NAMED = ("-verify_hostname", HOST)
# The arguments without the one check that the impostor fails.
LIFTED = {
    "expired": (*TLS_CLIENT, "-no_check_time"),
    "not-yet-valid": (*TLS_CLIENT, "-no_check_time"),
    "wrong-name": ("-purpose", "sslserver", "-auth_level", "2"),
    "wildcard-too-deep": ("-purpose", "sslserver", "-auth_level", "2"),
    "client-auth-only": ("-purpose", "sslclient", *NAMED, "-auth_level", "2"),
    "sha1": (*SERVER, *NAMED, "-auth_level", "0"),
    "rsa-1024": (*SERVER, *NAMED, "-auth_level", "1"),
}


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[0] in LIFTED])
def test_it_is_accepted_once_its_check_is_lifted(name, kind, tmp_path):
    """`openssl verify` refuses it, and accepts it without the one check that it fails."""
    pki = Pki(shared, HOST)
    chain = pki.chain(IMPOSTORS[name].recipe(Recipe(kind))).certificates
    assert verify(tmp_path, chain, pki.roots_pem(), *TLS_CLIENT)
    assert verify(tmp_path, chain, pki.roots_pem(), *LIFTED[name]) == ""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        case
        for case in CASES
        if case[0] in ("unknown-ca", "same-name-other-key", "self-signed", "legacy-chain")
    ],
)
def test_it_is_accepted_by_who_trusts_its_top(name, kind, tmp_path):
    """Nothing is wrong below the anchor: with the last certificate sent as one, it passes."""
    pki = Pki(shared, HOST)
    chain = pki.chain(IMPOSTORS[name].recipe(Recipe(kind))).certificates
    assert verify(tmp_path, chain, pki.roots_pem(), *TLS_CLIENT, "-partial_chain")
    top = loaded(chain)[-1].public_bytes(Encoding.PEM)
    assert verify(tmp_path, chain, top, *TLS_CLIENT, "-partial_chain") == ""


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_missing_intermediate_is_all_that_is_missing(kind, tmp_path):
    """With the intermediate put back the chain passes."""
    pki = Pki(shared, HOST)
    chain = pki.chain(IMPOSTORS["missing-intermediate"].recipe(Recipe(kind))).certificates
    assert verify(tmp_path, chain, pki.roots_pem(), *TLS_CLIENT)
    whole = (chain[0], pki.chain(Recipe(kind)).certificates[1], *chain[1:])
    assert verify(tmp_path, whole, pki.roots_pem(), *TLS_CLIENT) == ""


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
@pytest.mark.parametrize("name", ["common-name-only", "odd-curve", "huge-chain", "stolen-chain"])
def test_openssl_finds_no_other_fault(name, kind, tmp_path):
    """These four a TLS client of the usual kind accepts as chains; nothing else is odd."""
    pki = Pki(shared, HOST)
    chain = pki.chain(IMPOSTORS[name].recipe(Recipe(kind))).certificates
    assert verify(tmp_path, chain, pki.roots_pem(), *TLS_CLIENT) == ""


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_stolen_chain_is_served_well_but_for_the_key(kind):
    """The same careless server is accepted when it does hold the key."""
    genuine = Emulator(chain=kind, impostor="stolen-chain", mqtt=False)
    recipe = genuine._recipes[0]
    chain = genuine.pki.chain(dataclasses.replace(recipe, holds_leaf_key=True))
    # Still marked as one that OpenSSL is not given, so that tlslite-ng serves it.
    genuine.pki._chains[recipe] = dataclasses.replace(chain, is_consistent=False)
    with genuine as emulator:
        context = ssl.create_default_context(cafile=emulator.roots_pem)
        with (
            socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as raw,
            context.wrap_socket(raw, server_hostname=emulator.host) as client,
        ):
            client.sendall(CONNECT)
        seen = emulator.settle()[0]
    assert seen.handshake_complete and seen.after_handshake == len(CONNECT)


def test_door_impostors_are_genuine_otherwise():
    """TLS 1.3 and ChaCha20: a client that has them authenticates the server and gets in."""
    for name, version in (("tls13-only", "TLSv1.3"), ("no-shared-suite", "TLSv1.2")):
        with Emulator(impostor=name, tls13=False, mqtt=False) as emulator:
            context = ssl.create_default_context(cafile=emulator.roots_pem)
            with (
                socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as raw,
                context.wrap_socket(raw, server_hostname=emulator.host) as client,
            ):
                assert client.version() == version


@pytest.mark.parametrize("name", ["no-client-cert", "policy-denied"])
def test_servers_that_refuse_the_client_are_genuine(name):
    """With a device certificate the first lets the client in; the second hears CONNECT."""
    with Emulator(impostor=name, mqtt=False) as emulator:
        context = ssl.create_default_context(cafile=emulator.roots_pem)
        context.load_cert_chain(*emulator.client_certificate())
        with (
            socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as raw,
            context.wrap_socket(raw, server_hostname=emulator.host) as client,
        ):
            client.sendall(CONNECT)
        assert emulator.settle()[0].after_handshake == len(CONNECT)
