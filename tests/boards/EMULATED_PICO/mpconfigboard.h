// A Raspberry Pi Pico with the TLS of a Pico W, for an emulator without USB and without radio.

#define MICROPY_HW_BOARD_NAME                   "Emulated Pico"
// As on a Pico W.
#define MICROPY_HW_FLASH_STORAGE_BYTES          (848 * 1024)

// UART0 is the REPL. UART1 is free: it carries the bytes of a connection to the host.
#define MICROPY_HW_ENABLE_UART_REPL             (1)
#define MICROPY_HW_ENABLE_USBDEV                (0)

// What MICROPY_PY_NETWORK switches on for a board with a radio.
#define MICROPY_PY_SSL                          (1)
