"""What it takes a board to check the signature of a bundle: RSA with two paddings, ECDSA.

`make bench-signatures` prints it. Each way runs on the emulated board
(tests/boards/on_board/checking.py) with a key that is made for the run and forgotten: good
signatures, and wrong ones of every kind, since nobody should be able to keep a board busy.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from compiled_library import compile_library, compile_programs
from connection_costs import install
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from emulated_board import BoardHung, EmulatedBoard, ProgramFailed
from rich.console import Console
from rich.table import Table

from fetched import FetchError
from interpreters import REPOSITORY

# The longest first, so that the last ones to run are short.
WAYS = {"ecdsa": "ECDSA P-256", "rsa": "RSA-3072, PKCS#1 v1.5", "pss": "RSA-3072, PSS"}
# Amounts of free heap in which it is timed as well: with less, garbage is collected more often.
_ROOMY, _TIGHT = 32 * 1024, 6 * 1024
# Words for the figures, as tables have them.
_ROWS = {
    "A good signature, ms": "good",
    f"The same with {_ROOMY:,} bytes of heap free": "roomy",
    f"The same with {_TIGHT:,} bytes of heap free": "tight",
    "The slowest of the wrong ones, ms": "wrong",
    "Least free heap at the call": "least",
    "Code beyond the library's, .mpy": "code",
    "Heap kept by the code and what it imports": "held",
    "Bytes of a public key": "key",
    "Bytes of a signature": "signature",
}
_SIGNED = b"the body of a bundle"
_TESTS = REPOSITORY / "tests"
_PLACE = "/checking"
_PROGRAMS = ("boards/on_board/checking.py", "boards/on_board/pss.py", "e2e/device/ballast.py")
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_Case = dict[str, Any]


def costs(board: EmulatedBoard, way: str, folder: Path) -> dict[str, Any]:
    """Bytes and milliseconds of one way, by the keys in _ROWS. board: with the library on it.

    folder: for files. Takes most of a minute for ECDSA, seconds for the others.
    """
    cases = dict(_cases(way))
    file = folder / "cases.json"
    file.write_text(json.dumps(cases))
    programs = compile_programs([_TESTS / name for name in _PROGRAMS], folder)
    install(board, _PLACE, *programs, file)
    call = f"checking.costs({way!r}, '{_PLACE}/{file.name}', {_ROOMY}, {_TIGHT})"
    code = f"import json, sys\nsys.path.insert(0, {_PLACE!r})\nimport checking\n"
    printed = board.execute(f"{code}print(json.dumps({call}))", fresh=True, timeout=400)
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    for name in ("good", "wrong", "roomy", "tight"):
        found[name] = round(found[name] / 1000)
    found["code"] = (folder / "pss.mpy").stat().st_size if way == "pss" else 0
    # An exponent would not be in a bundle; of DER the longest, two of three are shorter.
    found["key"] = len(cases["good"]["key"][1]) // 2
    found["signature"] = 72 if way == "ecdsa" else len(cases["good"]["signature"]) // 2
    return found


def rows(found: dict[str, dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Words and the figure of each of WAYS; found: what `costs` returned, by way."""
    for words, key in _ROWS.items():
        yield words, [f"{found[way][key]:,}" for way in WAYS]


def _cases(way: str) -> Iterator[tuple[str, _Case]]:
    """(what it is, case) of one way: a good signature first, then wrong ones."""
    if way == "ecdsa":
        yield from _ecdsa_cases()
        return
    private = rsa.generate_private_key(65537, 3072)
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if way == "pss":
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    good = private.sign(_SIGNED, scheme, hashes.SHA256())
    n = private.public_key().public_numbers().n

    def case(signature: bytes, signed: bytes = _SIGNED, modulus: int = n) -> _Case:
        key = ["rsa", modulus.to_bytes(384, "big").hex(), "010001"]
        return _case(key, signed, signature, holds=signature == good and modulus == n)

    yield "good", case(good)
    yield "another message", {**case(good, _SIGNED + b"."), "holds": False}
    yield "another key", case(good, modulus=n + 2)
    yield "a changed bit", case(good[:-1] + bytes([good[-1] ^ 1]))
    yield "zeros", case(bytes(384))
    yield "n - 1", case((n - 1).to_bytes(384, "big"))
    yield "no number below n", case(b"\xff" * 384)
    yield "too short", case(good[1:])
    yield "as long as a bundle", case(b"\x00" + b"\xff" * 8191)


def _ecdsa_cases() -> Iterator[tuple[str, _Case]]:
    private = ec.generate_private_key(ec.SECP256R1())
    good = private.sign(_SIGNED, ec.ECDSA(hashes.SHA256()))
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()

    def case(signature: bytes, signed: bytes = _SIGNED, key: bytes = point) -> _Case:
        holds = signature == good and key == point
        return _case(["secp256r1", key.hex()], signed, signature, holds=holds)

    yield "good", case(good)
    yield "another message", {**case(good, _SIGNED + b"."), "holds": False}
    yield (
        "another key",
        case(good, key=other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
    )
    yield "a point beside the curve", case(good, key=point[:-1] + bytes([point[-1] ^ 1]))
    yield "r and s of 1", case(encode_dss_signature(1, 1))
    yield "r and s of n - 1", case(encode_dss_signature(_ORDER - 1, _ORDER - 1))
    # With both factors all ones an addition follows upon each doubling: the most there can be.
    ones = (1 << 255) - 1
    number = int.from_bytes(hashlib.sha256(_SIGNED).digest(), "big")
    s = number * pow(ones, -1, _ORDER) % _ORDER
    yield "every addition", case(encode_dss_signature(ones * s % _ORDER, s))
    yield "as long as a bundle", case(encode_dss_signature(1 << 32000, 1 << 32000))
    yield "no DER", case(b"\x30\x80" + good[2:])


def _case(key: list[str], signed: bytes, signature: bytes, *, holds: bool) -> _Case:
    digest = hashlib.sha256(signed).hexdigest()
    return {"key": key, "digest": digest, "signature": signature.hex(), "holds": holds}


def _on_a_board(way: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """(release, costs) of one way, on a board of its own."""
    library = sorted(compile_library(folder / "mpy").iterdir())
    with EmulatedBoard(folder / "board") as board:
        install(board, "/lib/ats_trust", *library)
        return board.firmware.release, costs(board, way, folder)


def main() -> int:
    """Print the table."""
    try:
        with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = {way: pool.submit(_on_a_board, way, Path(name) / way) for way in WAYS}
            found = {way: job.result()[1] for way, job in jobs.items()}
            release = jobs["ecdsa"].result()[0]
    except (FetchError, BoardHung, ProgramFailed, RuntimeError, OSError) as error:
        print(f"make bench-signatures: {error}", file=sys.stderr)
        return 1
    table = Table("", *WAYS.values())
    for column in table.columns[1:]:
        column.justify = "right"
    for words, numbers in rows(found):
        table.add_row(words, *numbers)
    console = Console()
    console.print(table)
    for way, title in WAYS.items():
        console.print(f"Slowest of the wrong ones, {title}: {found[way]['slowest']}.")
    console.print(f"MicroPython {release} on an emulated RP2040; bytes and emulated ms.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
