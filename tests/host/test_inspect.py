"""`inspect`: says what a file is, warns of what is dangerous, never shows a key."""

import base64
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_trust.errors import TrustError
from ats_trust_tools.bundle import Anchor, encode_bundle
from ats_trust_tools.errors import ToolError
from ats_trust_tools.inspect_file import explain
from ats_trust_tools.roots import load_manifest
from made_certificates import DAY, NOW, certificate, device
from shell import Shell

CREATE = (
    "device create --endpoint x-ats.iot.eu-central-1.amazonaws.com --client-id sensor-1 "
    "--cert cert.pem --key key.pem -o device.bin"
)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def test_a_bundle_is_explained(shell: Shell) -> None:
    """A real bundle is listed anchor by anchor, in order, without a warning."""
    plan = shell.ok("bundle --board RPI_PICO_W -o roots.bin --json").json

    shown = shell.ok("inspect roots.bin --json")

    assert shown.err == ""
    assert shown.json["kind"] == "bundle"
    assert shown.json["version"] == plan["version"]
    assert shown.json["built_at"] == plan["built_at"]
    for field in ("name", "key", "leaf_keys", "roles", "trimmed_bytes", "heap_bytes", "not_after"):
        assert [a[field] for a in shown.json["anchors"]] == [a[field] for a in plan["anchors"]]
    assert "amazon-root-ca-1" in shell.ok("inspect roots.bin").out


def test_a_test_bundle_is_warned_of_loudly(shell: Shell) -> None:
    """An anchor that may pose as AWS and is no root of AWS is called what it is."""
    posing = Anchor(certificate("Emulated").der, frozenset({"rsa"}), frozenset({"ats"}))
    shell.path("test.bin").write_bytes(encode_bundle([posing], version=1, built_at=NOW))

    err = shell.ok("inspect test.bin").err

    assert "TEST BUNDLE? The anchor CN=Emulated,C=DE is no root of AWS" in err
    assert shell.ok("inspect test.bin --json").json["anchors"][0]["root"] is None


def test_an_own_ca_for_own_names_is_no_test_bundle(shell: Shell) -> None:
    """An own CA with the role `own` is as it should be."""
    shell.path("ca.pem").write_bytes(certificate().pem)
    shell.ok("bundle --board RPI_PICO_W --ca ca.pem -o roots.bin")

    assert shell.ok("inspect roots.bin").err == ""


def test_a_root_with_more_rights_than_it_should_have_is_warned_of(shell: Shell) -> None:
    """VeriSign with the role `ats` is a bundle that trusts too much."""
    verisign = load_manifest().find("verisign-class-3-g5").anchor
    wide = Anchor(verisign.certificate, verisign.leaf, frozenset({"ats", "legacy"}))
    shell.path("wide.bin").write_bytes(encode_bundle([wide], version=1, built_at=NOW))

    assert "verisign-class-3-g5 may be used for more here" in shell.ok("inspect wide.bin").err


def test_a_device_file_is_explained_without_its_key(shell: Shell) -> None:
    """`inspect` and `device show` tell everything about a device but its key."""
    made = device()
    shell.path("cert.pem").write_bytes(made.pem)
    shell.path("key.pem").write_bytes(made.key_bytes())
    shell.ok(CREATE)

    shown = shell.ok("inspect device.bin --json").json

    assert shown["kind"] == "device"
    assert (shown["client_id"], shown["port"]) == ("sensor-1", 8883)
    assert shown["certificate"]["subject"] == "CN=AWS IoT Certificate,C=DE"
    assert shown["warnings"] == []


def test_a_private_key_is_named_and_not_shown(shell: Shell) -> None:
    """A key in PEM or DER is recognized, and none of it is printed."""
    made = device()
    pem = made.key_bytes()
    body = b"".join(pem.splitlines()[1:-1])
    shell.path("key.pem").write_bytes(pem)
    shell.path("key.der").write_bytes(base64.b64decode(body))

    for name in ("key.pem", "key.der"):
        shown = shell.ok(f"inspect {name}")
        assert "a private key. It is not shown." in shown.out
        assert not any(line.decode() in shown.out + shown.err for line in pem.splitlines()[1:-1])


def test_a_captured_chain_is_explained(shell: Shell, shared_chains: Path) -> None:
    """Each certificate of a real chain is told, who signed it, and which root it ends at."""
    path = shared_chains / "iot.us-east-1_RSA_2022.pem"

    shown = shell.ok(f"inspect {path} --json").json

    assert [c["signed_by"] for c in shown["certificates"]] == [
        "the next one",
        "the next one",
        "the next one",
        "starfield-class-2",
    ]
    assert [c["known_as"] for c in shown["certificates"]] == [
        None,
        "Amazon Server CA 1B, an intermediate of Amazon",
        "Amazon Root CA 1, another certificate of it",
        "Starfield Services Root Certificate Authority - G2, another certificate of it",
    ]
    assert "*.iot.us-east-1.amazonaws.com" in shown["certificates"][0]["dns_names"]
    assert "CN=*.iot.us-east-1.amazonaws.com expired on 2023-08-14" in shown["warnings"]


