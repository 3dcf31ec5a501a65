"""Certificates that come back, and the device files that they complete.

Rules: a certificate belongs to the thing whose key it is for, whatever order or name it comes
with; all are read and matched before the first file is written; a thing keeps the certificate that
it was given first. Source of the form of AWS's report: bin/bulk-result.py of
aws-samples/aws-iot-device-management-workshop; AWS's documentation does not describe it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..certificate import spki_sha256
from ..certificate_files import certificates_in, read_certificates
from ..device_blob import encode_device
from ..device_check import check_credentials
from ..errors import ToolError
from ..files import read_bounded, write_atomically
from ..roots import load_manifest
from .batch import read_keys
from .journal import Journal, State
from .summary import device_file

MAX_REPORT = 1 << 30  # Some hundred thousand certificates.


@dataclass
class Answer:
    """What came back: origin (a line, a file) and DER for each thing; and what did not go well.

    arns: the certificates' names at AWS, where AWS was asked directly.
    """

    found: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    arns: dict[str, str] = field(default_factory=dict)


def from_results(path: Path, journal: Journal) -> Answer:
    """Read the reports of a bulk registration: RESULTS, ERRORS, or both in one file."""
    answer = Answer()
    owners = {key: name for name, key in journal.state.keys.items()}
    content = read_bounded(path, "the RESULTS report of a bulk registration", MAX_REPORT)
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            pem, name = _result(line)
            if pem is None:
                answer.errors.append(f"line {number}: {name}")
                continue
            certificates = certificates_in(pem.encode())
            if len(certificates) != 1:
                raise ToolError(f"it holds {len(certificates)} certificates, not one")
            owner = owners.get(spki_sha256(certificates[0]))
            if owner is None:
                raise ToolError(
                    f"the certificate of {name or 'a thing'} is for a key that this folder does "
                    "not have; is it the report of another fleet?"
                )
            if name and name != owner:
                raise ToolError(
                    f"AWS gave {name} the certificate for the key of {owner}; register both anew"
                )
            _add(answer, journal.state, owner, f"line {number}", certificates[0])
        except ToolError as error:
            raise ToolError(f"{path}, line {number}: {error}") from None
    return answer


def from_folder(path: Path, journal: Journal) -> Answer:
    """Read the certificates in the files of a folder, PEM or DER; chains may be in them."""
    answer = Answer()
    owners = {key: name for name, key in journal.state.keys.items()}
    try:
        files = sorted(file for file in path.iterdir() if file.is_file())
    except OSError as error:
        raise ToolError(f"can not read {path}: {error.strerror}") from None
    strange = []
    for file in files:
        certificates = read_certificates(file, "a device's certificate")
        ours = {owners.get(spki_sha256(one)): one for one in certificates}
        ours.pop(None, None)
        for owner, certificate in ours.items():
            if owner:
                _add(answer, journal.state, owner, str(file), certificate)
        if not ours:
            strange.append(file.name)
    if not answer.found and not answer.warnings:
        raise ToolError(f"{path} holds no certificate for a key of this fleet")
    if strange:
        answer.warnings.append(
            f"{strange[0]} and {len(strange) - 1} more hold no certificate for a key of this fleet"
        )
    return answer


def accept(journal: Journal, answer: Answer, done: Callable[[int], None]) -> int:
    """Write the device files of what was found; return how many certificates are new."""
    manifest = load_manifest()
    now = datetime.now(UTC)
    state = journal.state
    keys = _Keys(journal)
    ready = []
    for name, (origin, certificate) in answer.found.items():
        try:
            credentials = check_credentials(certificate, keys.of(name), manifest, now)
        except ToolError as error:
            why = str(error).removeprefix("--cert: ")
            raise ToolError(f"{origin}, the certificate of {name}: {why}") from None
        thing = state.things[name]
        blob = encode_device(
            thing.endpoint, thing.port, thing.client_id, certificate, credentials.key
        )
        for warning in credentials.warnings:
            answer.warnings.append(f"{name}: {warning}")
        ready.append((name, certificate, blob))
    new = 0
    for name, certificate, blob in ready:
        target = device_file(journal.folder, name)
        if not _holds(target, blob):
            write_atomically(target, blob, 0o600)
        if name not in state.certificates:
            new += 1
            digest = hashlib.sha256(certificate).hexdigest()
            record = {"certificate": certificate.hex(), "thing": name, "sha256": digest}
            journal.write({**record, "arn": answer.arns.get(name, "")}, flush=False)
        done(1)
    journal.flush()
    return new


class _Keys:
    """The private keys of a fleet, read a batch at a time."""

    def __init__(self, journal: Journal) -> None:
        self._folder = journal.folder
        self._names = journal.state.batches
        self._batch = {name: n for n, names in journal.state.batches.items() for name in names}
        self._read: dict[int, dict[str, bytes]] = {}

    def of(self, thing: str) -> bytes:
        """Return a thing's private key, DER."""
        number = self._batch[thing]
        if number not in self._read:
            names = self._names[number]
            rows = read_keys(self._folder, number, names)
            self._read[number] = dict(zip(names, (key for _, key in rows), strict=True))
        return self._read[number][thing]


def _result(line: bytes) -> tuple[str | None, str]:
    """Return the certificate (PEM) and the thing's name in a line, or None and an error."""
    try:
        record: Any = json.loads(line)
    except ValueError:
        raise ToolError("it is no JSON; each line of AWS's report is one object") from None
    if not isinstance(record, dict):
        raise ToolError("it is no JSON object; each line of AWS's report is one")
    response = record.get("response")
    if not isinstance(response, dict):
        response = {}
    pem = response.get("CertificatePem")
    if isinstance(pem, str):
        arns = response.get("ResourceArns")
        arn = arns.get("thing") if isinstance(arns, dict) else None
        return pem, arn.partition("/")[2] if isinstance(arn, str) else ""
    # The form of the ERRORS report is not documented; it is passed on as it is.
    if any("error" in str(key).lower() for key in record):
        return None, json.dumps(record)
    raise ToolError(
        'it has neither {"response": {"CertificatePem": ...}} nor an error; give the report that '
        "list-thing-registration-task-reports links to"
    )


def _add(answer: Answer, state: State, thing: str, origin: str, certificate: bytes) -> None:
    old = state.certificates.get(thing)
    earlier = old.certificate if old else answer.found.get(thing, ("", certificate))[1]
    if earlier == certificate:
        answer.found[thing] = (origin, certificate)
        return
    unused = hashlib.sha256(certificate).hexdigest()
    answer.warnings.append(
        f"{origin}: {thing} has a certificate already; this other one is not used, make it "
        f"inactive: {unused}"
    )


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content and path.stat().st_mode & 0o777 == 0o600
    except OSError:
        return False
