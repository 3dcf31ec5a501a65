"""How much memory TLS can get on this port.

Figures are for stock MicroPython: a 16 KB buffer in, a 4 KB buffer out, and a handshake that
needs 28.7 KB (ECDSA) or 30.7 KB (RSA) of an unfragmented heap.
"""

import gc
import sys

from .errors import HeapError

# Below this, even an unfragmented heap was never enough for any handshake.
CERTAIN_FAILURE = 27 * 1024
# With this much left when the chain was verified, the verdict was not for lack of memory.
AMPLE = 12 * 1024

_ON_PYTHON_HEAP = ("rp2", "pyboard", "mimxrt")


def free(platform=sys.platform):
    """Return the free bytes of the heap that TLS uses, or None where Python can not tell."""
    if platform in _ON_PYTHON_HEAP:
        return gc.mem_free()
    if platform == "esp32":
        try:
            import esp32

            return sum([region[1] for region in esp32.idf_heap_info(esp32.HEAP_DATA)])
        except (ImportError, AttributeError):
            pass
    return None


def preflight(platform=sys.platform):
    """Collect garbage; raise HeapError("heap") if a handshake is certain to fail for memory.

    Only where TLS shares the Python heap: elsewhere nothing is refused before it was measured.
    """
    gc.collect()
    if platform in _ON_PYTHON_HEAP:
        have = free(platform)
        if have < CERTAIN_FAILURE:
            raise HeapError(
                "heap", "a handshake needs %d bytes, %d are free" % (CERTAIN_FAILURE, have)
            )
