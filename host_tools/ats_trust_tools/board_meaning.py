"""What the facts of a board mean for whoever uses it, in sentences.

Rule: each sentence follows from a fact of the profile; where none is known there is none.
"""

from .boards import Board, refusal

_ORDER = {
    "speed": "servers with an RSA certificate are asked for first",
    "memory": "servers with an ECDSA certificate are asked for first",
}
_MEMORY = {
    "Python heap": "TLS takes its memory from the Python heap: connect before the program fills "
    "it. docs/benchmarks.md says how much a handshake needs.",
    "system heap": "TLS takes its memory from the system heap, of which gc.mem_free() does not "
    "tell; esp32.idf_heap_info() does.",
}


def meaning(board: Board) -> list[str]:
    """Return the sentences, the most important one first."""
    refused = refusal(board)
    if refused:
        return [refused[0].upper() + refused[1:] + "."]
    sentences = [
        f"It needs MicroPython {board.oldest_firmware} or newer.",
        f"boards/{board.folder.name}/package.json brings it {len(board.value('roots'))} roots "
        f"(`mpremote mip install`); {_ORDER[board.value('prefer')]}: "
        f"{board.value('prefer_because')}.",
    ]
    if board.value("cold_clock"):
        sentences.append(
            f"Its clock begins at {board.value('cold_clock')}: call ats_trust.set_clock() when "
            "the network is up, before you connect."
        )
    sentences.append(_MEMORY[board.value("tls_memory")])
    if board.value("file_system") == "FAT":
        sentences.append(
            "Its file system is FAT: losing power while a file is written can damage others, and "
            "`ats-trust image` can not make an image of it."
        )
    sentences.append("Use port 8883: port 443 needs ALPN, which MicroPython has not.")
    return sentences
