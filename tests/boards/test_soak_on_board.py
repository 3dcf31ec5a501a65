"""Very many connections on the emulated board, one after the other: `make soak`."""

import pytest
from connection_costs import roots
from emulated_board import EmulatedBoard

from ats_trust_tools.emulate import Emulator

_CONNECTIONS = 500
_SHARE = 10  # Connections in one command to the board: few enough to be timed out.
_PROGRAM = """
import meeting
for port in {ports}:
    one = meeting.trusted({host!r}, port, bundle="/five.bin")
    print(one["outcome"], one["after"])
"""


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_five_hundred_in_a_row(board: EmulatedBoard) -> None:
    """Each is authenticated and carries a message; the heap stays as after the second.

    RSA and ECDSA take turns, so the board meets another chain each time.
    """
    free: list[int] = []
    with Emulator(chain="rsa", mqtt=False) as rsa, Emulator(chain="ecdsa", mqtt=False) as ecdsa:
        doors = (rsa, ecdsa)
        board.copy(*roots(rsa, "rsa"), to="/")
        board.execute("pass", fresh=True)
        for start in range(0, _CONNECTIONS, _SHARE):
            # Its clock falls behind, as it stands still whenever the board waits.
            board.set_clock()
            ports = [doors[i % 2].port for i in range(start, start + _SHARE)]
            code = _PROGRAM.format(ports=ports, host=rsa.host)
            for line in board.execute(code, timeout=300).splitlines():
                outcome, after = line.split()
                assert outcome == "authenticated", f"connection {len(free) + 1}"
                free.append(int(after))
        arrived = [one.after_handshake for door in doors for one in door.settle()]
    assert arrived == [5] * _CONNECTIONS
    assert len(free) == _CONNECTIONS
    assert set(free[1:]) == {free[1]}, free
