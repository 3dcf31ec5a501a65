"""The library on the real rp2 port: TLS memory on the Python heap, 8 KB of C stack, 125 MHz."""

from collections.abc import Callable
from typing import Any

import pytest
from emulated_board import EmulatedBoard

from ats_trust_tools.emulate import Emulator
from ats_trust_tools.emulate.pki import ROOTS

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


@pytest.mark.parametrize(
    ("impostor", "code"),
    [
        ("unknown-ca", "unknown_issuer"),
        ("same-name-other-key", "bad_signature"),
        ("wrong-name", "name_mismatch"),
        ("common-name-only", "name_not_in_san"),
        ("expired", "expired"),
        ("name-constraint-violated", "name_constraint"),
        ("stolen-chain", "key_not_proven"),
        ("plain-tcp", "not_tls"),
    ],
)
def test_impostor(board: EmulatedBoard, meet: Meet, impostor: str, code: str) -> None:
    """An impostor is refused with its code, learns nothing, and the stack holds."""
    with Emulator(chain="rsa", impostor=impostor, mqtt=False) as door:
        board.mark()
        result = meet(door, timeout=20)
        assert (result["outcome"], result["code"]) == ("PeerRejected", code)
        assert sum(one.application_bytes for one in door.settle()) == 0
    assert board.state()["stack_left"] >= LEAST_STACK


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
