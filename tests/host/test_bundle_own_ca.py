"""`bundle --ca`: a user's own CA, and every certificate that is no good as one."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ats_trust import bundle as board_bundle
from ats_trust_tools.anchor_check import own_anchor
from ats_trust_tools.certificate import fields, load
from ats_trust_tools.errors import ToolError
from ats_trust_tools.roots import Intermediate, load_manifest
from ats_trust_tools.trim import trim
from made_certificates import DAY, NOW, Made, certificate, name
from shell import Shell

OWN = "bundle --roots none --ca ca.pem -o roots.bin"
CERT_SIGN = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": True,
    "crl_sign": True,
    "encipher_only": False,
    "decipher_only": False,
}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def pem(certificate_der: bytes) -> bytes:
    """Return a DER certificate as PEM."""
    return x509.load_der_x509_certificate(certificate_der).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("form", ["PEM", "DER", "PEM with CRLF and text around it"])
def test_an_own_ca_becomes_an_anchor_for_own_names(form: str, shell: Shell) -> None:
    """A self-signed CA goes in with the role `own` and both leaf key types."""
    ca = certificate("Workshop Root")
    content = {
        "PEM": ca.pem,
        "DER": ca.der,
        "PEM with CRLF and text around it": b"Subject: ours\r\n" + ca.pem.replace(b"\n", b"\r\n"),
    }[form]
    shell.path("ca.pem").write_bytes(content)

    anchors = shell.ok(OWN + " --endpoint devices.example.com --json").json["anchors"]

    assert [(a["name"], a["roles"], a["leaf_keys"]) for a in anchors] == [
        ("Workshop Root", ["own"], ["rsa", "ecdsa"])
    ]
    found = board_bundle.Bundle(str(shell.path("roots.bin")))
    assert list(found.anchors()) == [(0x43, trim(ca.der))]


def test_own_cas_are_added_to_the_roots_of_a_board(shell: Shell) -> None:
    """--ca beside --board adds to the board's roots; one file may hold several CAs."""
    first, second = certificate("First"), certificate("Second", number=1)
    shell.path("ca.pem").write_bytes(first.pem + second.pem)

    plan = shell.ok("bundle --board RPI_PICO_W --ca ca.pem -o roots.bin --json").json

    assert len(plan["anchors"]) == 7
    assert [anchor["name"] for anchor in plan["anchors"][5:]] == ["First", "Second"]


def test_an_own_ca_is_refused_for_an_aws_endpoint(shell: Shell) -> None:
    """An own CA never answers for an AWS name, so a bundle of both makes no sense."""
    shell.path("ca.pem").write_bytes(certificate().pem)

    said = shell.refused(OWN + " --endpoint x-ats.iot.eu-central-1.amazonaws.com", status=2)

    assert "Workshop Root may not answer for x-ats.iot.eu-central-1.amazonaws.com" in said
    assert shell.files() == ["ca.pem"]


def amazon_root_ca_1() -> bytes:
    """The real one."""
    return load_manifest().find("amazon-root-ca-1").certificate


def leaf() -> Made:
    """A server's certificate below the workshop's CA."""
    return certificate("server", number=1, issuer=certificate(), ca=False, host="a.example.com")


