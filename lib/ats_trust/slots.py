"""Which bundle is in force where updates were installed, and what each connection proves of one.

docs/rotation.md has the states and events as a table, with the argument why none of them leaves a
board without a bundle that once worked. Rules kept here:
- The state is in two small files. Each write goes to the one that does not count, so one that
  is cut off leaves the other. A bundle that the state names is never written to, and it names
  their contents, too: after whatever fault, no other file in their place is believed.
- An attempt is counted before it is made, so that a crash counts too; a fault of the network
  takes it back. Nothing here decides whether a server is authenticated.
- What can not be recorded changes no verdict: the state stays as it was.
"""

import gc
import hashlib
import os
import struct
import time

from . import preflight
from .bundle import Bundle, by_cable
from .der import const
from .errors import BundleError, ClockError, TrustError, library_file
from .signed import MAX_ENDPOINTS, SignedBundle

SLOTS = const(3)  # Also the number that stands for "none", and for the base: what came by cable.
CONFIRMED = const(1)
REVERTED = const(2)
# An update is gone back from after so many failures at one endpoint that are not the network's,
# not before so many seconds, and only when the kept bundle then authenticates that endpoint.
FAILURES = const(5)
PATIENCE = const(3600)
# Format, generation, version, kept, pending, final, proved, outcome; both marks;
# failures, and when the first was, by endpoint; the reason. Then 8 bytes of the SHA-256 of that.
_FORMAT = ">BIQBBBBB8s8s4B4I24s"
_SIZE = const(86)
# The state without updates: what follows the generation.
_NONE = (0, SLOTS, SLOTS, 0, 0, 0, b"", b"") + (0,) * 8 + (b"",)


class _Lock:
    """In place of a lock of `_thread`, on ports that have none."""

    _taken = False

    def acquire(self, wait=True):
        taken = self._taken
        self._taken = True
        return not taken

    def release(self):
        self._taken = False

    def __enter__(self):
        self.acquire()

    def __exit__(self, *_):
        self.release()


try:
    from _thread import allocate_lock
except ImportError:
    allocate_lock = _Lock

# Held while the state is read, changed and written.
lock = allocate_lock()
# The slot that an update is being written to: it is not swept.
being_written = None


