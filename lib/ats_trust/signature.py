"""Check one signature in Python: slow, small, and independent of the TLS's memory.

Used after a refusal only, to tell a forged signature from one that Mbed TLS had no memory to
check. RSA: RFC 8017, 8.2.2 (PKCS#1 v1.5). ECDSA on P-256: FIPS 186-5, 6.4.2; SP 800-186.
"""

from . import der

_SHA256_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"


def check(key, algorithm, digest, signature):
    """Return whether `signature` is that of `key` over `digest`; None for what is not done here.

    key: as x509.Certificate.key gives it. algorithm: str, only "rsa-sha256" and, for secp256r1,
    "ecdsa-sha256" are done: MicroPython has no other hash. digest: 32 bytes. signature: bytes.
    """
    if algorithm == "rsa-sha256" and key[0] == "rsa":
        return _rsa(key[1], key[2], digest, signature)
    if algorithm == "ecdsa-sha256" and key[0] == "secp256r1":
        try:
            return _ecdsa(key[1], digest, signature)
        except der.DerError:
            return False
    return None


def _rsa(n, e, digest, signature):
    size = 0
    rest = n
    while rest:
        rest >>= 8
        size += 1
    value = int.from_bytes(signature, "big")
    padding = size - 3 - len(_SHA256_INFO) - 32
    if len(signature) != size or value >= n or padding < 8:
        return False
    expected = b"\x00\x01" + b"\xff" * padding + b"\x00" + _SHA256_INFO + digest
    return pow(value, e, n) == int.from_bytes(expected, "big")


def _ecdsa(point, digest, signature):
    p = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    g = (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        1,
    )
    start, stop = der.only(signature, 0, len(signature), der.SEQUENCE)
    r, start = der.integer(signature, start, stop)
    s, start = der.integer(signature, start, stop)
    if start != stop or not 0 < r < n or not 0 < s < n or len(point) != 65 or point[0] != 4:
        return False
    x = int.from_bytes(point[1:33], "big")
    y = int.from_bytes(point[33:], "big")
    if x >= p or y >= p or (y * y - x * x * x + 3 * x - b) % p:
        return False
    w = pow(s, n - 2, n)
    u = int.from_bytes(digest, "big") * w % n
    v = r * w % n
    # u*G + v*Q by Shamir's trick: one run of doublings for both, Jacobian coordinates, Z = 0 is
    # the point at infinity.
    q = (x, y, 1)
    both = _add(g, q, p)
    total = (0, 1, 0)
    for i in range(255, -1, -1):
        total = _double(total, p)
        bits = (u >> i & 1) | (v >> i & 1) << 1
        if bits:
            total = _add(total, (g, q, both)[bits - 1], p)
    if not total[2]:
        return False
    return total[0] * pow(total[2], 2 * (p - 2), p) % p % n == r


def _double(point, p):
    x, y, z = point
    if not z or not y:
        return 0, 1, 0
    yy = y * y % p
    s = 4 * x * yy % p
    zz = z * z % p
    m = 3 * (x - zz) * (x + zz) % p
    t = (m * m - 2 * s) % p
    return t, (m * (s - t) - 8 * yy * yy) % p, 2 * y * z % p


def _add(one, two, p):
    if not one[2]:
        return two
    if not two[2]:
        return one
    x1, y1, z1 = one
    x2, y2, z2 = two
    a = z1 * z1 % p
    b = z2 * z2 % p
    u = x1 * b % p
    s = y1 * b * z2 % p
    h = (x2 * a - u) % p
    r = (y2 * a * z1 - s) % p
    if not h:
        return (0, 1, 0) if r else _double(one, p)
    hh = h * h % p
    hhh = h * hh % p
    v = u * hh % p
    x3 = (r * r - hhh - 2 * v) % p
    return x3, (r * (v - x3) - s * hhh) % p, h * z1 * z2 % p
