# An RP2040 that exists only in an emulator: a Raspberry Pi Pico with the TLS of a Pico W.
set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")
set(MICROPY_FROZEN_MANIFEST ${CMAKE_CURRENT_LIST_DIR}/manifest.py)
