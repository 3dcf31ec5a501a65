"""The oldest release of MicroPython that is supported, on the emulated board."""

from collections.abc import Callable
from typing import Any

import pytest
from emulated_board import EmulatedBoard
from micropython_source import RELEASES

from ats_trust_tools.emulate import Emulator

Meet = Callable[..., dict[str, Any]]


def test_is_that_release(oldest_board: EmulatedBoard) -> None:
    """The board runs the last one in the list of releases, and not the newest."""
    release = "import sys; print('.'.join(map(str, sys.implementation.version[:3])))"
    assert oldest_board.execute(release).strip() == RELEASES[-1].name != RELEASES[0].name


@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_authenticated(meet_oldest: Meet, chain: Any) -> None:
    """The endpoint is authenticated and gets what is written."""
    with Emulator(chain=chain, mqtt=False) as door:
        result = meet_oldest(door)
        assert result["outcome"] == "authenticated", result
        assert [one.after_handshake for one in door.settle()] == [5]


def test_impostor(meet_oldest: Meet) -> None:
    """An impostor is refused with its code and learns nothing."""
    with Emulator(chain="rsa", impostor="same-name-other-key", mqtt=False) as door:
        result = meet_oldest(door, timeout=20)
        assert (result["outcome"], result["code"]) == ("PeerRejected", "bad_signature")
        assert sum(one.application_bytes for one in door.settle()) == 0


@pytest.mark.parametrize("chain", ["rsa", "ecdsa"])
def test_little_memory(meet_oldest: Meet, chain: Any) -> None:
    """With too little heap the error says so, and the server is not blamed."""
    with Emulator(chain=chain, mqtt=False) as door:
        result = meet_oldest(door, free=24 * 1024)
        assert result["outcome"] in ("HeapError", "MemoryError"), result
        assert sum(one.application_bytes for one in door.settle()) == 0
