"""Turns the measured figures into docs/benchmarks.md and its chart, without a date."""

from collections.abc import Callable
from statistics import fmean
from typing import Any

import signature_costs
import update_costs
from bar_chart import Panel, Series, svg
from connection_costs import CHAINS, JUDGE, RESOLUTION, STEADY, TIME_SEEDS

Figures = dict[str, Any]

_TITLES = {
    "five": "ats_trust, 5 roots",
    "one": "ats_trust, 1 root",
    "frozen": "ats_trust, 5 roots, frozen",
    "by_hand": "by hand",
    "unverified": "unverified",
}
_CHART = {
    "five": Series("ats_trust as .mpy files, five roots on flash", "#0b6e4f"),
    "frozen": Series("ats_trust frozen into the firmware, five roots on flash", "#63b995"),
    "by_hand": Series("by hand: module tls, one root, verified", "#5b6b7b"),
    "unverified": Series("as in tutorials: CERT_NONE, anybody may answer", "#e0a030"),
}
# What is asked of this library; all else on these pages is for information.
_HELD_MOST = {"handshake": 5 * 1024, "connected": 4 * 1024}
_SLOWER = 1.03
_CORE_MOST, _ALL_MOST = 9 * 1024, 24 * 1024


def chart(figures: Figures) -> str:
    """The SVG."""

    def panel(title: str, unit: str, pick: Callable[[Figures], int]) -> Panel:
        groups = {
            chain.upper(): tuple(pick(figures[chain][way]) for way in _CHART) for chain in CHAINS
        }
        return Panel(title, unit, groups)

    panels = (
        panel("Least free heap at the call", "bytes", lambda f: int(f["least"])),
        panel(
            "Heap held once connected, all code included",
            "bytes",
            lambda f: int(f["heap"]["connected"]),
        ),
        panel("From the call to the stream", "ms emulated", _call),
    )
    return svg("A TLS connection on an emulated RP2040", tuple(_CHART.values()), panels)


def document(figures: Figures) -> str:
    """The Markdown."""
    parts = [
        _HEAD.format(
            versions=figures["versions"],
            resolution=RESOLUTION,
            steady=STEADY,
            layouts=len(TIME_SEEDS),
        ),
        _targets(figures),
    ]
    for chain in CHAINS:
        parts.append(f"## {chain.upper()} chain\n\n{_chain_table(figures[chain])}")
    parts.append(f"## Modules\n\n{_MODULES}\n\n{_module_table(figures)}")
    parts.append(f"## Flash\n\n{_FLASH}\n\n{_flash_table(figures['flash'])}")
    parts.append(f"## Signatures\n\n{_SIGNATURES}\n\n{_signature_table(figures['signatures'])}")
    parts.append(f"## Updates\n\n{_UPDATES}\n\n{_update_tables(figures['updates'])}")
    parts.append(_NOTES)
    return "\n\n".join(parts) + "\n"


def held(five: Figures, by_hand: Figures, moment: str, judge: int) -> int:
    """Bytes that the library holds: what is held beyond a connection by hand, the judge apart."""
    own = int(five["heap"][moment]) - int(by_hand["heap"][moment])
    return own - (judge if five["heap"]["apart"][moment] else 0)


def _call(f: Figures) -> int:
    calls: list[int] = f["calls"]
    return round(fmean(calls))


def _targets(figures: Figures) -> str:
    lines = []
    judge = figures["modules"].get(JUDGE, 0)
    for chain in CHAINS:
        ways, title = figures[chain], chain.upper()
        five, hand = ways["five"], ways["by_hand"]
        kinds = ((".mpy", five), ("frozen", ways["frozen"]))
        for how, mine in kinds:
            lines.append(
                _target(f"{title}: free heap needed, {how}", mine["least"], hand["least"])
            )
        for moment, words in (("handshake", "in the handshake"), ("connected", "once connected")):
            reached = held(five, hand, moment, judge)
            lines.append(
                _target(f"{title}: held by the library {words}", reached, _HELD_MOST[moment])
            )
        for how, mine in kinds:
            most = round(_SLOWER * _call(hand))
            lines.append(_target(f"{title}: ms to the stream, {how}", _call(mine), most))
    sizes = figures["sizes"]
    core = sum(sizes[name][1] for name in _core(figures))
    lines.append(_target(".mpy of what a connection imports", core, _CORE_MOST))
    lines.append(_target(".mpy of all modules", sum(m for _, m in sizes.values()), _ALL_MOST))
    table = _table(["target, in bytes or ms", "at most", "reached", ""], lines)
    return f"## Targets\n\n{_TARGETS}\n\n{table}"


