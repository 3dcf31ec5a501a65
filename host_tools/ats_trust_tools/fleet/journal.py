"""What was begun and what was done in a fleet's folder: an append-only file of JSON lines.

Rules: what is intended is on disk before it is begun; a line is whole or, at the end of the file
after a kill or a power cut, cut off and dropped: nothing that followed it had begun. One process
writes at a time: the file is locked (flock), and the lock lasts as long as any process of the run,
so a run that was killed and whose last worker is still writing is waited for.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

from ..errors import ToolError
from .things import NAME, Thing

FORMAT = 1
FILE = "journal.jsonl"
PATIENCE = 5.0  # Seconds that a killed run's last workers may take to end.


@dataclass(frozen=True)
class Certified:
    """A certificate (DER) that was accepted for a thing. arn: its name at AWS, where known."""

    certificate: bytes
    sha256: str
    arn: str


@dataclass
class State:
    """The journal, read. Batches by number; keys: the SHA-256 of a thing's public key."""

    things: dict[str, Thing] = field(default_factory=dict)
    batches: dict[int, list[str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)
    certificates: dict[str, Certified] = field(default_factory=dict)
    # Things for which a certificate was asked for at AWS, and when (seconds since 1970).
    asked: dict[str, float] = field(default_factory=dict)
    attached: set[str] = field(default_factory=set)
    policy: str = ""

    def apply(self, record: dict[str, Any]) -> None:
        """Take one record into account."""
        match record:
            case {"begin": int(batch), "things": list(things)}:
                # As lists when they come from the file.
                known = [one if isinstance(one, Thing) else _thing(*one) for one in things]
                self.batches[batch] = [thing.name for thing in known]
                self.things.update(zip(self.batches[batch], known, strict=True))
            case {"made": int(batch), "keys": list(keys)}:
                self.keys.update(zip(self.batches[batch], keys, strict=True))
                self.made.add(batch)
            case {"ask": list(names), "at": float(moment)}:
                self.asked.update(dict.fromkeys(names, moment))
            case {"certificate": str(text), "thing": str(name), "sha256": str(sha256), "arn": arn}:
                self.certificates[name] = Certified(bytes.fromhex(text), sha256, str(arn))
            case {"attached": str(name)}:
                self.attached.add(name)
            case {"policy": str(name)}:
                self.policy = name
            case {"fleet": 1}:
                pass
            case _:
                raise ValueError("no record of a fleet")


class Journal:
    """A fleet's folder, locked; use as a context manager."""

    def __init__(self, folder: Path, descriptor: int, state: State) -> None:
        self.folder = folder
        self.state = state
        self._descriptor = descriptor
        self._flushed = time.monotonic()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)  # The lock goes with the last process that has it open.

    def write(self, *records: dict[str, Any], flush: bool = True) -> None:
        """Append records and take them into account.

        flush: they are on disk when this returns. Without, they follow within a second of more
        writing, or with `flush`; a power cut before loses what is found again from the files.
        """
        data = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
        try:
            _write(self._descriptor, data.encode())
        except OSError as error:
            raise ToolError(f"can not write {self.folder / FILE}: {error.strerror}") from None
        for record in records:
            self.state.apply(record)
        if flush or time.monotonic() - self._flushed > 1:
            self.flush()

    def flush(self) -> None:
        """Return when all that was written is on disk."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise ToolError(f"can not write {self.folder / FILE}: {error.strerror}") from None
        self._flushed = time.monotonic()


def open_fleet(folder: Path, create: bool) -> Journal:
    """Lock and read a fleet's folder. create: make it when it is not there. Raises ToolError."""
    if fcntl is None:
        raise ToolError(
            "device fleet needs Linux, macOS or WSL: Windows has not the locks it uses"
        )
    path = folder / FILE
    try:
        if create:
            _make_folder(folder)
        elif not path.is_file():
            raise ToolError(f"{folder} is no folder of a fleet; make one with --csv")
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | (os.O_CREAT if create else 0), 0o600)
    except OSError as error:
        raise ToolError(f"can not use {folder}: {error.strerror}") from None
    try:
        _lock(descriptor, folder)
        os.fchmod(descriptor, 0o600)
        folder.chmod(0o700)
        journal = Journal(folder, descriptor, _read(path, descriptor))
    except OSError as error:
        os.close(descriptor)
        raise ToolError(f"can not use {folder}: {error.strerror}") from None
    except BaseException:
        os.close(descriptor)
        raise
    if os.fstat(descriptor).st_size == 0:
        journal.write({"fleet": FORMAT})
    return journal


def _thing(
    name: str, client_id: str, host: str, port: int, key_type: str, attributes: list[list[str]]
) -> Thing:
    if not NAME.fullmatch(name):  # Files are called by it.
        raise ValueError("no name of a thing")
    pairs = tuple((key, value) for key, value in attributes)
    return Thing(name, client_id, host, port, key_type, pairs)


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if not (folder / FILE).exists() and any(folder.iterdir()):
        raise ToolError(
            f"{folder} has other things in it and is no folder of a fleet; name a new one"
        )


def _lock(descriptor: int, folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise ToolError(
                    f"another `device fleet` is at work in {folder}; wait until it has ended"
                ) from None
        time.sleep(0.05)


def _read(path: Path, descriptor: int) -> State:
    state = State()
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    for number, line in enumerate(content[:whole].splitlines(), 1):
        try:
            record = json.loads(line)
            if number == 1 and record.get("fleet") != FORMAT:
                raise ValueError("another format")
            state.apply(record)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ToolError(
                f"{path}, line {number}: the journal is damaged, or of another version of "
                "ats-trust; take it back from a copy"
            ) from None
    if whole < len(content):
        os.ftruncate(descriptor, whole)
    return state


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
