"""Install a signed bundle in place of the one in force. It is proved by connections: see `slots`.

Rules kept here:
- What is refused leaves no trace: it is written to a file that nothing names, verified from
  there as it will be read, and deleted.
- The signer is one that the kept bundle names, or one that an update names which is not proved
  yet. There is no other way to a signer, and none for a bundle without signature.
- A version never comes twice, and never after a higher one.
"""

import os

from . import preflight, slots
from .bundle import MAX_SIZE, Bundle
from .der import DerError, const, fail, header
from .endpoint import parse
from .errors import BundleError, ClockError, ConfigError, HeapError, UpdateError
from .signature import check
from .signed import SignedBundle, key_id
from .slots import CONFIRMED, REVERTED, SLOTS, State, allocate_lock, discard, lock, tidy

_SEQUENCE = const(0x30)
_PIECE = const(256)  # Bytes that are read from a source at a time.

_busy = allocate_lock()


def install(source):
    """Install an update. Returns its version, once it is on flash as the pending bundle.

    source: a signed bundle (docs/bundle-format.md) as bytes, as the path of a file, as an open
    file or stream (an object with readinto), or as an iterable of pieces of bytes.
    Raises UpdateError, BundleError("bundle_useless"), ClockError or HeapError when it is refused:
    then nothing has changed. An OSError or other exception of the source passes through.
    """
    if not _busy.acquire(False):
        raise UpdateError("update_busy", "another one is being installed")
    try:
        return _install(source)
    except MemoryError:
        raise HeapError("heap", "while an update was installed")
    finally:
        slots.being_written = None
        _busy.release()


def status():
    """Return a dict that says which bundle is in force and what became of the last update.

    version, path, built_at, not_after: of the bundle in force. digest: str, of what was signed,
    its first 8 bytes in hex; "" without signature. signers: list of str, `key_id` in hex.
    kept: int, the version that is proved, or None where there is no way back; kept_digest.
    pending: int, the one that is being proved, or None; pending_digest. proved, waiting: lists of
    its endpoints. failures: int, the most at one of them. reason: str, the code of a failure, the
    last that counted; or why the pending one is not in force: "clock_wrong", after its end. last:
    "confirmed", "reverted" or "" for the last update. floor: int, the highest version that ever
    was installed.
    """
    state = State()
    named = state.in_force()
    found, digest = _opened(named)
    kept, kept_digest = found.version, digest
    pending, pending_digest = None, ""
    proved = []
    waiting = []
    last = state.outcome
    reason = state.reason
    if state.pending < SLOTS:
        mine = state.named(state.pending)
        try:
            new, pending_digest = (found, digest) if named == mine else _opened(mine)
            pending = new.version
            for number, host in enumerate(new.endpoints):
                (proved if state.proved >> number & 1 else waiting).append(host)
        except BundleError:
            last = REVERTED
            reason = "bundle_damaged"
        if named == mine:
            kept, kept_digest = None, ""
            try:
                if not state.final:
                    before, kept_digest = _opened(state.named(state.kept))
                    kept = before.version
            except BundleError:
                pass
        elif pending is not None:
            reason = "clock_wrong"
    return {
        "version": found.version,
        "path": found.path,
        "built_at": found.built_at,
        "not_after": found.not_after,
        "digest": digest,
        "signers": [key_id(point).hex() for point in found.signers] if digest else [],
        "kept": kept,
        "kept_digest": kept_digest,
        "pending": pending,
        "pending_digest": pending_digest,
        "proved": proved,
        "waiting": waiting,
        "failures": max(state.failures),
        "reason": reason,
        "last": {CONFIRMED: "confirmed", REVERTED: "reverted"}.get(last, ""),
        "floor": max(state.version, found.version),
    }


def _opened(named):
    """Return (the bundle that `State.named` names, its digest as `status` has it)."""
    found = Bundle(*named)
    if not found.signed:
        return found, ""
    found = SignedBundle(*named)
    return found, found.digest[:8].hex()


def _install(source):
    # After each step garbage is collected, so that what stays lies close together: this takes
    # half of the heap that it would take without.
    state = State()
    base = state.base
    number = [n for n in range(SLOTS) if n not in state.saved][0]
    path = state.slot(number)
    slots.being_written = number
    tidy()
    discard(path)  # What a power cut left there takes room.
    try:
        _write(source, path)
        tidy()
        with lock:
            # Now, and not before: whoever gave the pieces may have connected meanwhile.
            state = State(base)
            kept = state.named(state.pending if state.final else state.kept)
            signers, floor = _trusted(state, kept)
            state = None  # As in _verified.
            tidy()
            found = _verified(path, signers, floor)
            tidy()
            final = found.distrust and found.leaves_out(SignedBundle(*kept))
            state = State(base)
            state.propose(number, found, final)
            slots.being_written = None
            # From here on the slot may be named, and is deleted by a state that does not.
            path = ""
            try:
                state.save()
            except OSError as error:
                State(base).sweep()
                raise _full(error)
            try:
                state.sweep()
            except MemoryError:
                pass  # It is installed; the next one sweeps.
            return found.version
    except BaseException:
        if path:
            discard(path)
        raise


