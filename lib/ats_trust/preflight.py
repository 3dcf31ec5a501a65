"""What a board must have before a handshake: a plausible time, and memory.

Rules kept here:
- Times are strings "YYYYMMDDHHMMSS" in UTC, made by time.gmtime: they compare as the moments that
  they stand for and are the same on ports that count from 1970 and from 2000.
- The clock can not be right before the trust anchors were chosen, nor is there anything left to
  verify after the last of them ended.
- Memory: only what is certain to fail is refused, and only where TLS shares the Python heap.
  Figures are for stock MicroPython, whose TLS has a buffer in of 16 KB and one out of 4 KB: the
  least that ever sufficed was 28.7 KB (ECDSA) and 30.7 KB (RSA) of an unfragmented heap, on a
  32-bit port.
"""

import gc
import sys
import time

from .errors import ClockError, HeapError

# Below this, even an unfragmented heap was never enough for any handshake.
CERTAIN_FAILURE = 27 * 1024
# With one free piece of this size before a chain is verified, verifying it can not run out.
_AMPLE = 16 * 1024

# The ports whose TLS takes its memory from the heap of Python.
ON_PYTHON_HEAP = ("rp2", "pyboard", "mimxrt")


def stamp(seconds=None):
    """Return a moment as "YYYYMMDDHHMMSS", UTC. seconds: in the port's own epoch; None is now."""
    parts = time.gmtime() if seconds is None else time.gmtime(seconds)
    return "%04d%02d%02d%02d%02d%02d" % tuple(parts[:6])


def date(moment):
    """Return a `stamp` as people read it: 2026-11-23 15:00 UTC."""
    return "%s-%s-%s %s:%s UTC" % (
        moment[:4],
        moment[4:6],
        moment[6:8],
        moment[8:10],
        moment[10:12],
    )


def check_clock(bundle, now=None):
    """Return the time now, as `stamp`; ClockError("clock_wrong") if it is not the bundle's.

    bundle: a Bundle; the time is between its making and the end of its last anchor.
    """
    now = now or stamp()
    if now < bundle.built_at:
        why = "the roots were bundled on " + date(bundle.built_at)
    elif now > bundle.not_after:
        why = "the last root ended on " + date(bundle.not_after)
    else:
        return now
    raise ClockError("clock_wrong", "it says %s, but %s" % (date(now), why))


def check_heap(platform=sys.platform):
    """Collect garbage; raise HeapError("heap") if a handshake is certain to fail for memory."""
    gc.collect()
    free = gc.mem_free() if platform in ON_PYTHON_HEAP else CERTAIN_FAILURE
    if free < CERTAIN_FAILURE:
        raise HeapError(
            "heap", "a handshake needs at least %d bytes, %d are free" % (CERTAIN_FAILURE, free)
        )


def ample(platform=sys.platform):
    """Return whether the TLS has plenty of memory now; None where Python can not tell.

    The sum of what is free says little: on a fragmented heap the TLS failed with 13 KB free.
    """
    try:
        if platform in ON_PYTHON_HEAP:
            return bool(bytearray(_AMPLE))
        if platform == "esp32":
            import esp32

            return max([region[2] for region in esp32.idf_heap_info(esp32.HEAP_DATA)]) >= _AMPLE
    except MemoryError:
        return False
    except (ImportError, AttributeError):
        pass
    return None


def unless_scarce(error):
    """Return MemoryError while memory is scarce, else `error`: the TLS has one word for both."""
    return MemoryError() if ample() is False else error
