"""The shortest correct check of an RSA-PSS signature, for `make bench-signatures` to measure.

RFC 8017, 8.1.2 and 9.1.2, with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes. The library has
no use for it.
"""

from hashlib import sha256


def check(key, digest, signature):
    """Return whether `signature` is that of `key`, ("rsa", n, e), over `digest`."""
    _, n, e = key
    value = int.from_bytes(signature, "big")
    bits = 8 * len(signature) - 8
    if value >= n or bits < 0 or not 0 < n >> bits < 256:
        return False
    while n >> bits > 1:  # Up to one less than the modulus has: so many hold the encoding.
        bits += 1
    size = (bits + 7) // 8
    value = pow(value, e, n)
    if value >> bits:
        return False
    encoded = value.to_bytes(size, "big")
    hashed = encoded[-33:-1]
    mask = b""
    while len(mask) < size - 33:
        mask += sha256(hashed + (len(mask) // 32).to_bytes(4, "big")).digest()
    block = value >> 264 ^ int.from_bytes(mask[: size - 33], "big")
    block &= (1 << bits - 264) - 1  # The mask's first bits stand for nothing.
    salt = (block & (1 << 256) - 1).to_bytes(32, "big")
    return (
        encoded[-1] == 0xBC
        and block >> 256 == 1
        and sha256(bytes(8) + digest + salt).digest() == hashed
    )
