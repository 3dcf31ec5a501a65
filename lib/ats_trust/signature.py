"""Check one signature in Python: slow, small, and independent of the TLS's memory.

Used after a refusal only, to tell a forged signature from one that Mbed TLS had no memory to
check. RSA: RFC 8017, 8.2.2 (PKCS#1 v1.5). ECDSA on P-256: FIPS 186-5, 6.4.2; SP 800-186.
"""

from .der import DerError, integer, only


def check(key, algorithm, digest, signature):
    """Return whether `signature` is that of `key` over `digest`; None for what is not done here.

    key: as x509.Certificate.key gives it. algorithm: str, only "rsa-sha256" and, for secp256r1,
    "ecdsa-sha256" are done: MicroPython has no other hash. digest: of any other length than 32
    bytes it is nobody's. signature: bytes.
    """
    if algorithm == "rsa-sha256" and key[0] == "rsa":
        return _rsa(key[1], key[2], digest, signature)
    if algorithm == "ecdsa-sha256" and key[0] == "secp256r1":
        try:
            return _ecdsa(key[1], digest, signature)
        except DerError:
            return False
    return None


def _rsa(n, e, digest, signature):
    size = len(signature)
    padding = size - 54  # Octets: 2 before it, 1 after it, 19 that name the hash, the digest.
    value = _number(signature)
    # The signature is as long as the modulus, and the number is below it.
    if padding < 8 or value >= n or n >> 8 * size or not n >> 8 * size - 8 or len(digest) != 32:
        return False
    name = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
    expected = b"\x00\x01" + b"\xff" * padding + b"\x00" + name + digest
    return pow(value, e, n) == _number(expected)


def _ecdsa(point, digest, signature):
    # P-256: its prime p, its order n, its b, and the base point's x and y. A number in a compiled
    # file is text in decimal; as bytes it takes less than half of that.
    curve = (
        b"\xff\xff\xff\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
        b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
        b"\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"
        b"\x5a\xc6\x35\xd8\xaa\x3a\x93\xe7\xb3\xeb\xbd\x55\x76\x98\x86\xbc"
        b"\x65\x1d\x06\xb0\xcc\x53\xb0\xf6\x3b\xce\x3c\x3e\x27\xd2\x60\x4b"
        b"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2"
        b"\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96"
        b"\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16"
        b"\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5"
    )
    p, n, b, *g = [_number(curve[i : i + 32]) for i in range(0, 160, 32)]
    start, stop = only(signature, 0, len(signature))
    r, start = integer(signature, start, stop)
    s, start = integer(signature, start, stop)
    if start != stop or not 0 < r < n or not 0 < s < n or len(digest) != 32:
        return False
    if len(point) != 65 or point[0] != 4:
        return False
    x = _number(point[1:33])
    y = _number(point[33:])
    if x >= p or y >= p or (y * y - x * x * x + 3 * x - b) % p:
        return False
    w = pow(s, n - 2, n)
    u = _number(digest) * w % n
    v = r * w % n
    # u*G + v*Q by Shamir's trick: one run of doublings for both.
    g.append(1)
    q = x, y, 1
    both = _add(g, q, p, b)
    total = 0, 1, 0
    for i in range(255, -1, -1):
        total = _add(total, total, p, b)
        bits = (u >> i & 1) | (v >> i & 1) << 1
        if bits:
            total = _add(total, (g, q, both)[bits - 1], p, b)
    # At infinity, where the third coordinate is 0, this gives 0, which r is not.
    return total[0] * pow(total[2], p - 2, p) % p % n == r


def _add(one, two, p, b):
    """Add two points, projective coordinates; also one to itself, or to infinity (0, 1, 0).

    The complete formulas of Renes, Costello and Batina (Complete addition formulas for prime
    order elliptic curves, 2016), with a = -3.
    """
    x1, y1, z1 = one
    x2, y2, z2 = two
    xx = x1 * x2 % p
    yy = y1 * y2 % p
    zz = z1 * z2 % p
    xy = (x1 * y2 + x2 * y1) % p
    xz = (x1 * z2 + x2 * z1) % p
    yz = (y1 * z2 + y2 * z1) % p
    s = 3 * (b * zz - xz) % p
    t = 3 * (b * xz - xx - 3 * zz) % p
    u = 3 * (xx - zz)
    d = yy - s
    s += yy
    return (xy * d - yz * t) % p, (u * t + s * d) % p, (yz * s + xy * u) % p


def _number(data):
    return int.from_bytes(data, "big")
