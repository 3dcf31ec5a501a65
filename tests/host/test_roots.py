"""The shipped roots: what the manifest says, and that it is so."""

import hashlib
import shutil
import ssl
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ats_trust_tools import certificate as certificates
from ats_trust_tools.errors import ToolError
from ats_trust_tools.files import data_folder
from ats_trust_tools.roots import load_manifest, verify
from interpreters import REPOSITORY
from shell import Shell

# Written down here a second time, from AWS's and the browsers' published fingerprints: a change
# of manifest and file together must not pass unseen.
SHA256 = {
    "amazon-root-ca-1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "amazon-root-ca-2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "amazon-root-ca-3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "amazon-root-ca-4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "starfield-services-g2": "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    "verisign-class-3-g5": "9acfab7e43c8d880d06b262a94deeee4b4659989c3d0caf19baf6405e41ab7df",
    "starfield-class-2": "1465fa205397b876faa6f0a9958e5590e40fcc7faa4fb7c2c8677521fb5fb658",
}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of certs_der that a test may damage."""
    return Path(shutil.copytree(data_folder("certs_der"), tmp_path / "certs_der"))


def test_the_roots_are_the_published_ones() -> None:
    """Each shipped certificate has the fingerprint that its CA publishes."""
    manifest = load_manifest()

    found = {root.name: hashlib.sha256(root.certificate).hexdigest() for root in manifest.roots}

    assert found == SHA256


def test_verify_checks_every_root(shell: Shell) -> None:
    """`roots verify` says ok for each root and counts them."""
    out = shell.ok("roots verify").out

    assert out.splitlines() == [f"ok     {name}" for name in SHA256] + [
        "all 7 roots are what the manifest says"
    ]


@pytest.mark.parametrize("name", SHA256)
def test_a_changed_byte_in_a_root_is_found(name: str, copy: Path) -> None:
    """No command works with a certificate that is not the manifest's, whichever byte differs."""
    path = copy / f"{name}.der"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(ToolError, match=f"{name}.der is damaged or was exchanged"):
        load_manifest(copy)


def test_a_manifest_that_lies_about_a_root_is_found() -> None:
    """Everything that can be computed is computed again, the self-signature included."""
    root = load_manifest().find("amazon-root-ca-1")
    other = load_manifest().find("amazon-root-ca-2")
    assert verify(root) == []
    for field in ("sha256", "spki_sha256", "subject", "key", "not_after"):
        problems = verify(replace(root, **{field: getattr(other, field)}))
        assert [problem.split()[0] for problem in problems] == [field]
    forged = root.certificate[:-1] + bytes([root.certificate[-1] ^ 1])
    digest = hashlib.sha256(forged).hexdigest()
    assert verify(replace(root, certificate=forged, sha256=digest)) == [
        "its self-signature is wrong"
    ]


def test_a_root_that_did_not_sign_itself_is_found(shared_chains: Path) -> None:
    """The cross-signed form of a root does not pass for the self-signed one."""
    chain = (shared_chains / "iot.eu-central-1_RSA_2025.pem").read_bytes()
    twin = x509.load_pem_x509_certificates(chain)[2].public_bytes(Encoding.DER)
    root = load_manifest().find("amazon-root-ca-1")

    assert "its issuer is not itself" in verify(replace(root, certificate=twin))


def test_the_captured_cross_signed_root_is_the_same_anchor(shared_chains: Path) -> None:
    """Trimmed, the twin on the wire differs from the shipped root in its validity alone."""
    chain = (shared_chains / "iot.eu-central-1_RSA_2025.pem").read_bytes()
    twin = x509.load_pem_x509_certificates(chain)[2].public_bytes(Encoding.DER)
    root = load_manifest().find("amazon-root-ca-1")

    assert hashlib.sha256(twin).hexdigest() in root.cross_signed_sha256
    sent, shipped = certificates.fields(twin), certificates.fields(root.certificate)
    assert (sent.subject, sent.public_key) == (shipped.subject, shipped.public_key)


def test_a_missing_root_file_is_named(copy: Path) -> None:
    """A root whose file is gone is said to be missing, by name."""
    (copy / "amazon-root-ca-4.der").unlink()

    with pytest.raises(ToolError, match=r"amazon-root-ca-4\.der"):
        load_manifest(copy)


