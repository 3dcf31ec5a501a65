"""The files of a connected board, without its private keys."""

from ..boards import Board
from ..connected_board import ConnectedBoard
from .pem_support import Target
from .project import Reading
from .rules import Finding


def read_board(port: str, board: Board | None) -> tuple[Reading, Target, list[Finding]]:
    """Return the files, what the board is, and what its firmware can not do."""
    facts = ConnectedBoard(port).probe()
    return Reading(), Target(board, facts.platform, facts.release), []
