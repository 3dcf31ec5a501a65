"""How much memory TLS can get on this port.

Figures are for stock MicroPython, which has a 16 KB buffer in and a 4 KB buffer out: the least
that ever sufficed was 28.7 KB (ECDSA) and 30.7 KB (RSA) of an unfragmented heap, on a 32-bit port.
"""

import gc
import sys

from .errors import HeapError

# Below this, even an unfragmented heap was never enough for any handshake.
CERTAIN_FAILURE = 27 * 1024
# With one free piece of this size before a chain is verified, verifying it can not run out.
_AMPLE = 16 * 1024

_ON_PYTHON_HEAP = ("rp2", "pyboard", "mimxrt")


def ample(platform=sys.platform):
    """Return whether the TLS has plenty of memory now; None where Python can not tell.

    The sum of what is free says little: on a fragmented heap the TLS failed with 13 KB free.
    """
    if platform in _ON_PYTHON_HEAP:
        try:
            bytearray(_AMPLE)
            return True
        except MemoryError:
            return False
    if platform == "esp32":
        try:
            import esp32

            return max([region[2] for region in esp32.idf_heap_info(esp32.HEAP_DATA)]) >= _AMPLE
        except (ImportError, AttributeError):
            pass
    return None


def preflight(platform=sys.platform):
    """Collect garbage; raise HeapError("heap") if a handshake is certain to fail for memory.

    Only where TLS shares the Python heap: elsewhere nothing is refused before it was measured.
    """
    gc.collect()
    if platform in _ON_PYTHON_HEAP:
        have = gc.mem_free()
        if have < CERTAIN_FAILURE:
            raise HeapError(
                "heap",
                "a handshake needs at least %d bytes, %d are free" % (CERTAIN_FAILURE, have),
            )