class State:
    """What is on flash about updates.

    base: (signed, version, path) of the bundle that came by cable. folder: str, where the files
    are, with its "/". generation: int, of this state, 0 where there is none.
    kept: slot of the bundle that is proved, SLOTS is the base. pending: slot of the update that
    is being proved, SLOTS is none. marks: of both, the first 8 bytes of their digests.
    final: bool, the kept one is not gone back to. proved: bits of the pending bundle's endpoints.
    failures, since: for each of them, how many and when (time.time) the first was, or the last
    attempt to go back. version: int, the highest that ever was installed. outcome: 0, CONFIRMED or
    REVERTED, of the last update; reason: str, code of the last failure that counted.
    saved: kept and pending as they are on flash, where a newer bundle by cable has ended that.
    Raises BundleError("bundle_damaged").
    """

    def __init__(self, base=None):
        self.base = base or by_cable(tidy)
        there = library_file("update_state1.bin") or library_file("update_state0.bin")
        place = there or self.base[2]
        self.folder = place[: place.rfind("/") + 1]
        best = b""
        damaged = False
        for number in range(2):
            tidy()
            try:
                with open(self._file(number), "rb") as file:
                    data = file.read(_SIZE + 1)
            except OSError as error:
                if error.args[0] != 2:  # ENOENT. What can not be read may be what counts.
                    raise BundleError("bundle_damaged", self._file(number))
                continue
            if len(data) != _SIZE or _sum(data[:-8]) != data[-8:] or data[0] != 1:
                damaged = damaged or not number  # The very first write goes to file 1.
            elif data[1:5] > best[1:5]:
                best = data
        if damaged and not best:
            raise BundleError("bundle_damaged", self.folder + "update_state0.bin, and 1")
        best = struct.unpack(_FORMAT, best[:-8])[1:] if best else (0,) + _NONE
        self.generation, self.version, self.kept, self.pending, final = best[:5]
        self.final = bool(final)
        self.proved, self.outcome = best[5:7]
        self.marks = best[7:9]
        self.failures = list(best[9:13])
        self.since = list(best[13:17])
        self.reason = best[17].rstrip(b"\0").decode()
        self.saved = self.kept, self.pending
        if self.base[0] and self.base[1] > self.version:
            # Newer than all updates: its owner has been here with a cable, and that counts.
            self.version = self.base[1]
            self.kept = self.pending = SLOTS
            self.final = False
            self._afresh(0)

    def slot(self, number):
        """Return the path of a slot's bundle; that of the base for SLOTS."""
        return self.folder + "roots_slot%d.bin" % number if number < SLOTS else self.base[2]

    def open(self, number):
        """Return the SignedBundle that the state names in this slot, or the base."""
        return SignedBundle(*self.named(number))

    def named(self, number):
        """Return (path, None, mark), the arguments for Bundle, of what `open` opens."""
        mark = None if number == SLOTS else self.marks[number == self.pending]
        return self.slot(number), None, mark

    def in_force(self, host=None, now=None):
        """Return what `named` does for the bundle in force at this time (a stamp; None is now).

        While an update is being proved it is that one, unless it has ended; for a host that it
        does not list the kept.
        """
        number = self.pending
        if number < SLOTS and not self.final:
            try:
                found = self.open(number)
                ended = (now or preflight.stamp()) > found.not_after
                if ended or host not in [None] + found.endpoints:
                    number = SLOTS
            except BundleError:
                number = SLOTS  # As if it had never come: it did not even prove that it is whole.
        return self.named(self.kept if number == SLOTS else number)

    def propose(self, number, found, final):
        """Make a SignedBundle in this slot the pending one."""
        # What a final one replaced is not gone back to, whatever comes.
        at = 1 if self.final else 0
        self.kept = (self.kept, self.pending)[at]
        self.marks = self.marks[at], found.digest[:8]
        self.pending, self.version, self.final = number, found.version, final
        self._afresh(0)

    def confirm(self):
        """The pending bundle is proved."""
        self.kept = self.pending
        self.marks = self.marks[1], b""
        self.pending = SLOTS
        self.final = False
        self._afresh(CONFIRMED)

    def revert(self):
        """The pending bundle failed where the kept one does not. Never of a final one."""
        self.pending = SLOTS
        self._afresh(REVERTED, self.reason)

    def save(self):
        """Write it to flash, as the next generation. Raises OSError: then nothing has changed."""
        if self.generation:
            self._write(self.generation + 1, self._values())
            return
        # From the first time on there are two files, of which one is always good.
        try:
            self._write(1, _NONE)
            self._write(2, self._values())
        except OSError:
            discard(self._file(0))  # In this order: file 1 alone is a good state.
            discard(self._file(1))
            raise

    def sweep(self):
        """Delete the bundles that this state, as it was saved, does not name."""
        for number in range(SLOTS):
            if number not in (self.kept, self.pending, being_written):
                discard(self.slot(number))

    def _afresh(self, outcome, reason=""):
        self.outcome = outcome
        self.reason = reason
        self.proved = 0
        self.failures = [0] * MAX_ENDPOINTS
        self.since = [0] * MAX_ENDPOINTS

    def _values(self):
        flags = (self.kept, self.pending, self.final, self.proved, self.outcome)
        times = tuple(self.failures) + tuple(self.since)
        return (self.version,) + flags + self.marks + times + (self.reason.encode(),)

    def _write(self, generation, values):
        data = struct.pack(_FORMAT, 1, generation, *values)
        with open(self._file(generation & 1), "wb") as file:
            if file.write(data + _sum(data)) != _SIZE:
                raise OSError(28)  # ENOSPC
        self.generation = generation

    def _file(self, number):
        return self.folder + "update_state%d.bin" % number


