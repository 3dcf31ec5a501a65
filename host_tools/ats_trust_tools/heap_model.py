"""How much heap a loaded trust anchor takes on a 32-bit board, before any board is at hand.

A model of what Mbed TLS 3.6 allocates for one parsed certificate when its memory comes from the
MicroPython heap, as on rp2: 16-byte blocks, 8 bytes of bookkeeping before each allocation. One
block for the copy of the DER, one for each name component beyond the first of subject and of
issuer, those of the key, and a constant. It was fitted to, and agrees to the byte with, fifteen
measurements on a 32-bit Arm build (five roots: full, trimmed with issuer = subject, trimmed with
a one-component issuer); tests/host/test_bundle_plan.py has them. On esp32, where the memory is
the system heap, nothing has been measured: take it as an estimate there.
"""

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .certificate import load


def anchor_heap(certificate: bytes) -> int:
    """Return the bytes of heap that this DER certificate takes as a loaded anchor."""
    view = load(certificate)
    key = view.public_key()
    components = len(list(view.subject)) - 1 + len(list(view.issuer)) - 1
    heap = _allocation(len(certificate)) + components * _NAME_COMPONENT
    if isinstance(key, rsa.RSAPublicKey):
        return heap + _RSA + _allocation(key.key_size // 8)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return heap + _EC + 2 * _allocation((key.key_size + 31) // 32 * 4)
    raise ValueError("no such key can be a trust anchor")


_NAME_COMPONENT = 48
_RSA = 128
_EC = 144


def _allocation(size: int) -> int:
    return (size + 8 + 15) // 16 * 16


# Free heap in one piece, in bytes, with which a handshake succeeds where TLS takes its memory from
# the Python heap, by the server's type of key: the limits that tests keep on the emulated RP2040
# (benchmarks/budgets.toml). Its chain is of three certificates, in the size of AWS's.
HANDSHAKE = {"rsa": 38400, "ecdsa": 35328}
