"""What AWS's bulk registration answers to a fleet's registration.jsonl, made on this computer."""

import json
import random
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from made_certificates import DAY, NOW, certificate


def certify(request: str, starts: timedelta = -DAY, ends: timedelta = 3650 * DAY) -> str:
    """Return the certificate (PEM) for a CSR (PEM), as AWS would sign it."""
    ca = certificate("AWS IoT stand-in", number=99)
    found = x509.load_pem_x509_csr(request.encode())
    made = (
        x509.CertificateBuilder()
        .subject_name(found.subject)
        .issuer_name(ca.view.subject)
        .public_key(found.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + starts)
        .not_valid_after(NOW + ends)
        .sign(ca.key, hashes.SHA256())  # type: ignore[arg-type]  # P-256
    )
    return made.public_bytes(Encoding.PEM).decode()


def result(thing: str, pem: str) -> str:
    """Return a line of a RESULTS report."""
    arn = "arn:aws:iot:eu-central-1:123456789012:"
    arns = {
        "thing": f"{arn}thing/{thing}",
        "certificate": f"{arn}cert/0",
        "policy": f"{arn}policy/0",
    }
    return json.dumps({"response": {"CertificatePem": pem, "ResourceArns": arns}}) + "\n"


def results(folder: Path, order: random.Random) -> str:
    """Return the RESULTS report for the registration.jsonl in a folder, in any order."""
    lines = []
    for line in (folder / "registration.jsonl").read_text().splitlines():
        found = json.loads(line)
        lines.append(result(found["ThingName"], certify(found["CSR"])))
    order.shuffle(lines)
    return "".join(lines)
