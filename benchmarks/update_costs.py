"""What updates of the roots cost a board: to install one, and each connection from then on.

Measured on the emulated board by tests/boards/on_board/measuring.py. The bundle is a usual one:
two roots, two signers, one endpoint.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

from connection_costs import RESOLUTION, TIME_SEEDS, ask
from emulated_board import EmulatedBoard

from ats_trust_tools.bundle import Anchor
from ats_trust_tools.emulate import Emulator
from ats_trust_tools.emulate.profiles import to_der
from ats_trust_tools.signed_bundle import Terms, sign_bundle
from ats_trust_tools.signing_key import new_signing_key, point_of
from ats_trust_tools.trim import trim

# Words for the states that a connection is measured in, as tables have them.
STATES = {
    "none": "no update was ever installed",
    "proving": "while an update is proved",
    "proved": "afterwards",
}
# What is measured, in this order; the second takes longest.
STEPS = (
    "connections without updates",
    "installing with little memory",
    "installing, and connections that prove",
    "connections afterwards",
)
VERSION = 8  # Of the update.
UPDATE = "/update.bin"
FIELD = "/lib/ats_trust/roots_field.bin"
_MOST = 6656  # Free heap at which the search for the least begins.


def bundles(door: Emulator, folder: Path) -> tuple[Path, Path]:
    """Write a signed bundle of version 1, for FIELD, and one that replaces it, for UPDATE."""
    now = datetime.now(UTC).replace(microsecond=0)
    keys = [new_signing_key() for _ in range(2)]
    first, second = (point_of(key.public_key()) for key in keys)
    anchors = [
        Anchor(to_der(door.pki.root(name)), frozenset(leaves), frozenset({"ats"}))
        for name, leaves in (("rsa", {"rsa", "ecdsa"}), ("ecdsa", {"ecdsa"}))
    ]
    written = []
    for version in (1, VERSION):
        path = folder / f"signed{version}.bin"
        content = sign_bundle(
            [(anchor.use, trim(anchor.certificate)) for anchor in anchors],
            version=version,
            # A board's clock may be a little slow.
            built_at=now - timedelta(hours=1),
            terms=Terms(now + timedelta(days=30), False, (first, second), (door.host,)),
            key=keys[0],
        )
        path.write_bytes(content)
        written.append(path)
    return written[0], written[1]


def costs(
    board: EmulatedBoard, door: Emulator, folder: Path, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Bytes and milliseconds on a board that is prepared; tells when it begins each of STEPS.

    held: by the modules that every connection needs then. install: with plenty of heap; least:
    free heap with which it still succeeds, and tight: in what time then. By STATES: "first" and
    "next" connection of a program.
    """
    first, update = bundles(door, folder)
    board.copy(first, to=FIELD)
    board.copy(update, to=UPDATE)
    tell(STEPS[0])
    found: dict[str, Any] = {"held": ask(board, "kept_by_updates()")}
    found["none"] = _mean([_connections(board, door, seed) for seed in TIME_SEEDS])
    board.keep_flash()
    tell(STEPS[1])
    found["least"], found["tight"] = _least(board)
    tell(STEPS[2])
    board.restore_flash()
    found["install"] = install(board)["millis"]
    board.keep_flash()
    proving = []
    for seed in TIME_SEEDS:
        board.restore_flash()
        proving.append(_connections(board, door, seed))
    found["proving"] = {"first": _mean(proving)["first"]}
    tell(STEPS[3])
    found["proved"] = _mean([_connections(board, door, seed) for seed in TIME_SEEDS])
    return found


def install(board: EmulatedBoard, free: int = 0) -> dict[str, Any]:
    """Install the update: "version" and "millis", or the "error". free: bytes of heap; 0: all."""
    return dict(ask(board, f"install({UPDATE!r}, {free})"))


def _least(board: EmulatedBoard) -> tuple[int, int]:
    """The least free heap from _MOST down with which it succeeds, and the milliseconds then."""
    least = millis = 0
    for free in range(_MOST, 0, -RESOLUTION):
        board.restore_flash()
        done = install(board, free)
        if "error" in done:
            return least, millis
        least, millis = free, done["millis"]
    raise RuntimeError("an update is installed with no heap at all")


def _connections(board: EmulatedBoard, door: Emulator, seed: int) -> dict[str, int]:
    return dict(ask(board, f"connections({door.host!r}, {door.port}, {seed})"))


def _mean(calls: list[dict[str, int]]) -> dict[str, int]:
    return {name: round(fmean(call[name] for call in calls) / 1000) for name in calls[0]}