def test_a_damaged_manifest_is_said_to_be_damaged(copy: Path) -> None:
    """A manifest that is cut off or lacks a field is a clear error, not a traceback."""
    path = copy / "MANIFEST.toml"
    whole = path.read_text(encoding="utf-8")
    for damaged in (whole[:3000], whole.replace('role = "ats"\n', "", 1), "x"):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(ToolError, match="is damaged"):
            load_manifest(copy)


def test_list_shows_each_root_and_warns(shell: Shell) -> None:
    """`roots list` has a line for each root, and warnings for those that end for browsers."""
    result = shell.ok("roots list")

    for name in SHA256:
        assert sum(line.startswith(name) for line in result.out.splitlines()) == 1
    assert "verisign-class-3-g5: legacy: browsers have not trusted it since" in result.err
    assert "starfield-class-2: legacy" in result.err


def test_list_as_json_has_the_manifest(shell: Shell) -> None:
    """`roots list --json` gives scripts all fields."""
    listed = {root["name"]: root for root in shell.ok("roots list --json").json}

    assert {name: root["sha256"] for name, root in listed.items()} == SHA256
    assert listed["starfield-services-g2"]["leaf_keys"] == ["rsa", "ecdsa"]
    assert listed["amazon-root-ca-1"]["leaf_keys"] == ["rsa"]
    assert listed["amazon-root-ca-4"]["leaf_keys"] == ["ecdsa"]
    assert listed["amazon-root-ca-2"]["role"] == "ats-reserved"
    assert listed["amazon-root-ca-1"]["origin"] == "certifi 2026.10.18"
    assert listed["starfield-class-2"]["endpoints"] == []


def test_show_explains_the_cross_signed_twins(shell: Shell) -> None:
    """`roots show` says that a twin is the same anchor, where someone would look for it."""
    out = shell.ok("roots show amazon-root-ca-1").out

    assert SHA256["amazon-root-ca-1"] in out
    assert "As a trust anchor a twin is the same" in out
    assert "87dcd4dc74640a322cd205552506d1be64f12596258096544986b4850bc72706" in out
    assert "wiki.mozilla.org/CA/Root_CA_Lifecycles" in out


def test_an_unknown_root_gives_near_names(shell: Shell) -> None:
    """A name that is almost right is answered with the right one."""
    said = shell.refused("roots show amazon-root-ca1", status=2)

    assert "no root is called 'amazon-root-ca1'; try amazon-root-ca-1" in said


def collect(wheels: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the script that takes the roots out of their packages."""
    script = REPOSITORY / "host_tools" / "collect_roots.py"
    command = [sys.executable, str(script), str(wheels), "--certs-der", str(folder)]
    path = f"{REPOSITORY / 'lib'}:{REPOSITORY / 'host_tools'}"
    return subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": path})


def test_the_roots_can_be_collected_again(copy: Path, tmp_path: Path) -> None:
    """From wheels that hold them, the collecting script writes the very same files."""
    manifest = copy / "MANIFEST.toml"
    text = manifest.read_text(encoding="utf-8")
    pem = "".join(ssl.DER_cert_to_PEM_cert(root.certificate) for root in load_manifest().roots)
    for wheel in ("certifi-2026.10.18-py3-none-any.whl", "certifi-2020.11.8-py2.py3-none-any.whl"):
        with zipfile.ZipFile(tmp_path / wheel, "w") as archive:
            archive.writestr("certifi/cacert.pem", pem)
        said = text.split(f'wheel = "{wheel}"\nwheel_sha256 = "')[1][:64]
        text = text.replace(said, hashlib.sha256((tmp_path / wheel).read_bytes()).hexdigest())
    before = {path.name: path.read_bytes() for path in copy.glob("*.*e[rm]")}
    for path in copy.glob("*.*e[rm]"):
        path.unlink()

    refused = collect(tmp_path, copy)
    manifest.write_text(text, encoding="utf-8")
    done = collect(tmp_path, copy)

    assert refused.returncode == 1
    assert "the manifest says 73191c47" in refused.stderr
    assert done.returncode == 0, done.stderr
    assert "data-ats.pem" in before
    assert {path.name: path.read_bytes() for path in copy.glob("*.*e[rm]")} == before
