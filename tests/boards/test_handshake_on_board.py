"""The library on the real rp2 port: TLS memory on the Python heap, 8 KB of C stack, 125 MHz."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from emulated_board import EmulatedBoard

from ats_trust_tools.emulate import IMPOSTORS, Emulator
from ats_trust_tools.emulate.pki import ROOTS
from e2e.test_impostors import EXPECTED
from interpreters import REPOSITORY

_ON_BOARD = Path(__file__).resolve().parent / "on_board"
Meet = Callable[..., dict[str, Any]]
# The library is called by Mbed TLS in mid-handshake, so it needs more C stack than TLS does alone.
LEAST_STACK = 2048
# How near to the least heap that suffices, in bytes, test_little_memory comes. There a failure
# takes up to 15 s, mostly garbage collections; tests/e2e/test_small_heap.py tries every 16 bytes.
CLOSE = 256


@pytest.mark.parametrize("roots", ["one", "all"])
@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_authenticated(board: EmulatedBoard, meet: Meet, chain: Any, roots: str) -> None:
    """The endpoint is authenticated with room on the stack, and gets what is written."""
    with Emulator(chain=chain, mqtt=False) as door:
        board.mark()
        result = meet(door, (chain,) if roots == "one" else ROOTS)
        assert result["outcome"] == "authenticated", result
        assert chain.upper() in result["suite"]
        assert [one.after_handshake for one in door.settle()] == [5]
    assert board.state()["stack_left"] >= LEAST_STACK


@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_impostor(board: EmulatedBoard, meet: Meet, impostor: str) -> None:
    """An impostor is refused with its class and code, learns nothing, and the stack holds."""
    options: dict[str, Any] = {"timeout": 1 if impostor == "silent" else 20}
    with Emulator(chain="rsa", impostor=impostor, mqtt=False) as door:
        if impostor == "inactive-cert":
            for path, name in zip(door.client_certificate("ecdsa"), ("cert", "key"), strict=True):
                options[name] = f"/device.{name}"
                board.copy(path, to=options[name])
        board.mark()
        result = meet(door, answer=True, **options)
        kind, code, _ = EXPECTED[impostor]
        assert (result["outcome"], result["code"]) == (kind, code), result
        sent = len(b"hello") if impostor == "policy-denied" else 0
        assert sum(one.application_bytes for one in door.settle()) == sent
    assert board.state()["stack_left"] >= LEAST_STACK


@pytest.mark.parametrize("impostor", [None, "unknown-ca", "wrong-name"])
def test_diagnose(board: EmulatedBoard, impostor: str | None) -> None:
    """The report is that of the impostor, down to its certificates, and can be published."""
    with Emulator(chain="rsa", impostor=impostor, mqtt=False) as door:
        board.copy(_ON_BOARD / "socket.py", to="/lib/socket.py")
        board.copy(door.write_device(door.folder / "device", client_id="pump-7"), to="/device.bin")
        hour_ago = datetime.now(UTC) - timedelta(hours=1)  # A board's clock may be a little slow.
        board.copy(door.write_bundle(door.folder / "old.bin", built_at=hour_ago), to="/roots.bin")
        board.set_clock()
        board.mark()
        code = (
            "import ats_trust\n"
            "device = ats_trust.load_device('/device.bin')\n"
            f"print(ats_trust.diagnose(device, port={door.port}, bundle='/roots.bin'))"
        )
        *lines, result = board.execute(code, fresh=True, timeout=170).splitlines()
        text = "\n".join(lines)
        assert result == str(impostor is None), text
        said = dict(line.split(": ", 1) for line in lines)
        if impostor == "unknown-ca":
            page = (REPOSITORY / "docs" / "diagnose.md").read_text(encoding="utf-8")
            assert _outline(page.split("```")[3]) == _outline(f"text\n{text}\n"), text
        if impostor is None:
            assert said["verdict"].startswith("authenticated, TLS-ECDHE-RSA"), text
        else:
            assert said["verdict"] == f"PeerRejected, code {EXPECTED[impostor][1]}", text
            assert ("missing" in said) == (impostor == "unknown-ca"), text
        assert "Emulated Pico with RP2040" in said["firmware"]
        assert re.match(r"\d+ bytes free, at least \d+ of them in one piece$", said["memory"])
        assert sum(line.startswith("certificate 1: ") for line in lines) == 4, text
        for secret in (door.host.partition("-ats.")[0], "pump-7", "/device.bin"):
            assert secret not in text
        assert [one.application_bytes for one in door.settle()] == [0, 0]
    assert board.state()["stack_left"] >= LEAST_STACK


def _outline(text: str) -> str:
    """A report without what is another one in each run: times, ports, counts of bytes."""
    return re.sub(r"\d+", "N", text)


def test_wrong_clock(board: EmulatedBoard, meet: Meet) -> None:
    """A board that has just been switched on says that its clock is wrong, and sends nothing."""
    with Emulator(chain="rsa", mqtt=False) as door:
        board.hard_reset()
        board.mark()
        result = meet(door, clock=False)
        assert (result["outcome"], result["code"]) == ("ClockError", "clock_wrong")
        assert board.state()["bytes_out"] == 0


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_client_certificate(board: EmulatedBoard, meet: Meet, kind: Any) -> None:
    """The board proves itself with a certificate of its own."""
    with Emulator(chain="ecdsa", mutual_tls=True, mqtt=False) as door:
        for path, place in zip(
            door.client_certificate(kind), ("/device.crt", "/device.key"), strict=True
        ):
            board.copy(path, to=place)
        board.mark()
        result = meet(door, cert="/device.crt", key="/device.key")
        assert result["outcome"] == "authenticated", result
        [seen] = door.settle()
        assert seen.client_certificate is not None
        assert seen.after_handshake == 5
    assert board.state()["stack_left"] >= LEAST_STACK


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "with-holes"])
@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_little_memory(board: EmulatedBoard, meet: Meet, chain: Any, whole: bool) -> None:
    """With too little heap the error says so; never is the server blamed, or not verified.

    The steps close in on the least heap that suffices: just below it is where memory runs out in
    the middle of a verification, and where it could be taken for a verdict.
    """
    too_little, enough = 26 * 1024, 58 * 1024
    with Emulator(chain=chain, mqtt=False) as door:
        while enough - too_little > CLOSE:
            free = (too_little + enough) // 2
            result = meet(door, free=free, whole=whole)
            authenticated = result["outcome"] == "authenticated"
            arrived = [one.application_bytes for one in door.settle()][-1]
            assert authenticated or result["outcome"] in ("HeapError", "MemoryError"), result
            assert arrived == (5 if authenticated else 0)
            if authenticated:
                enough = free
            else:
                too_little = free
        assert meet(door)["outcome"] == "authenticated"
    assert 26 * 1024 < too_little < enough < 58 * 1024


def test_ten_in_a_row(board: EmulatedBoard, meet: Meet) -> None:
    """The heap after the tenth connection is what it was after the second."""
    with Emulator(chain="rsa", mqtt=False) as door:
        first = meet(door)
        assert first["outcome"] == "authenticated"
        code = (
            "import json, meeting\n"
            "for _ in range(10):\n"
            f"    one = meeting.trusted({door.host!r}, {door.port}, bundle='/roots.bin')\n"
            "    print(one['outcome'], one['after'])"
        )
        lines = board.execute(code, fresh=True, timeout=170).splitlines()
        assert [one.after_handshake for one in door.settle()] == [5] * 11
    outcomes, free = zip(*(line.split() for line in lines), strict=True)
    assert set(outcomes) == {"authenticated"}
    assert free[-1] == free[1], free
