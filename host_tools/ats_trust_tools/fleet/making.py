"""Keys and requests for all things of a fleet, on as many processes as asked for.

Rules: the batches and their things are in the journal, on disk, before the first key is made. A
batch whose keys are there is never made again, whoever wrote them; what is missing is made. A
worker whose parent has gone ends after the batch in hand.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ..errors import ToolError
from .batch import DEVICES, KEYS, REQUESTS, keys_file, make_batch, read_keys
from .journal import Journal
from .things import Thing

MAX_BATCH = 2000  # Things: a tenth of a second of work, to which flushing to disk adds little.
MAX_SLOW_BATCH = 10  # RSA takes a thousand times as long.
Plan = list[tuple[int, list[Thing]]]
_Workers = dict["Connection[Any, Any]", "multiprocessing.context.ForkProcess"]


def make_all(
    journal: Journal, things: Iterable[Thing], processes: int, done: Callable[[int], None]
) -> int:
    """Make what is missing of the things' keys and requests; return for how many it was.

    done: called with the number of things that were just made.
    """
    _prepare(journal.folder)
    plan = _plan(journal, things, processes)
    missing = sum(len(batch) for _, batch in plan)
    for number, digests in _results(journal.folder, plan, processes):
        journal.write({"made": number, "keys": digests}, flush=False)
        done(len(digests))
    journal.flush()
    return missing


def remove_partials(folder: Path) -> None:
    """Remove what a killed run left half written; half a key is a secret too."""
    try:
        for place in (folder, *(folder / name for name in _FOLDERS)):
            for partial in place.glob(".*.partial"):
                partial.unlink()
    except OSError as error:
        raise ToolError(f"can not use {error.filename}: {error.strerror}") from None


_FOLDERS = (KEYS, REQUESTS, DEVICES)


def _prepare(folder: Path) -> None:
    try:
        for name in _FOLDERS:
            (folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ToolError(f"can not use {error.filename}: {error.strerror}") from None
    remove_partials(folder)


def _plan(journal: Journal, things: Iterable[Thing], processes: int) -> Plan:
    state = journal.state
    plan = []
    for number, names in state.batches.items():
        if number in state.made:
            if not keys_file(journal.folder, number).exists():
                raise ToolError(
                    f"{keys_file(journal.folder, number)} is missing, with the keys of "
                    f"{names[0]} and {len(names) - 1} more; take it back from a copy"
                )
        elif keys_file(journal.folder, number).exists():
            keys = read_keys(journal.folder, number, names)
            journal.write({"made": number, "keys": [digest for digest, _ in keys]}, flush=False)
        else:
            plan.append((number, [state.things[name] for name in names]))
    new = [thing for thing in things if thing.name not in state.things]
    # Each process gets several, so that they end at the same time.
    slow = any(thing.key_type.startswith("RSA") for thing in new)
    size = min(MAX_SLOW_BATCH if slow else MAX_BATCH, max(1, len(new) // (processes * 8)))
    first = max(state.batches, default=0) + 1
    begun = []
    for number, start in enumerate(range(0, len(new), size), first):
        plan.append((number, new[start : start + size]))
        begun.append({"begin": number, "things": new[start : start + size]})
    journal.write(*begun)
    return plan


def _results(folder: Path, plan: Plan, processes: int) -> Iterator[tuple[int, list[str]]]:
    if processes == 1 or len(plan) < 2:
        for number, things in plan:
            yield number, make_batch(folder, number, things)
        return
    # fork: a worker starts at once, with all modules loaded, and holds the journal's lock.
    context = multiprocessing.get_context("fork")
    workers: _Workers = {}
    try:
        for share in range(min(processes, len(plan))):
            reader, writer = context.Pipe(duplex=False)
            mine = plan[share::processes]
            worker = context.Process(target=_work, args=(writer, folder, mine, os.getpid()))
            worker.start()
            writer.close()  # So that the worker's end is the pipe's.
            workers[reader] = worker
        while workers:
            ready = wait(list(workers))
            for reader in [reader for reader in workers if reader in ready]:
                yield from _received(reader, workers)
    finally:
        for worker in workers.values():
            worker.terminate()
            worker.join()
        if workers:
            remove_partials(folder)


def _received(
    reader: "Connection[Any, Any]", workers: _Workers
) -> Iterator[tuple[int, list[str]]]:
    try:
        message = reader.recv()
    except EOFError:
        worker = workers.pop(reader)
        worker.join()
        if worker.exitcode:
            raise ToolError(
                "one of the processes ended before its work; call the same command again"
            ) from None
        return
    if isinstance(message, str):
        raise ToolError(message)
    yield message


def _work(writer: "Connection[Any, Any]", folder: Path, plan: Plan, parent: int) -> None:
    try:
        for number, things in plan:
            if os.getppid() != parent:
                return
            writer.send((number, make_batch(folder, number, things)))
    except ToolError as error:
        writer.send(str(error))
    except (KeyboardInterrupt, BrokenPipeError):
        pass  # The parent says it, or is not there any more.
