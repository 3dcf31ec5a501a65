"""Writes tests/device/data_*.py: certificates, signatures and server flights for device tests.

    python tests/make_device_data.py

A board can not make certificates, so they are committed. Private keys are not: each run makes new
ones and forgets them, and OpenSSL gets one as a file for a moment.
"""

import base64
import ssl
import tempfile
import textwrap
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device_pki import certificates, key, signatures

_DEVICE = Path(__file__).resolve().parent / "device"


def flight(chain, owner, *, ask=False, suites="ECDHE+AESGCM", version=ssl.TLSVersion.TLSv1_2):
    """What OpenSSL sends as a server until the handshake is over, or until it refuses."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = server.maximum_version = version
    server.options |= ssl.OP_NO_TICKET
    server.set_ciphers("ECDHE+AESGCM")
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "chain.pem"
        private = owner.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        pem.touch(0o600)
        pem.write_text("".join(map(ssl.DER_cert_to_PEM_cert, chain)) + private.decode())
        server.load_cert_chain(pem)
    if ask:
        server.verify_mode = ssl.CERT_OPTIONAL
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(suites)
    ends = []
    for context, server_side in ((server, True), (client, False)):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends.append((context.wrap_bio(incoming, outgoing, server_side), incoming, outgoing))
    recorded = b""
    for _ in range(4):
        for (end, _incoming, outgoing), (_, peer, _out) in (ends[::-1], ends):
            try:
                end.do_handshake()
            except ssl.SSLError:
                pass
            sent = outgoing.read()
            peer.write(sent)
            if end is ends[0][0]:
                recorded += sent
    return recorded


def flights(made):
    """Name -> (what it is, bytes)."""
    ec_chain = [made[name][1] for name in ("LEAF", "EC_INT", "EC_CROSS")]
    rsa_chain = [made[name][1] for name in ("RSA_LEAF", "RSA_INT")]
    return {
        "EC_FLIGHT": (
            "LEAF, EC_INT, EC_CROSS; asks for a certificate",
            flight(ec_chain, key("ec leaf"), ask=True),
        ),
        "RSA_FLIGHT": ("RSA_LEAF, RSA_INT", flight(rsa_chain, key("rsa leaf"))),
        "NO_SUITE_FLIGHT": (
            "no cipher suite in common",
            flight(ec_chain, key("ec leaf"), suites="ECDHE+aRSA+AESGCM"),
        ),
        "TLS13_FLIGHT": (
            "TLS 1.3 only",
            flight(ec_chain, key("ec leaf"), version=ssl.TLSVersion.TLSv1_3),
        ),
    }


def module(purpose, values):
    """The source of a module with these constants."""
    lines = [
        f'"""{purpose}',
        "",
        "Written by tests/make_device_data.py; a change by hand will be lost.",
        '"""',
        "",
        "from binascii import a2b_base64 as _bytes",
    ]
    for name, (what, value) in values.items():
        text = base64.b64encode(value).decode()
        lines += ["", f"# {what[0].upper()}{what[1:]}."]
        if len(name) + len(text) < 80:
            lines.append(f'{name} = _bytes("{text}")')
        else:
            parts = [f'    "{part}"' for part in textwrap.wrap(text, 90)]
            lines += [f"{name} = _bytes(", *parts, ")"]
    return "\n".join(lines) + "\n"


def main():
    """Write the modules."""
    made = certificates()
    anchors = {name: made[name] for name in made if made[name][0].startswith("self-signed")}
    for name, purpose, values in (
        ("data_roots", "Self-signed certificates of a test PKI, DER.", anchors),
        (
            "data_chains",
            "Certificates of a test PKI below its roots, DER.",
            {name: made[name] for name in made if name not in anchors},
        ),
        ("data_signatures", "Signatures by two test keys.", signatures()),
        (
            "data_flights",
            "What an OpenSSL server sends in a TLS 1.2 handshake, as it was recorded.",
            flights(made),
        ),
    ):
        (_DEVICE / f"{name}.py").write_text(module(purpose, values))


if __name__ == "__main__":
    main()
