"""Takes the Python heap away, but for so many bytes. MicroPython only."""

import gc
import random


def occupy(count, layout):
    """Take all of the heap but `count` bytes; hold what is returned."""
    gc.collect()
    free = [bytearray(count)] if layout == "one piece" else _pieces(count)
    held = None
    for size in (1024, 64, 1):
        try:
            while True:
                held = (held, bytearray(size))
        except MemoryError:
            pass
    del free
    gc.collect()
    return held


def _pieces(count):
    """Allocate `count` bytes in pieces, none beside another: buffers that fit, and small ones.

    The two buffers of the TLS always fit in, or every attempt would end at once.
    """
    sizes = [17000, 5000]
    while sum(sizes) < count:
        sizes.append(random.choice((32, 64, 128, 256, 512, 1024, 2048)))
    pieces = []
    between = None
    while sizes:
        pieces.append(bytearray(sizes.pop(random.randrange(len(sizes)))))
        between = (between, bytearray(1))
    pieces.append(between)
    return pieces