def in_utf8(name: Iterable[x509.NameAttribute], common_name: str = "") -> x509.Name:
    """Return the same name encoded as UTF8String where Amazon has PrintableString."""
    return x509.Name(
        x509.NameAttribute(
            one.oid, common_name if common_name and one.oid == NameOID.COMMON_NAME else one.value
        )
        for one in name
    )


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "leaf": (
        lambda: leaf().pem,
        "it is the certificate of one server or device, signed by Workshop Root; give the "
        "self-signed root",
    ),
    "intermediate": (
        lambda: certificate("Issuing CA", number=1, issuer=certificate()).pem,
        "it is an intermediate CA, signed by Workshop Root",
    ),
    "self-signed server": (lambda: certificate(ca=False).pem, "does not say that it is a CA"),
    "no basicConstraints": (lambda: certificate(ca=None).pem, "does not say that it is a CA"),
    "keyUsage without keyCertSign": (
        lambda: (
            certificate(extensions=(x509.KeyUsage(**{**CERT_SIGN, "key_cert_sign": False}),)).pem
        ),
        "its keyUsage does not let it sign certificates",
    ),
    "expired": (
        lambda: certificate(starts=NOW - 90 * DAY, ends=NOW - DAY).pem,
        f"it expired on {NOW - DAY:%Y-%m-%d}",
    ),
    "not yet valid": (lambda: certificate(starts=NOW + DAY).pem, "it is not valid before"),
    "RSA 1024": (lambda: certificate(kind="RSA 1024").pem, "its key is RSA 1024"),
    "odd curve": (lambda: certificate(kind="secp256k1").pem, "its key is EC secp256k1"),
    "Ed25519": (lambda: certificate(kind="Ed25519").pem, "its key is Ed25519"),
    "wrong self-signature": (
        lambda: certificate(issuer=certificate(number=2), number=1).pem,
        "its self-signature is wrong",
    ),
    "trimmed": (lambda: trim(certificate().der), "it is an anchor that was trimmed already"),
    "no subject": (
        lambda: certificate(x509.Name([]), issuer_name=x509.Name([])).pem,
        "it has no subject",
    ),
    "name of a root, another key": (
        lambda: certificate(load(amazon_root_ca_1()).subject).pem,
        "it has the name of Amazon Root CA 1 but another key",
    ),
    "name of a root in other string types": (
        lambda: certificate(in_utf8(load(amazon_root_ca_1()).subject)).pem,
        "it has the name of Amazon Root CA 1 but another key",
    ),
    "name of a root in other letters and order": (
        lambda: (
            certificate(
                in_utf8(reversed(list(load(amazon_root_ca_1()).subject)), " amazon  ROOT ca 1 ")
            ).pem
        ),
        "it has the name of Amazon Root CA 1 but another key",
    ),
    "unknown intermediate of Amazon": (
        lambda: (
            certificate(
                x509.Name(
                    [
                        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Amazon"),
                        x509.NameAttribute(NameOID.COMMON_NAME, "Amazon RSA 2048 M77"),
                    ]
                ),
                issuer=certificate("A root"),
                number=1,
            ).pem
        ),
        "it is Amazon RSA 2048 M77, an intermediate of Amazon",
    ),
    "a shipped root": (
        lambda: pem(load_manifest().find("amazon-root-ca-3").certificate),
        "it is Amazon Root CA 3; an own CA never answers for AWS names, so take it with "
        "--roots amazon-root-ca-3",
    ),
    "private key": (
        lambda: certificate().key_bytes(),
        "it holds no certificate but a PRIVATE KEY",
    ),
    "cut off PEM": (lambda: certificate().pem[:-30], "its CERTIFICATE block is cut off"),
    "damaged base64": (
        lambda: certificate().pem.replace(b"M", b"!", 3),
        "its CERTIFICATE block is damaged",
    ),
    "cut off DER": (lambda: certificate().der[:-5], "it begins like DER but is cut off"),
    "DER with more behind it": (lambda: certificate().der * 2, "bytes follow the end of the DER"),
    "an HTML page": (lambda: b"<!DOCTYPE html><p>Not found", "it is neither PEM"),
    "empty": (lambda: b"", "is empty"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_is_no_good_as_an_anchor_is_refused_with_the_reason(case: str, shell: Shell) -> None:
    """One sentence says what the file is and what to use; the old bundle stays as it was."""
    make, reason = REFUSED[case]
    shell.path("ca.pem").write_bytes(make())
    shell.path("roots.bin").write_bytes(b"the old one")

    said = shell.refused(OWN)

    assert reason in said
    assert "ca.pem" in said
    assert shell.path("roots.bin").read_bytes() == b"the old one"
    assert shell.files() == ["ca.pem", "roots.bin"]


def test_server_ca_1b_in_the_name_of_root_ca_1_is_recognized(
    shell: Shell, shared_chains: Path
) -> None:
    """The intermediate that firmware in the wild calls AmazonRootCA1 is called by its name."""
    chain = (shared_chains / "iot.us-east-1_RSA_2022.pem").read_bytes()
    server_ca_1b = x509.load_pem_x509_certificates(chain)[1]
    shell.path("AmazonRootCA1.pem").write_bytes(server_ca_1b.public_bytes(Encoding.PEM))

    said = shell.refused("bundle --roots none --ca AmazonRootCA1.pem -o roots.bin")

    assert "it is Amazon Server CA 1B, whatever the file is called" in said
    assert "use --roots amazon-root-ca-1" in said


def test_a_cross_signed_root_is_recognized_as_the_root(shell: Shell, shared_chains: Path) -> None:
    """Amazon Root CA 1 as signed by Starfield is the same anchor as the self-signed one."""
    chain = (shared_chains / "iot.eu-central-1_RSA_2025.pem").read_bytes()
    twin = x509.load_pem_x509_certificates(chain)[2]
    shell.path("ca.pem").write_bytes(twin.public_bytes(Encoding.PEM))

    said = shell.refused(OWN)

    assert "it is Amazon Root CA 1 (its cross-signed twin, the same trust anchor)" in said


def test_a_known_intermediate_is_recognized_by_its_key() -> None:
    """The key decides, whatever name, issuer or dates a certificate of an intermediate has."""
    posing = certificate("Amazon Root CA 1")
    known = Intermediate("Amazon Server CA 1B", fields(posing.der).key_sha256, "amazon-root-ca-1")
    manifest = replace(load_manifest(), intermediates=(known,))

    with pytest.raises(ToolError, match=r"it is Amazon Server CA 1B.*--roots amazon-root-ca-1"):
        own_anchor(posing.der, manifest, NOW)


def test_limits_that_an_anchor_can_not_keep_are_warned_of(shell: Shell) -> None:
    """Name constraints, path length and key purposes of a root do not survive as an anchor."""
    constraints = x509.NameConstraints([x509.DNSName("example.com")], None)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    limited = certificate(
        "Limited", path_length=0, extensions=(constraints, purpose, x509.KeyUsage(**CERT_SIGN))
    )
    shell.path("ca.pem").write_bytes(limited.pem)

    err = shell.ok(OWN).err

    assert len(err.splitlines()) == 3
    for limit in ("name constraints", "path length of 0", "extended key usage"):
        assert f"its {limit}" in err


def test_the_same_anchor_twice_is_refused(shell: Shell) -> None:
    """Name and key make an anchor: two certificates of one CA are one anchor."""
    shell.path("ca.pem").write_bytes(certificate().pem)
    shell.path("renewed.pem").write_bytes(certificate(ends=NOW + 9 * DAY).pem)

    said = shell.refused(OWN + " --ca renewed.pem", status=2)

    assert "the same trust anchor as Workshop Root; give it once" in said


def test_a_ca_whose_key_was_replaced_may_come_with_its_successor(shell: Shell) -> None:
    """Two CAs of one name with different keys are two anchors: that is how a key is rolled."""
    shell.path("ca.pem").write_bytes(certificate().pem + certificate(number=1).pem)

    assert len(shell.ok(OWN + " --json").json["anchors"]) == 2


def test_a_very_long_name_is_found(shell: Shell) -> None:
    """The library finds an anchor whose subject takes more than half a kilobyte."""
    unit = [(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{number}" * 64) for number in range(9)]
    root = certificate(name("Long", *unit))
    shell.path("ca.pem").write_bytes(root.pem)

    shell.ok(OWN)

    found = board_bundle.Bundle(str(shell.path("roots.bin")))
    assert len(found.find(board_bundle.name_keys(root.der), 0x40)) == 1


def test_the_ca_file_is_not_overwritten(shell: Shell) -> None:
    """Writing the bundle over the CA's own file is refused."""
    content = certificate().pem
    shell.path("ca.pem").write_bytes(content)

    said = shell.refused("bundle --roots none --ca ca.pem -o ./ca.pem", status=2)

    assert "is one of the input files" in said
    assert shell.path("ca.pem").read_bytes() == content


USAGE: dict[str, tuple[str, str]] = {
    "nowhere to write": ("bundle --board RPI_PICO_W", "-o roots.bin"),
    "neither board nor roots": ("bundle -o x.bin", "say which board it is for"),
    "unknown board": ("bundle --board PICO_W -o x.bin", "did you mean RPI_PICO_W?"),
    "unknown root": ("bundle --roots amazon-root-ca-11 -o x.bin", "try amazon-root-ca-1"),
    "root twice": (
        "bundle --roots amazon-root-ca-1,amazon-root-ca-1 -o x.bin",
        "amazon-root-ca-1 is listed twice",
    ),
    "Starfield Class 2": (
        "bundle --roots starfield-class-2 -o x.bin",
        "starfield-services-g2 is the root that took its place",
    ),
    "no anchors": ("bundle --roots none -o x.bin", "nothing was chosen"),
    "VeriSign for an ATS endpoint": (
        "bundle --roots verisign-class-3-g5 --endpoint x-ats.iot.us-east-1.amazonaws.com -o x.bin",
        "verisign-class-3-g5 may not answer for x-ats.iot.us-east-1.amazonaws.com "
        "(only for legacy endpoints of AWS)",
    ),
    "no such time": ("bundle --board RPI_PICO_W --built-at noon -o x.bin", "'noon' is no time"),
    "a time to come": (
        "bundle --board RPI_PICO_W --built-at 2999-01-01 -o x.bin",
        "the build time 2999-01-01 00:00 UTC is in the future",
    ),
    "a time before the roots": (
        "bundle --board RPI_PICO_W --built-at 0 -o x.bin",
        "the build time is before amazon-root-ca-1 became valid",
    ),
    "no such option": ("bundle --bord RPI_PICO_W", "see `ats-trust bundle --help`"),
}


@pytest.mark.parametrize("case", sorted(USAGE))
def test_a_wrong_call_is_refused_with_the_right_one(case: str, shell: Shell) -> None:
    """Exit status 2 and one sentence that says what to type."""
    line, reason = USAGE[case]

    assert reason in shell.refused(line, status=2)
    assert shell.files() == []


def test_an_endpoint_that_is_none_is_refused(shell: Shell) -> None:
    """What is wrong with --endpoint comes from the device library, in its words."""
    said = shell.refused(
        "bundle --board RPI_PICO_W -o x.bin --endpoint mqtt://x-ats.iot.us-east-1.amazonaws.com",
        status=2,
    )

    assert "URL" in said
    assert shell.files() == []


def test_a_folder_that_is_missing_is_named(shell: Shell) -> None:
    """A result that can not be written says which folder to make."""
    said = shell.refused("bundle --board RPI_PICO_W -o build/roots.bin")

    assert "the folder build does not exist; create it first" in said