def _target(name: str, reached: int, limit: int) -> list[str]:
    return [name, _number(limit), _number(reached), "met" if reached <= limit else "**missed**"]


def _chain_table(ways: dict[str, Figures]) -> str:
    rows: list[tuple[str, Callable[[Figures], int]]] = [
        ("Least free heap at the call", lambda f: f["least"]),
        ("Heap kept by the import", lambda f: f["heap"]["import"]),
        ("Heap kept with the context", lambda f: f["heap"]["context"]),
        ("Most heap held in the handshake", lambda f: f["heap"]["handshake"]),
        ("Heap kept once connected", lambda f: f["heap"]["connected"]),
        ("From the call to the stream, ms: mean", _call),
        ("the fastest", lambda f: min(f["calls"])),
        ("the slowest", lambda f: max(f["calls"])),
        ("First import, ms", lambda f: f["import_time"]),
        ("Bytes in", lambda f: f["bytes_in"]),
        ("Bytes out", lambda f: f["bytes_out"]),
        ("C stack left of 8,192", lambda f: f["stack_left"]),
    ]
    lines = []
    for name, pick in rows:
        mine, base = pick(ways["five"]), pick(ways["by_hand"])
        cells = [_number(pick(ways[way])) for way in _TITLES]
        lines.append([name, *cells, f"{mine / base:.2f}" if base >= 900 else ""])
    return _table(["", *_TITLES.values(), "5 roots / by hand"], lines)


def _module_table(figures: Figures) -> str:
    sizes = figures["sizes"]
    heap = {_short(name): size for name, size in figures["modules"].items()}
    lines = [
        [name, _number(source), _number(mpy), _number(heap[name]) if name in heap else ""]
        for name, (source, mpy) in sizes.items()
    ]
    total = [sum(column) for column in zip(*sizes.values(), strict=True)]
    lines.append(["**all**", _number(total[0]), _number(total[1]), _number(sum(heap.values()))])
    needed = [sum(sizes[name][i] for name in _core(figures)) for i in (0, 1)]
    lines.append(["**what a connection imports**", *map(_number, needed), ""])
    return _table(["module", "source", ".mpy", "heap"], lines)


def _flash_table(flash: dict[str, int]) -> str:
    names = {
        "mpy": "ats_trust compiled (`make dist`), with five roots",
        "source": "ats_trust as source (`package.json`), with five roots",
        "data": "ats_trust frozen: only what is no code (`data.json`)",
        "root": "by hand: one root",
    }
    return _table(["", "blocks"], [[text, str(flash[name])] for name, text in names.items()])


def _signature_table(found: dict[str, Figures]) -> str:
    lines = [[words, *numbers] for words, numbers in signature_costs.rows(found)]
    return _table(["", *signature_costs.WAYS.values()], lines)


def _update_tables(found: Figures) -> str:
    install = _table(
        ["`ats_trust.update.install`", ""],
        [
            ["ms, with plenty of free heap", _number(found["install"])],
            ["Least free heap, 256 of it for a piece of the source", _number(found["least"])],
            ["ms with that", _number(found["tight"])],
        ],
    )
    connections = _table(
        ["ms to the stream of a program's connections", "the first", "the next"],
        [
            [
                words,
                *(
                    _number(found[state][one]) if one in found[state] else ""
                    for one in ("first", "next")
                ),
            ]
            for state, words in update_costs.STATES.items()
        ],
    )
    kept = _number(found["held"])
    held = f"The modules that connections import for that keep {kept} bytes of heap."
    return f"{install}\n\n{connections}\n\n{held}"


def _core(figures: Figures) -> set[str]:
    """The modules that a connection imports, before it or in the handshake."""
    return {*figures["core"], *map(_short, figures["modules"])}


def _short(module: str) -> str:
    """A module's name without the package's."""
    package, _, name = module.rpartition(".")
    return name if package or name != "ats_trust" else "__init__"


def _table(header: list[str], lines: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines])


def _number(value: int) -> str:
    return f"{value:,}"


