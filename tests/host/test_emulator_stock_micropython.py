"""What stock MicroPython makes of each impostor: the `tls` module with verification switched on.

This is what the device library builds on. Two impostors get through, so the library has to judge
them itself; a refusal's exception says less than one would wish, so it has to explain it.
"""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ats_trust_tools.emulate import IMPOSTORS, Emulator

# arguments: port, host, root (DER), then perhaps certificate and key.
CLIENT = """
import socket, sys, tls
depths = []
def see(certificate, depth):
    depths.append(depth)
    return 0
def content(path):
    with open(path, "rb") as file:
        return file.read()
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_REQUIRED
context.verify_callback = see
context.load_verify_locations(content(sys.argv[3]))
if len(sys.argv) > 4:
    context.load_cert_chain(content(sys.argv[4]), content(sys.argv[5]))
raw = socket.socket()
raw.settimeout(1)
raw.connect(socket.getaddrinfo("127.0.0.1", int(sys.argv[1]))[0][-1])
try:
    stream = context.wrap_socket(raw, server_hostname=sys.argv[2])
    print("accepted", depths)
    stream.write(b"\\x10\\x11\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x05probe")
    stream.close()
except ValueError as error:
    print(str(error).strip(), depths)
except OSError as error:
    print(error.args[0], depths)
raw.close()
"""

UNSIGNED = "The certificate is not correctly signed by the trusted CA"
UNNAMED = "The certificate Common Name (CN) does not match with the expected CN"
WEAK_KEY = "The certificate is signed with an unacceptable key (eg bad curve, RSA too short)."
# For the chain with its cross-signed tail: three certificates, so depths 2, 1, 0. -110: ETIMEDOUT.
STOCK = {
    "unknown-ca": (UNSIGNED, [2, 1, 0]),
    "same-name-other-key": (UNSIGNED, [2, 1, 0]),
    "self-signed": (UNSIGNED, [0]),
    "missing-intermediate": (UNSIGNED, [0]),
    "expired": ("The certificate validity has expired", [2, 1, 0]),
    "not-yet-valid": ("The certificate validity starts in the future", [2, 1, 0]),
    "wrong-name": (UNNAMED, [2, 1, 0]),
    "common-name-only": ("accepted", [2, 1, 0]),
    "wildcard-too-deep": (UNNAMED, [2, 1, 0]),
    "client-auth-only": ("-31232", [2, 1, 0]),
    "intermediate-not-ca": (UNSIGNED, [0]),
    "path-too-long": (UNSIGNED, [1, 0]),
    "sha1": ("The certificate is signed with an unacceptable hash.", [2, 1, 0]),
    "rsa-1024": (WEAK_KEY, [2, 1, 0]),
    "odd-curve": (WEAK_KEY, [2, 1, 0]),
    "stolen-chain": ({"rsa": "-17280", "ecdsa": "-19968"}, [2, 1, 0]),
    "name-constraint-violated": ("accepted", [2, 1, 0]),
    "name-constraint-critical": ("-9570", []),
    "captive-portal": ("-29184", []),
    "plain-tcp": ("-29184", []),
    "close-in-hello": ("-29312", []),
    "silent": ("110", []),
    "garbage-after-hello": ("-29184", []),
    "truncated-certificate": ("-8576", []),
    "huge-chain": ("-28928", []),
    "legacy-chain": (UNSIGNED, [1, 0]),
    "tls13-only": ("-30592", []),
    "no-shared-suite": ("-30592", []),
    "no-client-cert": ("-30592", [2, 1, 0]),
    "inactive-cert": ("-30592", [2, 1, 0]),
    "policy-denied": ("accepted", [2, 1, 0]),
}
CASES = [(name, kind) for name, one in IMPOSTORS.items() for kind in one.kinds]


def meet(micropython, emulator, kind, folder, *more):
    """Run the client against the emulator; what it printed."""
    root = folder / "root.der"
    root.write_bytes(emulator.pki.root(kind).public_bytes(Encoding.DER))
    arguments = (str(emulator.port), emulator.host, root, *more)
    done = micropython.run_code(CLIENT, *arguments, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_the_genuine_server_is_accepted(kind, newest_micropython, tmp_path):
    """The program below is a fair one: it authenticates the genuine server."""
    with Emulator(chain=kind, mqtt=False) as emulator:
        assert meet(newest_micropython, emulator, kind, tmp_path) == "accepted [2, 1, 0]"
        assert emulator.settle()[0].handshake_complete


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_impostor(name, kind, newest_micropython, tmp_path):
    """Each impostor meets a hand-written client that verifies, with the one right root."""
    with Emulator(chain=kind, impostor=name, mqtt=False) as emulator:
        more = []
        if name == "inactive-cert":
            for part, data in zip("ck", emulator.pki.device_der("rsa"), strict=True):
                more.append(tmp_path / part)
                more[-1].write_bytes(data)
        said = meet(newest_micropython, emulator, kind, tmp_path, *more)
        seen = emulator.settle()[0]
    verdict, depths = STOCK[name]
    if isinstance(verdict, dict):
        verdict = verdict[kind]
    assert said == f"{verdict} {depths}"
    assert seen.handshake_complete == (verdict == "accepted")
    assert (seen.application_bytes > 0) == (verdict == "accepted")
