"""The files of a connected board, without its private keys.

Rules: a program on the board looks through each file and says which hold a private key, before one
is copied; those stay there. What is copied goes into memory, never to a disk. All of it is
bounded, and what is left out although it may matter is said.
"""

import base64
import posixpath
from typing import Any

from ..board_programs import MARK
from ..boards import Board, identify, load_board
from ..boards import refusal as board_refusal
from ..connected_board import ConnectedBoard, Facts
from ..installation import BOARD_BUNDLE, FIELD_BUNDLE, LIBRARY
from .pem_support import Target
from .project import Item, Reading, must_read
from .rules import Finding

_MAX_FILES = 400
_MAX_FILE = 128 << 10
_MAX_TOTAL = 2 << 20
_A_CALL = 256 << 10  # Bytes of files; mpremote's output of one call is bounded too.
_BUNDLES = (f"{LIBRARY}/roots.bin", BOARD_BUNDLE, FIELD_BUNDLE)
_TEXTS = (".json", ".toml", ".ini", ".cfg", ".conf", ".env", ".yaml", ".yml", ".txt", ".bin")


def read_board(port: str, board: Board | None) -> tuple[Reading, Target, list[Finding]]:
    """Return the files, what the board is, and what its firmware can not do. Raises ToolError."""
    connected = ConnectedBoard(port)
    facts = connected.probe()
    name = identify(facts.build, facts.machine)
    board = board or (load_board(name) if name else None)
    reading = Reading()
    firmware = [
        Finding("(firmware)", 0, "firmware-can-not-verify", reason)
        for reason in [_can_not_verify(board, facts)]
        if reason
    ]
    wanted = _choose(connected, reading)
    for batch in _batches(wanted):
        _fetch(connected, reading, batch)
    return reading, Target(board, facts.platform, facts.release), firmware


def _can_not_verify(board: Board | None, facts: Facts) -> str:
    reason = board_refusal(board, facts.release) if board else None
    if reason:
        return reason
    if not facts.tls:
        return "the firmware has no TLS module"
    return "" if facts.verifies else "its TLS module can not verify a server"


def _choose(connected: ConnectedBoard, reading: Reading) -> list[tuple[str, int]]:
    """List the board's files; return (path, size) of those to copy and note the others."""
    wanted = []
    total = 0
    for found in connected.run(["exec", _LIST.format(mark=MARK, most=_MAX_FILES)]):
        try:
            path, size, kind, line = _entry(found)
        except (ValueError, TypeError):
            raise connected.garbled() from None
        if kind == "more":
            reading.skip(path, "more files than an audit reads; what comes after is not read")
        elif kind == "unread":
            reading.skip(path, "the board can not read it")
        elif kind in ("pem key", "der key"):
            _note_key(reading, path, kind, line)
        elif posixpath.dirname(path) == LIBRARY and path not in _BUNDLES:
            continue  # `ats-trust flash` compares the library with the release.
        elif must_read(path) or path.endswith(_TEXTS):
            total += size
            if size <= _MAX_FILE and total <= _MAX_TOTAL:
                wanted.append((path, size))
            elif must_read(path):
                reading.skip(path, f"{size} bytes are more than an audit reads from a board")
    return wanted


def _note_key(reading: Reading, path: str, kind: str, line: int) -> None:
    """A file with a private key, which is not copied; plain on a board is where it has to be."""
    if must_read(path) and path.endswith(".py"):
        reading.findings.append(
            Finding(path, line, "key-in-source", "so it stays on the board: the rest is not read")
        )
    elif kind == "pem key":
        reading.pem_keys.append(path)


def _entry(found: Any) -> tuple[str, int, str, int]:
    path, size, kind, line = found
    if not (isinstance(path, str) and isinstance(kind, str)):
        raise TypeError("no entry")
    if not (isinstance(size, int) and isinstance(line, int)):
        raise TypeError("no entry")
    return path, size, kind, line