class Attempt:
    """One connection to an endpoint: with which bundle, and what becomes of an update by it.

    host: str. roles: int, those of the anchors that may answer there. base: as for State.
    bundle: arguments for Bundle, of the one to use.
    """

    _index = -1  # Of the endpoint in the pending bundle; -1: nothing is recorded.
    _counted = False

    def __init__(self, host, roles, base=None):
        with lock:
            state = State(base)
            self._base = state.base
            self._roles = roles
            self._chain = self._anchors = ()  # For later, when there may be no memory.
            number = state.pending
            endpoints = ()
            if number < SLOTS:
                self._named = number, state.version
                try:
                    pending = state.open(number)
                    preflight.check_clock(pending)
                    endpoints = pending.endpoints
                except (BundleError, ClockError):
                    if state.final:
                        raise
            self._all = (1 << len(endpoints)) - 1
            if host in endpoints:
                self._index = endpoints.index(host)
            elif not state.final:
                number = SLOTS  # It is tried only where it is proved.
            self._back = self._index >= 0 and self._goes_back(state, int(time.time()))
            self.bundle = state.named(state.kept if number == SLOTS or self._back else number)

    def _goes_back(self, state, now):
        """Return whether this attempt is to show if the kept bundle does better.

        Only if that could do at all, and the time of the attempt is on flash: else nothing but
        such attempts would be made.
        """
        at = self._index
        # A clock that went back counts as time that has passed.
        passed = not 0 <= now - state.since[at] < PATIENCE
        if state.final or not passed or state.failures[at] < FAILURES:
            return False
        try:
            kept = Bundle(*state.named(state.kept))
            preflight.check_clock(kept)
            if kept.leaf_types(self._roles):
                state.since[at] = now
                state.save()
                return True
        except (OSError, TrustError):
            pass
        return False

    def begin(self):
        """Record that the attempt is made, before a byte is sent."""
        self._record(Attempt._begun)

    def end(self, error=None, chain=b"", anchors=()):
        """Record how it ended. error: None, the server was authenticated; or the exception.

        chain: bytes, name keys of the chain that it showed (Bundle.find). anchors: list of the
        SHA-256 of the anchors that it could end in.
        """
        self._chain = chain
        self._anchors = anchors
        self._record(Attempt._ended, error)
        self._index = -1

    def _record(self, change, error=None):
        if self._index < 0:
            return
        for _ in range(2):
            try:
                with lock:
                    state = State(self._base)
                    if (state.pending, state.version) == self._named:
                        change(self, state, error)
                return
            except MemoryError:
                gc.collect()
            except (OSError, TrustError):
                return  # A flash that is full or damaged is no reason to cut a board off.

    def _begun(self, state, _):
        at = self._index
        if not self._back and state.failures[at] < FAILURES:
            if not state.failures[at]:
                state.since[at] = int(time.time())
            state.failures[at] += 1
            state.save()
            self._counted = True

    def _ended(self, state, error):
        at = self._index
        if error is None:
            state.failures[at] = 0
            state.proved |= 1 << at
            if self._back and not self._does_too(state):
                state.revert()
            elif state.proved == self._all:
                state.confirm()
            state.save()
            state.sweep()
        elif isinstance(error, (TrustError, MemoryError)):
            code = getattr(error, "code", "heap")
            if self._counted and state.reason != code:
                state.reason = code
                state.save()
        elif self._counted and state.failures[at]:
            state.failures[at] -= 1
            state.save()

    def _does_too(self, state):
        """Return whether the pending bundle offers the same and ends in the very same anchors.

        Then whoever refused it before was not this server, and this connection proves both.
        """
        pending = state.open(state.pending)
        if pending.leaf_types(self._roles) != Bundle(*self.bundle).leaf_types(self._roles):
            return False
        found = pending.find(self._chain, self._roles)
        return found and [hashlib.sha256(anchor).digest() for anchor in found] == self._anchors


def tidy():
    """Collect garbage, so that what comes next lies close together, at the bottom of the heap."""
    if hasattr(gc, "mem_free"):  # Not on CPython, where it takes long and gains nothing.
        gc.collect()


def renewed(context):
    """Return a TrustedContext like this one, for one connection, with the bundle to use now."""
    attempt = Attempt(context._host, context._roles, context._bundle.base)
    made = type(context)(
        context._host,
        bundle=attempt.bundle,
        pins=context._pins,
        port=context._port,
        credentials=context._credentials,
    )
    made._attempt = attempt
    return made


def discard(path):
    """Delete a file, if there is one."""
    try:
        os.remove(path)
    except OSError:
        pass


def _sum(data):
    return hashlib.sha256(data).digest()[:8]