def _trusted(state, kept):
    """Return (points that may sign, the highest version so far); the clock must fit to one.

    kept: what the update would be gone back to, as State.named gives it.
    """
    try:
        found = SignedBundle(*kept)
    except BundleError:
        if _unsigned(*kept):
            raise UpdateError("update_no_signers", kept[0])
        raise
    signers = found.signers
    version = max(state.version, found.version)
    clock = found
    if state.pending < SLOTS and not state.final:
        try:
            found = state.open(state.pending)
            signers = signers + found.signers
            preflight.check_clock(found)
            clock = found
        except (BundleError, ClockError):
            pass
    preflight.check_clock(clock)
    return signers, version


def _write(source, path):
    """Write what comes to this file, as much as the bundle says of itself that it has."""
    begin = b""
    file = None
    left = [4]  # Bytes; the size is known from the first four.
    pieces = _pieces(source, left)
    try:
        for piece in pieces:
            if not file:
                begin += bytes(piece)
                left[0] = 4 - len(begin)
                if left[0] > 0:
                    continue
                left[0] = _size(begin)
                _room(path, left[0])
                try:
                    file = open(path, "wb")
                except OSError as error:
                    raise _full(error)
                piece = begin
            left[0] -= len(piece)
            if left[0] < 0:
                raise UpdateError("update_damaged", "more bytes than it says")
            try:
                if file.write(piece) != len(piece):
                    raise OSError(28)  # ENOSPC
            except OSError as error:
                raise _full(error)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
        try:
            if file:
                file.close()
        except OSError as error:
            raise _full(error)
    if left[0] or not file:
        raise UpdateError("update_damaged", "cut off")


def _pieces(source, left):
    """Yield what a source has, in pieces; a view is good until the next one.

    left: list of how many bytes are wanted; from a stream, which may go on, no more are taken.
    """
    if isinstance(source, str):
        with open(source, "rb") as file:
            yield from _pieces(file, left)
            yield file.read(1)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        for start in range(0, len(source), _PIECE):
            yield source[start : start + _PIECE]
    elif hasattr(source, "readinto"):
        view = memoryview(bytearray(_PIECE))
        while left[0]:
            count = source.readinto(view[: min(_PIECE, left[0])])
            if not count:
                break
            yield view[:count]
    else:
        yield from source


def _size(begin):
    """Return the size that a bundle has by its first bytes."""
    try:
        tag, _, stop = header(begin, 0, len(begin), False)
    except DerError as error:
        raise UpdateError("update_damaged", error.detail)
    if tag != _SEQUENCE or stop > MAX_SIZE:
        raise UpdateError("update_damaged", "no bundle, or more than %d bytes" % MAX_SIZE)
    return stop


def _room(path, size):
    """Raise UpdateError if the file system has no room for a file of this size."""
    if hasattr(os, "statvfs"):
        found = os.statvfs(path[: path.rfind("/")] or "/")
        # One block more for its place in the folder, one for the state.
        if -(-size // found[1]) + 2 > found[4]:
            raise UpdateError("update_full", "%d bytes are free" % (found[1] * found[4]))


def _verified(path, signers, floor):
    """Return the SignedBundle at this path, if it may be installed.

    signers: list of points; floor: a version that it has to be above.
    """
    try:
        found = SignedBundle(path)
        _check_endpoints(found)
    except (DerError, ConfigError) as error:
        raise UpdateError("update_damaged", error.detail)
    except BundleError as error:
        if error.code != "bundle_damaged":
            raise
        raise UpdateError("update_unsigned" if _unsigned(path) else "update_damaged", error.detail)
    now = preflight.stamp()
    if found.version <= floor:
        raise UpdateError(
            "update_older", "version %d, and %d has been installed" % (found.version, floor)
        )
    if found.built_at > now:
        raise UpdateError("update_early", "it was built on " + preflight.date(found.built_at))
    if now > min(found.expires, found.not_after):
        raise UpdateError("update_expired", "on " + preflight.date(found.expires))
    signers = [point for point in signers if key_id(point) == found.signer][:1]
    if not signers or signers[0] not in found.signers:
        raise UpdateError("update_unknown_signer", found.signer.hex())
    key = "secp256r1", signers[0]
    digest = found.digest
    signature = found.signature
    found = signers = None  # Read again, since checking a signature takes memory.
    tidy()
    if not check(key, "ecdsa-sha256", digest, signature):
        raise UpdateError("update_bad_signature", "by " + key_id(key[1]).hex())
    tidy()
    return SignedBundle(path, None, digest[:8])


def _unsigned(*path):
    """Return whether this is a whole bundle, of the format without signers."""
    try:
        return not Bundle(*path).signed
    except BundleError:
        return False


def _check_endpoints(found):
    """Each endpoint is one, in lower case, and some anchor answers for it."""
    for host in found.endpoints:
        endpoint = parse(host)
        if endpoint.host != host:
            fail("an endpoint that is not in lower case")
        if not found.leaf_types(endpoint.roles):
            raise BundleError("bundle_useless", "no root in it answers for " + host)


def _full(error):
    return UpdateError("update_full", "OSError %s" % error.args[0])
