"""`device create --csr` and `--complete`: a new key, its request, and the certificate later."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ats_trust import credentials
from ats_trust.errors import ConfigError
from ats_trust_tools import device_pending
from ats_trust_tools.certificate import key_name
from made_certificates import DAY, NOW, certificate, device, name
from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
REQUEST = f"device create --endpoint {HOST} --client-id s1 --csr s1.csr.pem -o s1.bin"
COMPLETE = "device create --complete s1.bin --cert s1.pem"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder, but for a passphrase."""
    shell = Shell(tmp_path)
    shell.path("secret").write_text("correct horse")
    shell.path("secret").chmod(0o600)
    return shell


def sign(shell: Shell) -> None:
    """Make the certificate of the request, as AWS does: s1.pem."""
    request = x509.load_pem_x509_csr(shell.path("s1.csr.pem").read_bytes())
    assert request.is_signature_valid
    issuer = certificate("AWS IoT stand-in", number=99)
    made = (
        x509.CertificateBuilder()
        .subject_name(name("AWS IoT Certificate"))
        .issuer_name(issuer.view.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 3650 * DAY)
        .sign(issuer.key, hashes.SHA256())  # type: ignore[arg-type]
    )
    shell.path("s1.pem").write_bytes(made.public_bytes(Encoding.PEM))


@pytest.mark.parametrize("kind", ["EC P-256", "RSA 2048"])
@pytest.mark.parametrize("options", ["", " --encrypt --passphrase-file secret"])
def test_a_request_is_completed_in_place(kind: str, options: str, shell: Shell) -> None:
    """Key and request first; the certificate turns the same file into a device file."""
    line = REQUEST + options + (" --key-type RSA-2048" if kind.startswith("RSA") else "")
    shell.ok(line)
    files = shell.files()
    assert shell.path("s1.bin").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError):
        credentials.load_device(str(shell.path("s1.bin")))
    shown = shell.ok("device show s1.bin")
    assert "waits for the certificate" in shown.err
    request = x509.load_pem_x509_csr(shell.path("s1.csr.pem").read_bytes())
    assert key_name(request.public_key()) == kind

    sign(shell)
    shell.ok(COMPLETE)

    assert shell.files() == sorted([*files, "s1.pem"])
    assert shell.path("s1.bin").stat().st_mode & 0o777 == 0o600
    extra = " --passphrase-file secret" if options else ""
    facts = shell.ok("device show s1.bin --json" + extra).json
    assert (facts["key_checked"], facts["warnings"]) == (True, [])
    assert facts["encrypted"] == bool(options)
    if not options:
        assert credentials.load_device(str(shell.path("s1.bin"))).client_id == "s1"
    assert "waits for no certificate" in shell.refused(COMPLETE)
    assert "is there already and would be lost" in shell.refused(line)


def test_the_same_call_again_keeps_the_key(shell: Shell) -> None:
    """A second run writes the request of the same key; with other options it is refused."""
    shell.ok(REQUEST)
    before = shell.path("s1.bin").read_bytes()
    request = shell.path("s1.csr.pem").read_bytes()
    shell.path("s1.csr.pem").unlink()  # As when the first run was killed before it.

    assert "has its key already" in shell.ok(REQUEST).out
    assert shell.path("s1.csr.pem").read_bytes() == request
    for other in (
        REQUEST + " --key-type RSA-2048",
        REQUEST + " --port 8884",
        REQUEST + " --encrypt --passphrase-file secret",
        REQUEST.replace("--client-id s1", "--client-id s2"),
    ):
        assert "made with other options" in shell.refused(other)
    pair = device("P-256")
    shell.path("c.pem").write_bytes(pair.pem)
    shell.path("k.pem").write_bytes(pair.key_bytes())
    files = f"device create --endpoint {HOST} --client-id s1 --cert c.pem --key k.pem -o s1.bin"
    assert "holds a key that waits for its certificate" in shell.refused(files)
    assert shell.path("s1.bin").read_bytes() == before


def test_a_certificate_of_another_key_is_refused(shell: Shell) -> None:
    """The file goes on waiting, whatever is given that is not its certificate."""
    shell.ok(REQUEST)
    before = shell.path("s1.bin").read_bytes()
    request = shell.path("s1.csr.pem").read_bytes()
    for content, reason in (
        (device("P-256").pem, "it is for another key"),
        (device("RSA 2048").pem, "(RSA 2048) than this device file's (EC P-256)"),
        (request, "it holds no certificate but a CERTIFICATE REQUEST"),
        (b"{}", "it is neither PEM"),
        (b"", "s1.pem is empty"),
    ):
        shell.path("s1.pem").write_bytes(content)
        assert reason in shell.refused(COMPLETE)
    assert shell.path("s1.bin").read_bytes() == before


OPTIONS = {
    "device create --csr a.pem -o a.bin": "required with --csr: --endpoint, --client-id",
    "device create --complete a.bin": "required with --complete: --cert",
    "device create --aws": "required with --aws: --thing, -o/--output",
    REQUEST + " --cert x.pem": "--cert can not be used with --csr",
    REQUEST + " --topic x": "--topic can not be used with --csr",
    REQUEST + " --passphrase-file secret": "add --encrypt",
    REQUEST.replace("s1.csr.pem", "s1.bin"): "name the same file",
    REQUEST.replace("s1.csr.pem", "secret"): "is there already and is no request",
}


@pytest.mark.parametrize("line", OPTIONS)
def test_options_of_another_way_are_refused(line: str, shell: Shell) -> None:
    """Each way has its own options, and says which it misses."""
    assert OPTIONS[line] in shell.refused(line, status=2)
    assert shell.files() == ["secret"]


def test_openssl_reads_the_request(shell: Shell) -> None:
    """The request is PKCS#10 in PEM, signed by its key, with the client id as its name."""
    shell.ok(REQUEST)

    command = "openssl req -in s1.csr.pem -noout -verify -subject".split()
    found = subprocess.run(command, cwd=shell.folder, capture_output=True, text=True)

    assert found.returncode == 0, found.stderr
    assert "CN" in found.stdout and "s1" in found.stdout


def test_two_at_once(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs for one file the slower one is refused; the quicker one's key stays."""
    slow = device_pending.new_key

    def overtaken(kind: str) -> object:
        monkeypatch.undo()
        shell.ok(REQUEST)
        return slow(kind)

    monkeypatch.setattr(device_pending, "new_key", overtaken)

    assert "s1.bin is there already and would be lost" in shell.refused(REQUEST)
    assert shell.files() == ["s1.bin", "s1.csr.pem", "secret"]
    sign(shell)
    shell.ok(COMPLETE)
