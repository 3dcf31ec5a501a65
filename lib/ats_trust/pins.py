"""Pins: the SHA-256 of a SubjectPublicKeyInfo that the server's chain must contain.

A key pin survives Amazon's cross-signing, in which the same key stands in other certificates.
The hash of a whole certificate does not, and is refused wherever it can be recognised: by its
form here, by its value here (AWS's roots) and in `judge` (the certificates of the chain).
"""

import binascii

from .errors import ConfigError

# The first four bytes of the SHA-256 of each whole root certificate of AWS, from certs_der.
_WHOLE_ROOTS = (
    b"\x8e\xcd\xe6\x88\x1b\xa5\xb2\xaa\x18\xce\x6c\xfe\xe3\x5d\x28\x41"
    b"\x56\x8d\x69\x05\x14\x65\xfa\x20\x9a\xcf\xab\x7e"
)


def parse(pins):
    """Return a list of 32-byte digests.

    pins: list of bytes (32), "sha256/BASE64" or 64 hexadecimal digits.
    Raises ConfigError("whole_certificate_pin") or ConfigError("bad_pin").
    """
    if isinstance(pins, (str, bytes)):
        pins = [pins]
    found = [_digest(pin) for pin in pins]
    for digest in found:
        if digest[:4] in [_WHOLE_ROOTS[i : i + 4] for i in range(0, len(_WHOLE_ROOTS), 4)]:
            raise ConfigError("whole_certificate_pin", "it is that of one of AWS's roots")
    if not found:
        raise ConfigError("bad_pin", "an empty list of pins pins nothing")
    return found


def _digest(pin):
    if isinstance(pin, str):
        if ":" in pin:
            raise ConfigError("whole_certificate_pin", "a fingerprint in the form AA:BB:CC")
        try:
            if pin.startswith("sha256/"):
                # curl writes two slashes; but the first of BASE64's 44 characters may be one, too.
                pin = binascii.a2b_base64(pin[8 if len(pin) == 52 and pin[7] == "/" else 7 :])
            else:
                pin = binascii.unhexlify(pin)
        except ValueError:
            raise ConfigError("bad_pin", "neither sha256/BASE64 nor 64 hexadecimal digits")
    if not isinstance(pin, bytes):
        raise ConfigError("bad_pin", "neither text nor bytes")
    if len(pin) == 20:
        raise ConfigError("whole_certificate_pin", "20 bytes are a SHA-1 fingerprint")
    if len(pin) != 32:
        raise ConfigError("bad_pin", "%d bytes where SHA-256 has 32" % len(pin))
    return pin
