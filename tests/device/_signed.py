"""Test keys that sign, and signed bundles: ECDSA on P-256, written without the library's.

The secrets follow from small numbers, so none is committed. They and the nonces are far too short
to be safe: that is what makes a signature take a tenth of a second on a board. A verifier can not
tell, since r and s have full length all the same.
"""

import hashlib

from _made import BUILT, END, OCTET_STRING, element, integer, moment, sequence

EXPIRES = "20310101000000"
ENDPOINT = "abc-ats.iot.eu-west-1.amazonaws.com"
# P-256, as SP 800-186 gives it: its prime, its order, and the base point.
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_keys = {}


def key(number):
    """The test key of this number: `point`, `id`, and `sign`."""
    if number not in _keys:
        _keys[number] = Key(_short("test key %d, which protects nothing" % number, 8))
    return _keys[number]


class Key:
    """A key pair by its secret.

    point: the public key, uncompressed, 65 bytes. id: as bundles name a signer, 8 bytes.
    """

    def __init__(self, secret):
        self._secret = secret
        x, y = multiple(secret)
        self.point = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.id = hashlib.sha256(self.point).digest()[:8]

    def sign(self, body):
        """Ecdsa-Sig-Value, DER, over the SHA-256 of these bytes; always the same one."""
        digest = hashlib.sha256(body).digest()
        nonce = _short("nonce", 4, digest)
        r = multiple(nonce)[0] % N
        s = (int.from_bytes(digest, "big") + r * self._secret) * pow(nonce, N - 2, N) % N
        return sequence(integer(r), integer(s))


def signed(body, signer, value=None):
    """A bundle of the second format with this body, DER, signed by this key.

    value: another signature than the good one.
    """
    return sequence(
        body,
        element(OCTET_STRING, hashlib.sha256(body).digest()),
        sequence(
            element(OCTET_STRING, signer.id), element(OCTET_STRING, value or signer.sign(body))
        ),
    )


def signed_body(
    *anchors,
    number=2,
    version=8,
    built=BUILT,
    end=END,
    expires=EXPIRES,
    distrust=False,
    signers=None,
    endpoints=(ENDPOINT,),
):
    """What is signed: (use, certificate) pairs, and what holds for the update.

    signers: two points; by default those of keys 1 and 2.
    """
    entries = [sequence(integer(use), certificate) for use, certificate in anchors]
    return sequence(
        integer(number),
        integer(version),
        moment(built),
        moment(end),
        sequence(*entries),
        sequence(
            moment(expires),
            element(0x01, b"\xff" if distrust else b"\x00"),
            sequence(
                *[
                    element(OCTET_STRING, point)
                    for point in signers or (key(1).point, key(2).point)
                ]
            ),
            sequence(*[element(0x0C, host.encode()) for host in endpoints]),
        ),
    )


def signed_bundle(*anchors, **fields):
    """A bundle of the second format, signed by `key`, by default key 1; else as `signed_body`."""
    signer = fields.pop("key", None) or key(1)
    return signed(signed_body(*anchors, **fields), signer)


def multiple(factor, point=G):
    """The point (x, y) times this number, which is no multiple of the order."""
    total = 0, 0, 0
    mask = 1
    while mask <= factor:
        mask <<= 1
    while mask > 1:
        mask >>= 1
        total = _twice(total)
        if factor & mask:
            total = _plus(total, point)
    inverse = pow(total[2], P - 2, P)
    return total[0] * inverse**2 % P, total[1] * inverse**3 % P


def _twice(point):
    """Twice a point in Jacobian coordinates: x / z**2 and y / z**3; infinity has z = 0."""
    x, y, z = point
    yy = y * y % P
    s = 4 * x * yy % P
    m = 3 * (x - z * z) * (x + z * z) % P
    x = (m * m - 2 * s) % P
    return x, (m * (s - x) - 8 * yy * yy) % P, 2 * y * z % P


def _plus(point, other):
    """A point in Jacobian coordinates plus another (x, y), which is not the same."""
    x, y, z = point
    if z == 0:
        return other[0], other[1], 1
    zz = z * z % P
    h = (other[0] * zz - x) % P
    r = (other[1] * zz * z - y) % P
    hh = h * h % P
    v = x * hh % P
    new = (r * r - hh * h - 2 * v) % P
    return new, (r * (v - new) - y * hh * h) % P, z * h % P


def _short(purpose, size, data=b""):
    """A number of this many bytes, and never 0, that follows from these words and this data."""
    made = hashlib.sha256(b"ats_trust: " + purpose.encode() + data).digest()
    return int.from_bytes(made[:size], "big") | 1