def _batches(wanted: list[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    batches: list[list[tuple[str, int]]] = []
    room = 0
    for path, size in wanted:
        if not batches or size > room:
            batches.append([])
            room = _A_CALL
        batches[-1].append((path, size))
        room -= size
    return batches


def _fetch(connected: ConnectedBoard, reading: Reading, batch: list[tuple[str, int]]) -> None:
    """Copy files into memory."""
    content = {path: bytearray() for path, _ in batch}
    said = connected.run(["exec", _READ.format(mark=MARK, paths=[path for path, _ in batch])])
    ended = set()
    try:
        for path, part in said:
            if part is None:
                ended.add(path)
            else:
                content[path] += base64.b64decode(part, validate=True)
    except (ValueError, TypeError, KeyError):
        raise connected.garbled() from None
    for path, size in batch:
        if path not in ended or len(content[path]) != size:
            reading.skip(path, "the board can not read it")
        else:
            reading.items.append(Item(path, bytes(content[path])))


# A key in PEM is found anywhere in a file, one in DER (and a device file, which holds one) by its
# first bytes: SEQUENCE and INTEGER 0 or 1; SEQUENCE, SEQUENCE, INTEGER and UTF8String; or the
# algorithms of an encrypted one.
_LIST = """\
import os, json
def body(b, i):
    if i + 2 > len(b) or b[i] != 0x30:
        return -1
    n = b[i + 1]
    return i + 2 + (n & 127 if n > 127 else 0)
def der(b):
    i = body(b, 0)
    if i < 0:
        return False
    if b[i:i + 3] in (b"\\x02\\x01\\x00", b"\\x02\\x01\\x01"):
        return True
    j = body(b, i)
    if j < 0:
        return False
    if b[j:j + 2] == b"\\x02\\x01" and b[j + 3:j + 4] == b"\\x0c":
        return True
    return b[j:j + 10] in (
        b"\\x06\\x09\\x2a\\x86\\x48\\x86\\xf7\\x0d\\x01\\x05",
        b"\\x06\\x0a\\x2a\\x86\\x48\\x86\\xf7\\x0d\\x01\\x0c",
    )
def kind(path):
    mark = b"PRIVATE" + b" KEY-----"
    with open(path, "rb") as f:
        tail = f.read(512)
        if der(tail):
            return "der key", 0
        line = 1
        while tail:
            at = tail.find(mark)
            if at >= 0 and b"-----BEGIN" in tail[:at]:
                return "pem key", line + tail[:at].count(b"\\n")
            more = f.read(512)
            if not more:
                break
            keep = max(0, len(tail) - 64)
            line += tail[:keep].count(b"\\n")
            tail = tail[keep:] + more
    return "", 0
left = {most}
ahead = [("", 0)]
while ahead and left > 0:
    folder, depth = ahead.pop()
    for e in os.ilistdir(folder or "/"):
        path = folder + "/" + e[0]
        if e[1] == 0x4000:
            if e[0] in (".", "..") or depth > 8:
                continue
            ahead.append((path, depth + 1))
        elif e[1] == 0x8000:
            left -= 1
            if left <= 0:
                print({mark!r} + json.dumps([path, 0, "more", 0]))
                break
            try:
                k = kind(path)
                size = e[3] if len(e) > 3 and e[3] >= 0 else os.stat(path)[6]
                print({mark!r} + json.dumps([path, size, k[0], k[1]]))
            except OSError:
                print({mark!r} + json.dumps([path, 0, "unread", 0]))
"""

_READ = """\
import json
from binascii import b2a_base64
for path in {paths!r}:
    try:
        with open(path, "rb") as f:
            while True:
                b = f.read(768)
                if not b:
                    break
                print({mark!r} + json.dumps([path, b2a_base64(b).decode().strip()]))
        print({mark!r} + json.dumps([path, None]))
    except OSError:
        pass
"""
