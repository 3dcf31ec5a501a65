"""`device create` and `device show`: one small file that every port can read."""

import base64
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from ats_trust import credentials
from ats_trust_tools.certificate import load
from ats_trust_tools.roots import load_manifest
from interpreters import MicroPython
from made_certificates import DAY, NOW, Made, certificate, device
from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
CREATE = (
    f"device create --endpoint {HOST} --client-id sensor-1 "
    "--cert certificate.pem.crt --key private.pem.key -o device.bin"
)
KINDS = ["RSA 2048", "P-256", "P-384", "P-521"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def put(shell: Shell, made: Made, cert: bytes | None = None, key: bytes | None = None) -> None:
    """Lay down the two files that AWS gives, or what stands in for one of them."""
    shell.path("certificate.pem.crt").write_bytes(made.pem if cert is None else cert)
    shell.path("private.pem.key").write_bytes(made.key_bytes() if key is None else key)


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_file_holds_what_a_device_needs(kind: str, shell: Shell) -> None:
    """The device library reads back endpoint, port, client id, certificate and key."""
    made = device(kind)
    put(shell, made)

    shell.ok(CREATE)

    found = credentials.load_device(str(shell.path("device.bin")))
    assert (found.host, found.port, found.client_id) == (HOST, 8883, "sensor-1")
    key = made.key_bytes(PrivateFormat.TraditionalOpenSSL, Encoding.DER)
    assert found.credentials() == (made.der, key)


@pytest.mark.parametrize("kind", KINDS)
def test_micropython_takes_certificate_and_key(
    kind: str, micropython: MicroPython, shell: Shell
) -> None:
    """Real MicroPython loads the pair out of the file into its TLS context."""
    put(shell, device(kind))
    shell.ok(CREATE)

    result = micropython.run_code(
        "import sys, tls\n"
        "from ats_trust import credentials\n"
        "device = credentials.load_device(sys.argv[1])\n"
        "certificate, key = device.credentials()\n"
        "tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key)\n"
        "print(device.host, device.port, device.client_id)",
        shell.path("device.bin"),
    )

    assert result.stdout == f"{HOST} 8883 sensor-1\n", result.stderr


@pytest.mark.parametrize("kind", ["RSA 2048", "P-256"])
def test_every_form_of_the_files_gives_the_same_device_file(kind: str, shell: Shell) -> None:
    """PKCS#8, PKCS#1 or SEC1, PEM or DER: the device file is byte for byte the same."""
    made = device(kind)
    blobs = set()
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        for encoding in (Encoding.PEM, Encoding.DER):
            cert = made.view.public_bytes(encoding)
            put(shell, made, cert=cert, key=made.key_bytes(form, encoding))
            shell.ok(CREATE)
            blobs.add(shell.path("device.bin").read_bytes())

    assert len(blobs) == 1


def test_a_key_from_openssl_with_its_parameters_is_taken(shell: Shell) -> None:
    """`openssl ecparam -genkey` writes EC PARAMETERS before the key; that is fine."""
    made = device("P-256")
    pem = made.key_bytes(PrivateFormat.TraditionalOpenSSL)
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    put(shell, made, key=parameters + pem)

    shell.ok(CREATE)


def test_the_file_is_for_the_owner_only(shell: Shell) -> None:
    """Mode 0600, also where another mode was before and with a lax umask."""
    put(shell, device("P-256"))
    shell.path("device.bin").write_bytes(b"old")
    shell.path("device.bin").chmod(0o666)
    before = os.umask(0)
    try:
        shell.ok(CREATE)
    finally:
        os.umask(before)

    assert shell.path("device.bin").stat().st_mode & 0o777 == 0o600
    assert shell.files() == ["certificate.pem.crt", "device.bin", "private.pem.key"]


def test_openssl_reads_the_device_file(shell: Shell) -> None:
    """`openssl asn1parse` shows the file, as the documentation says."""
    put(shell, device("P-256"))
    shell.ok(CREATE)

    command = ["openssl", "asn1parse", "-inform", "DER", "-in", str(shell.path("device.bin"))]
    parsed = subprocess.run(command, capture_output=True, text=True, check=True)

    assert f"UTF8STRING        :{HOST}" in parsed.stdout
    assert "UTF8STRING        :sensor-1" in parsed.stdout


def test_the_key_is_never_shown(shell: Shell) -> None:
    """No command prints a part of the key, in base64 or in hex."""
    made = device("P-256")
    put(shell, made)
    results = [
        shell.ok(CREATE),
        shell.ok("device show device.bin"),
        shell.ok("device show device.bin --json"),
        shell.ok("inspect device.bin"),
        shell.ok("inspect private.pem.key"),
    ]
    # The fixture's key is a P-256 one; its type allows RSA as well.
    secret = made.key.private_numbers().private_value.to_bytes(32, "big")  # type: ignore[union-attr]

    said = "".join(result.out + result.err for result in results).lower()

    assert secret.hex()[:16] not in said.replace(":", "")
    body = made.key_bytes().splitlines()[1:-1]
    assert not any(line.decode().lower() in said for line in body)
    assert base64.b64encode(secret)[:20].decode().lower() not in said
    assert "not shown" in said


def test_the_port_can_be_given(shell: Shell) -> None:
    """--port replaces the endpoint's usual one; 443 is warned of, for want of ALPN."""
    put(shell, device("P-256"))

    assert shell.ok(CREATE + " --port 8884").err == ""
    assert credentials.load_device(str(shell.path("device.bin"))).port == 8884
    assert "needs ALPN" in shell.ok(CREATE + " --port 443").err
    assert "port 70000 is not between" in shell.refused(CREATE + " --port 70000", status=2)
    assert "port 0 is not between" in shell.refused(CREATE + " --port 0", status=2)


def test_a_legacy_endpoint_is_warned_of(shell: Shell) -> None:
    """A legacy endpoint is answered with the name of the ATS one; so is what only looks AWS's."""
    put(shell, device("P-256"))

    err = shell.ok(CREATE.replace("-ats.", ".")).err

    assert "is a legacy endpoint" in err
    assert f"move to {HOST}" in err
    assert "is no name of AWS" in shell.ok(CREATE.replace(HOST, HOST + ".example.com")).err


def encrypted(made: Made, form: PrivateFormat) -> bytes:
    """The key, encrypted: PKCS#8, or OpenSSL's old way with headers."""
    return made.key_bytes(form, password=b"secret")


Case = Callable[[Made], dict[str, bytes]]
REFUSED: dict[str, tuple[Case, str]] = {
    "swapped": (
        lambda made: {"cert": made.key_bytes(), "key": made.pem},
        "--cert: it is a private key; were --cert and --key swapped?",
    ),
    "swapped DER": (
        lambda made: {
            "cert": made.key_bytes(PrivateFormat.TraditionalOpenSSL, Encoding.DER),
            "key": made.der,
        },
        "--cert: it is a private key; were --cert and --key swapped?",
    ),
    "the certificate twice": (
        lambda made: {"key": made.pem},
        "--key: it is a certificate; were --cert and --key swapped?",
    ),
    "the certificate twice, DER": (
        lambda made: {"key": made.der},
        "--key: it is a certificate; were --cert and --key swapped?",
    ),
    "another device's key": (
        lambda made: {"key": certificate("other", number=5).key_bytes()},
        "--key: it does not belong to the certificate",
    ),
    "a key of another type": (
        lambda made: {"key": device("RSA 2048").key_bytes()},
        "(it is RSA 2048, the certificate's is EC P-256)",
    ),
    "encrypted": (
        lambda made: {"key": encrypted(made, PrivateFormat.PKCS8)},
        "--key: it is encrypted",
    ),
    "encrypted the old way": (
        lambda made: {"key": encrypted(made, PrivateFormat.TraditionalOpenSSL)},
        "--key: it is encrypted",
    ),
    "encrypted DER": (
        lambda made: {"key": made.key_bytes(PrivateFormat.PKCS8, Encoding.DER, b"secret")},
        "--key: it is encrypted",
    ),
    "empty certificate": (lambda made: {"cert": b""}, "certificate.pem.crt is empty"),
    "empty key": (lambda made: {"key": b""}, "private.pem.key is empty"),
    "truncated certificate": (
        lambda made: {"cert": made.pem[:200]},
        "--cert: its CERTIFICATE block is cut off",
    ),
    "truncated DER certificate": (
        lambda made: {"cert": made.der[:200]},
        "--cert: it begins like DER but is cut off",
    ),
    "truncated key": (
        lambda made: {"key": made.key_bytes()[:100]},
        "--key: its PRIVATE KEY block is cut off",
    ),
    "truncated DER key": (
        lambda made: {"key": made.key_bytes(PrivateFormat.PKCS8, Encoding.DER)[:60]},
        "--key: it is damaged or cut off",
    ),
    "a public key": (
        lambda made: {"key": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
        "--key: it holds no private key but a PUBLIC KEY",
    ),
    "an HTML page": (lambda made: {"key": b"<p>"}, "--key: it is neither a PEM nor a DER"),
    "a root of AWS": (
        lambda made: {
            "cert": load(load_manifest().find("amazon-root-ca-1").certificate).public_bytes(
                Encoding.PEM
            )
        },
        "--cert: it is Amazon Root CA 1, a root of AWS, not the certificate of your device",
    ),
    "two certificates": (
        lambda made: {"cert": made.pem * 2},
        "--cert: it holds 2 certificates",
    ),
    "two keys": (lambda made: {"key": made.key_bytes() * 2}, "--key: it holds 2 private keys"),
    "expired": (
        lambda made: pair(device("P-256", starts=NOW - 9 * DAY, ends=NOW - DAY)),
        f"--cert: it expired on {NOW - DAY:%Y-%m-%d}",
    ),
    "not yet valid": (
        lambda made: pair(device("P-256", starts=NOW + 9 * DAY)),
        f"--cert: it is not valid before {NOW + 9 * DAY:%Y-%m-%d}",
    ),
    "RSA 1024": (lambda made: pair(device("RSA 1024")), "--cert: its key is RSA 1024"),
    "Ed25519": (lambda made: pair(device("Ed25519")), "--cert: its key is Ed25519"),
    "odd curve": (lambda made: pair(device("secp256k1")), "--cert: its key is EC secp256k1"),
}


def pair(made: Made) -> dict[str, bytes]:
    """Both files of another device."""
    return {"cert": made.pem, "key": made.key_bytes()}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_credentials_that_would_not_work_are_refused(case: str, shell: Shell) -> None:
    """One sentence says which file is wrong and why, and the old device file stays."""
    make, reason = REFUSED[case]
    made = device("P-256")
    put(shell, made, **make(made))
    shell.path("device.bin").write_bytes(b"the old one")

    said = shell.refused(CREATE)

    assert reason in said
    assert shell.path("device.bin").read_bytes() == b"the old one"
    assert len(shell.files()) == 3


@pytest.mark.parametrize("client_id", ["", "x" * 129, "'a b '", "a\tb"])
def test_a_client_id_that_aws_would_refuse_is_refused(client_id: str, shell: Shell) -> None:
    """An MQTT client id has 1 to 128 bytes, all of them visible."""
    put(shell, device("P-256"))
    quoted = client_id if client_id.startswith("'") else f"'{client_id}'"

    assert "--client-id: it" in shell.refused(CREATE.replace("sensor-1", quoted))


def test_a_certificate_near_its_end_is_warned_of(shell: Shell) -> None:
    """A device whose certificate ends within a month is made, with a warning."""
    put(shell, device("P-256", ends=NOW + 10 * DAY + DAY / 2))

    assert "the device's certificate expires in 10 days" in shell.ok(CREATE).err


def test_a_certificate_for_servers_only_is_warned_of(shell: Shell) -> None:
    """An extended key usage without clientAuth may be refused by the server."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    put(shell, device("P-256", extensions=(usage,)))

    assert "leaves out clientAuth" in shell.ok(CREATE).err


def test_the_key_file_is_not_overwritten(shell: Shell) -> None:
    """Writing the device file over the key is refused."""
    put(shell, device("P-256"))
    before = shell.path("private.pem.key").read_bytes()

    said = shell.refused(CREATE.replace("device.bin", "private.pem.key"), status=2)

    assert "private.pem.key is one of the input files" in said
    assert shell.path("private.pem.key").read_bytes() == before


def test_a_request_with_its_key_is_not_overwritten(shell: Shell) -> None:
    """A file that holds a request and a private key, as openssl may leave it, stays."""
    content = b"-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE REQUEST-----\n"
    shell.path("both.pem").write_bytes(content)
    line = f"device create --endpoint {HOST} --client-id a --csr both.pem -o new.bin"
    assert "is no request" in shell.refused(line, 2)
    assert shell.path("both.pem").read_bytes() == content
    assert not shell.path("new.bin").exists()


def test_an_endpoint_that_is_none_is_refused(shell: Shell) -> None:
    """A URL in place of the endpoint's name is refused by the device library's own rules."""
    put(shell, device("P-256"))

    assert "URL" in shell.refused(CREATE.replace(HOST, f"https://{HOST}"), status=2)


@pytest.mark.parametrize("position", [10, 100, -1])
def test_a_damaged_device_file_is_refused(position: int, shell: Shell) -> None:
    """One changed byte and `device show` refuses the file, as a board would."""
    put(shell, device("P-256"))
    shell.ok(CREATE)
    content = bytearray(shell.path("device.bin").read_bytes())
    content[position] ^= 1
    shell.path("device.bin").write_bytes(content)

    assert "damaged" in shell.refused("device show device.bin")


def test_missing_options_are_named(shell: Shell) -> None:
    """A call without its options is answered with their names."""
    said = shell.refused("device create --endpoint x", status=2)

    assert "--client-id, --cert, --key, -o/--output" in said
