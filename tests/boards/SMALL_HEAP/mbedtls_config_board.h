// Mbed TLS as the rp2 port configures it, but with the time and entropy of a PC.

#define MBEDTLS_ECP_NIST_OPTIM
// Its memory comes from the Python heap.
#define MICROPY_MBEDTLS_CONFIG_BARE_METAL (1)

#include "extmod/mbedtls/mbedtls_config_common.h"

#undef MBEDTLS_ENTROPY_HARDWARE_ALT
#undef MBEDTLS_NO_PLATFORM_ENTROPY
