# MicroPython's unix port with a board's memory: 32 bit, and TLS on the Python heap.

MICROPY_FORCE_32BIT = 1
# A board has no foreign functions, and Debian no 32-bit libffi beside the machine's own.
MICROPY_PY_FFI = 0
# One thread: nothing else uses the heap between two measurements.
MICROPY_PY_THREAD = 0
MICROPY_PY_BTREE = 0

MBEDTLS_CONFIG_FILE = \"mbedtls_config_board.h\"
FROZEN_MANIFEST = $(VARIANT_DIR)/manifest.py
PROG = micropython-small-heap
