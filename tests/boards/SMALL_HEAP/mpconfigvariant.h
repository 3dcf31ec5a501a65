// MicroPython's unix port with a board's memory: 32 bit, and TLS on the Python heap.

// As on rp2 boards, wherever it decides how much memory something takes.
#define MICROPY_CONFIG_ROM_LEVEL        (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_QSTR_BYTES_IN_HASH      (1)
#define MICROPY_TRACKED_ALLOC           (1)

// The port whose TLS it has: the library looks here for which heap the TLS takes.
#define MICROPY_PY_SYS_PLATFORM         "rp2"

#include "variants/mpconfigvariant_common.h"