_HEAD = """\
# Benchmarks

`make bench` wrote this file and its chart. Limits on the figures are in `benchmarks/budgets.toml`,
and tests keep them (`tests/boards/test_budgets_on_board.py`, `tests/host/test_budgets.py`).

![least heap, held heap and time, as bars](benchmarks.svg)

All ways ran in one go on the emulated RP2040 (`docs/emulated-board.md`) against the same emulated
AWS IoT Core, on loopback. Memory is that of the real firmware, time is the chip's cycles at
125 MHz, so neither depends on the machine that it ran on.

- **ats_trust**, as .mpy files on LittleFS, with five roots or one in the bundle; and frozen into
  the firmware. The call is `context(host).wrap_socket(link)`.
- **by hand**: the shortest correct code. The port's own `tls`, `CERT_REQUIRED`, the one root that
  fits this chain as a full DER file, the host's name. Nothing else: an RSA server with an ECDSA
  root, a wrong clock or a lack of memory all end in the same `ValueError`.
- **unverified**: what tutorials do, `CERT_NONE`. They write `ssl`; that module is not frozen into
  this firmware, and is the same C code below a Python wrapper, which would only cost more.

Versions: {versions}.

Bytes of heap are of 16-byte blocks. The least free heap is looked for in steps of {resolution}
bytes; up to {steady:,} more suffice too. Times are of {layouts} layouts of the heap; unverified
and with one root, of a single one. Two runs differ by a step of heap, by two percent of a time,
and by some bytes with the length of the server's ECDSA signatures."""

_TARGETS = """\
Free heap is what `gc.mem_free()` says at the call, library imported, against by hand with its one
full root. Time is against 1.03 x by hand. Held by the library, installed as .mpy, is the heap kept
with it less the heap kept by hand, and includes code, interned strings and objects; what
the module `judge` holds, the checks that Mbed TLS leaves out, is taken off while it is loaded.

What is missed, and why. Free heap: by hand no Python object is alive while Mbed TLS verifies the
chain; here the context, the stream and what reads along are, about 1 KB, and their garbage splits
what is free (`docs/decisions/0009-what-is-alive-while-a-chain-is-verified.md`). Held heap: a byte
of .mpy takes 1.5 bytes of heap, so code that refuses what the library refuses does not fit into
5 KB; frozen, all of it holds 6.5 KB. Size: a quarter of a .mpy file is names, repeated in each
module; the checks of a certificate alone (`judge`, `x509`) are 4 KB."""

_MODULES = """\
Bytes; the .mpy files are those of `make dist`. Heap is what the module holds on the
board after a connection has imported it: code, objects, and its share of the tables of interned
strings. Empty: a connection does not import it."""

_FLASH = """\
Blocks of 4 KiB on an empty board's LittleFS, as its `statvfs` counts them: four are for the folder
`/lib/ats_trust`. Frozen, the code is part of the firmware."""

_SIGNATURES = """\
What checks the signature of a bundle (`make bench-signatures` measures this alone). ECDSA is what
bundles have (`docs/decisions/0012-updates-are-signed-with-ecdsa-p-256.md`); the other two are for
comparison, PSS with a check of its own (`tests/boards/on_board/pss.py`). The wrong ones are of
every kind: another message, another key, numbers at and beyond the limits, 8 KB of signature, and
for ECDSA factors that make the check do an addition at every step. The less memory is free, the
more often garbage is collected; that takes longest when all of the heap is in use, as here."""

_UPDATES = """\
A signed bundle of two roots and one endpoint (`docs/rotation.md`). With little memory most of the
time goes into collecting garbage, as with the signature alone. The connections are to the ECDSA
chain, with the bundle in force and no `bundle=`; the first one makes the context and imports what
updates need, each mean is of the same layouts of the heap as above. What they take longer where
updates are in use: the modules fill the heap in which the TLS looks for room, and each connection
reads the state and the bundle in force."""

_NOTES = """\
## How it is measured

The arithmetic is the same in every way. What differs is the search for free heap: TLS memory is
on MicroPython's heap, and every allocation looks for room from the lowest free block on. So the
layout of the heap at the moment of the call decides a part of the time. It is fixed here: a
program has made 250 objects of 16 to 512 bytes and dropped about half of them, before the imports
and again after them; sizes and choice are drawn with a seed for each layout, the same for every
way. The mean is compared, not the median: RSA by hand falls into one of two groups of times, and
the median jumps from one to the other.

For the least free heap all memory but one piece is taken, so no hole counts that nothing fits in.
With the free memory in several pieces the sum says little: whether the large buffers of the TLS
find one is chance. `tests/e2e/test_small_heap.py` goes through hundreds of such layouts for what
matters there: that each ends in a good connection or in an error that says memory.

Most heap held in the handshake is looked at, garbage collected, whenever the TLS reads or writes;
what its arithmetic takes in between shows in the least free heap."""