def test_a_chain_with_a_forged_signature_is_told(shell: Shell) -> None:
    """A certificate that names an issuer which did not sign it is called out."""
    root = certificate("Workshop Root")
    forged = certificate("server", issuer=certificate("Workshop Root", number=2), number=1)
    shell.path("chain.pem").write_bytes(forged.pem + root.pem)

    shown = shell.ok("inspect chain.pem --json").json

    assert [c["signed_by"] for c in shown["certificates"]] == [
        "claims the next one, but the signature is wrong",
        "itself",
    ]


def test_a_chain_in_the_wrong_order_is_told(shell: Shell) -> None:
    """Certificates that do not follow one another are no chain."""
    root = certificate("Workshop Root")
    leaf = certificate("server", issuer=root, number=1, ca=False)
    shell.path("chain.pem").write_bytes(root.pem + leaf.pem)

    assert "certificate 2 is not the issuer of certificate 1" in shell.ok("inspect chain.pem").err


def test_a_der_root_is_explained(shell: Shell) -> None:
    """A single DER certificate is explained as one, with the root that it is."""
    root = load_manifest().find("starfield-class-2")
    shell.path("root.der").write_bytes(root.certificate)

    shown = shell.ok("inspect root.der --json").json["certificates"]

    assert [(c["known_as"], c["signed_by"]) for c in shown] == [(root.title, "itself")]


@pytest.mark.parametrize("position", [5, 60, 400, -1])
def test_a_damaged_bundle_is_refused_as_a_board_would(position: int, shell: Shell) -> None:
    """One changed byte anywhere and `inspect` says that the bundle is damaged."""
    shell.ok("bundle --board RPI_PICO_W -o roots.bin")
    content = bytearray(shell.path("roots.bin").read_bytes())
    content[position] ^= 1
    shell.path("roots.bin").write_bytes(content)

    said = shell.refused("inspect roots.bin")

    assert "damaged" in said or "certificate" in said


def test_a_device_file_that_others_can_read_is_warned_of(shell: Shell) -> None:
    """A private key with open permissions is said to be one, with the command to mend it."""
    made = device("P-256")
    shell.path("cert.pem").write_bytes(made.pem)
    shell.path("key.pem").write_bytes(made.key_bytes())
    shell.ok(CREATE)
    shell.path("device.bin").chmod(0o644)

    assert "chmod 600 device.bin" in shell.ok("device show device.bin").err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"hello", "neither PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA", "cut off"),
        (b"\x30\x03\x02\x01", "cut off"),
        (b"\x30\x00", "not a readable X.509 certificate"),
    ],
)
def test_what_is_nothing_known_is_refused(content: bytes, reason: str, shell: Shell) -> None:
    """A file that is none of these is refused in one sentence that names it."""
    shell.path("file").write_bytes(content)

    said = shell.refused("inspect file")

    assert reason in said
    assert "file" in said


def test_a_missing_file_is_named(shell: Shell) -> None:
    """A file that is not there is said not to be there."""
    for line in ("inspect nothing.bin", "device show nothing.bin"):
        said = shell.refused(line)
        assert said.startswith("can not read nothing.bin")
        assert said.endswith("No such file or directory")


def samples() -> list[bytes]:
    """One of each thing that `inspect` knows."""
    from ats_trust_tools.device_blob import encode_device

    made = device("P-256")
    anchors = [root.anchor for root in load_manifest().roots if root.role != "legacy"]
    return [
        encode_bundle(anchors, version=1, built_at=NOW),
        encode_device("example.com", 8883, "x", made.der, b"\x30\x00"),
        load_manifest().find("amazon-root-ca-3").certificate,
        b"-----BEGIN CERTIFICATE-----\n" + b"A" * 64 + b"\n-----END CERTIFICATE-----\n",
    ]


SAMPLES = samples()


@given(st.data())
def test_whatever_the_bytes_are_the_answer_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any damage to any file gives facts, a ToolError or a TrustError, and nothing else."""
    content = bytearray(SAMPLES[data.draw(st.integers(0, len(SAMPLES) - 1))])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, min(len(content), 80) - 1))] = data.draw(
            st.integers(0, 255)
        )
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    now: datetime = NOW + DAY
    try:
        assert explain(path, load_manifest(), now)["kind"]
    except (ToolError, TrustError) as error:
        assert str(error)
