"""Keys and certificate requests of some hundred things, as two files.

keys/NNNNNN.tsv (mode 0600, secret): a line for each thing: its name, the SHA-256 of its public key
(DER of SubjectPublicKeyInfo, hex), its private key (DER, base64). requests/NNNNNN.jsonl: for each
thing the line that AWS's bulk registration takes, with the CSR.

Rules: each file is complete or absent, and the keys come last: where they are, the batch is made,
and it is never made again. Not a file for each thing: to make one takes as long as to make a key.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from ..device_key import csr, key_der, new_key, public_der
from ..errors import ToolError
from ..files import write_atomically
from ..pem import armour
from .things import Thing

KEYS = "keys"
REQUESTS = "requests"
DEVICES = "devices"  # Made later, when certificates are there.


def keys_file(folder: Path, number: int) -> Path:
    """Return where a batch's keys are."""
    return folder / KEYS / f"{number:06}.tsv"


def requests_file(folder: Path, number: int) -> Path:
    """Return where a batch's requests are."""
    return folder / REQUESTS / f"{number:06}.jsonl"


def make_batch(folder: Path, number: int, things: Sequence[Thing]) -> list[str]:
    """Make the keys and requests of things; return the SHA-256 of their public keys."""
    secrets = []
    requests = []
    digests = []
    for thing in things:
        key = new_key(thing.key_type)
        private = key_der(key)
        public = public_der(key, private)
        digest = hashlib.sha256(public).hexdigest()
        request = armour("CERTIFICATE REQUEST", csr(key, thing.name, public)).decode()
        secrets.append(f"{thing.name}\t{digest}\t{base64.b64encode(private).decode()}\n")
        requests.append(_request_line(thing, request))
        digests.append(digest)
    write_atomically(requests_file(folder, number), "".join(requests).encode(), 0o600)
    write_atomically(keys_file(folder, number), "".join(secrets).encode(), 0o600)
    return digests


def read_keys(folder: Path, number: int, names: Sequence[str]) -> list[tuple[str, bytes]]:
    """Return the public keys' SHA-256 and the private keys (DER) of a batch, in its order."""
    path = keys_file(folder, number)
    try:
        lines = path.read_text("ascii").splitlines()
        rows = [line.split("\t") for line in lines]
        if [row[0] for row in rows] != list(names):
            raise ValueError("other things")
        return [(digest, base64.b64decode(key, validate=True)) for _, digest, key in rows]
    except OSError as error:
        raise ToolError(f"can not read {path}: {error.strerror}") from None
    except ValueError:
        raise ToolError(
            f"{path} is damaged: the keys of its {len(names)} things belong there; take it back "
            "from a copy"
        ) from None


def read_requests(folder: Path, number: int) -> bytes:
    """Return a batch's lines for AWS's bulk registration."""
    path = requests_file(folder, number)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ToolError(f"can not read {path}: {error.strerror}") from None


def request_of(line: bytes) -> tuple[str, str]:
    """Return the thing's name and the CSR (PEM) of a line of a batch's requests."""
    found = json.loads(line)
    return found["ThingName"], found["CSR"]


def _request_line(thing: Thing, request: str) -> str:
    # By hand: what AWS lets into names and attributes needs no escapes, and json.dumps takes long.
    more = "".join(f'"Attribute{n}":"{v}",' for n, (_, v) in enumerate(thing.attributes, 1))
    pem = request.replace("\n", "\\n")
    return f'{{"ThingName":"{thing.name}",{more}"CSR":"{pem}"}}\n'
