"""Pins: the SHA-256 of a SubjectPublicKeyInfo that the server's chain must contain.

A key pin survives Amazon's cross-signing, in which the same key stands in other certificates.
The hash of a whole certificate does not, and is refused wherever it can be recognised: by its
form here, by its value here (AWS's roots) and in `judge` (the certificates of the chain).
"""

import binascii

from .errors import ConfigError


def parse(pins):
    """Return a list of 32-byte digests.

    pins: list of bytes (32), "sha256/BASE64" or 64 hexadecimal digits.
    Raises ConfigError("whole_certificate_pin") or ConfigError("bad_pin").
    """
    found = []
    for pin in [pins] if isinstance(pins, (str, bytes)) else pins:
        fingerprint = False
        try:
            if isinstance(pin, str):
                fingerprint = ":" in pin
                if pin.startswith("sha256/"):
                    # curl writes two slashes; but BASE64's 44 characters may begin with one, too.
                    pin = binascii.a2b_base64(pin[8 if len(pin) == 52 and pin[7] == "/" else 7 :])
                else:
                    pin = binascii.unhexlify(pin)
            size = len(pin) if isinstance(pin, bytes) else 0
        except ValueError:
            size = 0
        # The first four bytes of the SHA-256 of each whole root certificate, from certs_der.
        known = (
            b"\x8e\xcd\xe6\x88\x1b\xa5\xb2\xaa\x18\xce\x6c\xfe\xe3\x5d\x28\x41"
            b"\x56\x8d\x69\x05\x14\x65\xfa\x20\x9a\xcf\xab\x7e"
        )
        # A SHA-1 has 20 bytes. `find` gives -1 for what is not there.
        if fingerprint or size == 20 or size == 32 and not known.find(pin[:4]) % 4:
            raise ConfigError("whole_certificate_pin", "a fingerprint, or one of AWS's roots")
        if size != 32:
            raise ConfigError("bad_pin", "not 32 bytes, sha256/BASE64 or 64 hexadecimal digits")
        found.append(pin)
    if not found:
        raise ConfigError("bad_pin", "an empty list of pins pins nothing")
    return found
