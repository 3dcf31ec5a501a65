"""How large the device library is: source and .mpy bytes for each module, and heap when imported.

`make sizes` prints it. The modules that a connection needs are not listed by hand: MicroPython is
asked which it imported for one, from the compiled files. Heap is that of the unix port with 64-bit
words, where an object takes about twice what it takes on a 32-bit board.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from compiled_library import compile_library
from mip_manifest import LIBRARY, modules
from rich.console import Console
from rich.table import Table

import interpreters

REMEDIES = LIBRARY / "remedies.txt"
# A connection up to TCP: what `context` and `connect` import, with a verdict at the end of it.
_PROGRAM = """
import gc, json, sys
gc.collect(); gc.collect()
before = gc.mem_alloc()
import ats_trust
ats_trust.context
names = set(sys.modules)
context = ats_trust.context("a0example-ats.iot.eu-central-1.amazonaws.com", bundle=sys.argv[1])
ats_trust.connect
ats_trust.TrustError
gc.collect(); gc.collect()
after = gc.mem_alloc()
names |= set(sys.modules)
print(json.dumps([after - before, [name for name in names if name.startswith("ats_trust.")]]))
"""


@dataclass(frozen=True)
class Sizes:
    """Bytes. modules: name -> (source, .mpy). core: names that a connection imports."""

    modules: dict[str, tuple[int, int]]
    core: frozenset[str]
    heap: int

    @property
    def total_mpy(self) -> int:
        """All modules, compiled."""
        return sum(mpy for _, mpy in self.modules.values())

    @property
    def core_mpy(self) -> int:
        """The modules that a connection imports, compiled."""
        return sum(mpy for name, (_, mpy) in self.modules.items() if name in self.core)


def measure(micropython: interpreters.MicroPython) -> Sizes:
    """Compile the library with mpy-cross and import it on this MicroPython."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_library(Path(folder) / "ats_trust")
        found = {
            source.stem: (source.stat().st_size, (compiled / f"{source.stem}.mpy").stat().st_size)
            for source in modules()
        }
        done = micropython.run_code(_PROGRAM, LIBRARY / "roots.bin", path=[folder])
        if done.returncode:
            raise RuntimeError(done.stderr)
        heap, names = json.loads(done.stdout)
    core = frozenset(name.partition(".")[2] for name in names) | {"__init__"}
    return Sizes(found, core, heap)


def main() -> int:
    """Print the table."""
    micropython = interpreters.releases()[0]
    if isinstance(micropython, interpreters.Missing):
        print(f"sizes: {micropython.reason}", file=sys.stderr)
        return 1
    try:
        sizes = measure(micropython)
    except (RuntimeError, OSError) as error:
        print(f"sizes: {error}", file=sys.stderr)
        return 1
    table = Table("module", "source", ".mpy", "for a connection")
    for column in table.columns[1:3]:
        column.justify = "right"
    for name, (source, mpy) in sizes.modules.items():
        table.add_row(name, str(source), str(mpy), "yes" if name in sizes.core else "")
    table.add_section()
    table.add_row("all", str(sum(s for s, _ in sizes.modules.values())), str(sizes.total_mpy))
    table.add_row("for a connection", "", str(sizes.core_mpy))
    console = Console()
    console.print(table)
    console.print(
        f"Heap held by code, context and bundle: {sizes.heap} bytes, 64-bit words,"
        f" MicroPython {micropython.version}.\n"
        f"Roots: {(LIBRARY / 'roots.bin').stat().st_size} bytes on flash, one file.\n"
        f"What to do about each error: {REMEDIES.stat().st_size} bytes on flash, one file."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
