"""Signing keys and signed bundles, made as a user makes them."""

from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
SECRET = "--passphrase-file secret"
SIGN = f"sign roots.bin --key signing.key.pem --other-key offline.pub.pem {SECRET}"


def make_keys(shell: Shell) -> None:
    """Make signing.key.pem and offline.key.pem, and the file with their passphrase."""
    shell.path("secret").write_text("correct horse\n")
    shell.path("secret").chmod(0o600)
    for name in ("signing", "offline"):
        shell.ok(f"keygen -o {name}.key.pem {SECRET}")


def make_signed(
    shell: Shell, options: str = "", host: str = HOST, name: str = "signed.bin"
) -> None:
    """Sign roots.bin, which is made of a board's roots where it is not there."""
    if not shell.path("roots.bin").exists():
        shell.ok("bundle --board RPI_PICO_W -o roots.bin")
    shell.ok(f"{SIGN} --endpoint {host} {options} -o {name}")
