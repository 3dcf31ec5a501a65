"""Which firmware reads PEM: the ESP32 port always, the others since MicroPython 1.29.

Sources: MicroPython's extmod/mbedtls/mbedtls_config_common.h (PEM for all ports with 1.29) and
ESP-IDF's own configuration of Mbed TLS. A board with axTLS has no verification at all; that is
told elsewhere.
"""

import re
from dataclasses import dataclass

from ..boards import Board, all_boards, refusal

_SINCE = (1, 29)
_ALWAYS = ("esp32",)


@dataclass(frozen=True)
class Target:
    """Where the files will run, as far as it is known. release: of MicroPython, as "1.26.1"."""

    board: Board | None = None
    platform: str | None = None
    release: str | None = None

    def without_pem(self) -> str:
        """Say which firmware can not read PEM, "" when this target's can."""
        platform = self.board.value("platform") if self.board else self.platform
        if platform in _ALWAYS:
            return ""
        if self.release and platform:
            number = re.match(r"(\d{1,3})\.(\d{1,3})", self.release)
            if number and (int(number[1]), int(number[2])) >= _SINCE:
                return ""
            return f"MicroPython {self.release} on this board"
        if self.board:
            return f"MicroPython before 1.29 on {self.board.name}"
        boards = [
            board.name
            for board in all_boards()
            if board.value("platform") not in _ALWAYS and not refusal(board)
        ]
        return f"MicroPython before 1.29 on {', '.join(boards)}"
