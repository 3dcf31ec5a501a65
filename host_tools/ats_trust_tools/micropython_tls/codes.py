"""Mbed TLS's error numbers, as MicroPython raises them.

Rules: a refused certificate is a ValueError with Mbed TLS's texts, anything else an
OSError(number, name), a socket's own error an OSError(errno). Numbers and names are those of
Mbed TLS 3.6 in MicroPython 1.29. Nothing here is an ssl.SSLError.
"""

from __future__ import annotations

import errno
from enum import IntEnum, IntFlag
from typing import NoReturn


class Asn1(IntEnum):
    """Low-level parse errors; added to an X509 number."""

    OUT_OF_DATA = -0x60
    UNEXPECTED_TAG = -0x62
    INVALID_LENGTH = -0x64
    LENGTH_MISMATCH = -0x66
    INVALID_DATA = -0x68


class Code(IntEnum):
    """High-level errors."""

    X509_FEATURE_UNAVAILABLE = -0x2080
    X509_INVALID_FORMAT = -0x2180
    X509_INVALID_VERSION = -0x2200
    X509_INVALID_SERIAL = -0x2280
    X509_INVALID_ALG = -0x2300
    X509_INVALID_NAME = -0x2380
    X509_INVALID_DATE = -0x2400
    X509_INVALID_SIGNATURE = -0x2480
    X509_INVALID_EXTENSIONS = -0x2500
    X509_UNKNOWN_VERSION = -0x2580
    X509_UNKNOWN_SIG_ALG = -0x2600
    X509_SIG_MISMATCH = -0x2680
    X509_CERT_VERIFY_FAILED = -0x2700
    X509_FATAL_ERROR = -0x3000
    PK_UNKNOWN_NAMED_CURVE = -0x3A00
    PK_INVALID_ALG = -0x3A80
    PK_INVALID_PUBKEY = -0x3B00
    PK_UNKNOWN_PK_ALG = -0x3C80
    RSA_VERIFY_FAILED = -0x4380
    ECP_INVALID_KEY = -0x4C80
    ECP_VERIFY_FAILED = -0x4E00
    SSL_CERTIFICATE_VERIFICATION_WITHOUT_HOSTNAME = -0x5D80
    SSL_BAD_CONFIG = -0x5E80
    SSL_ILLEGAL_PARAMETER = -0x6600
    SSL_HANDSHAKE_FAILURE = -0x6E00
    SSL_BAD_PROTOCOL_VERSION = -0x6E80
    SSL_BAD_INPUT_DATA = -0x7100
    SSL_INVALID_MAC = -0x7180
    SSL_INVALID_RECORD = -0x7200
    SSL_CONN_EOF = -0x7280
    SSL_DECODE_ERROR = -0x7300
    SSL_CA_CHAIN_REQUIRED = -0x7680
    SSL_UNEXPECTED_MESSAGE = -0x7700
    SSL_FATAL_ALERT_MESSAGE = -0x7780
    SSL_PEER_CLOSE_NOTIFY = -0x7880
    SSL_BAD_CERTIFICATE = -0x7A00


class Flag(IntFlag):
    """What is wrong with a chain; the bits of Mbed TLS's verify result."""

    EXPIRED = 0x01
    CN_MISMATCH = 0x04
    NOT_TRUSTED = 0x08
    OTHER = 0x0100
    FUTURE = 0x0200
    KEY_USAGE = 0x0800
    EXT_KEY_USAGE = 0x1000
    BAD_MD = 0x4000
    BAD_PK = 0x8000
    BAD_KEY = 0x010000


class MbedError(Exception):
    """A failure inside the emulated library, by its number; never leaves this package.

    `alert` is the TLS alert to send for it (0: none); `flags` are the faults of a refused chain.
    """

    def __init__(self, code: int, alert: int = 0, flags: Flag = Flag(0)) -> None:  # noqa: B008 - immutable
        super().__init__(code)
        self.code = code
        self.alert = alert
        self.flags = flags


class Alert(IntEnum):
    """TLS alerts (RFC 5246, section 7.2) that are sent from here; OpenSSL sends its own."""

    UNEXPECTED_MESSAGE = 10
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    INTERNAL_ERROR = 80


def raise_code(code: int) -> NoReturn:
    """Raise what MicroPython raises for a failed call of Mbed TLS that gave `code`."""
    code = int(code)
    if -256 < code < 0:
        raise OSError(-code, errno.errorcode.get(-code, ""))
    raise OSError(code, name_of(code) or f"UNKNOWN ERROR CODE ({abs(code):04X})")


def raise_refusal(flags: Flag) -> NoReturn:
    """Raise what MicroPython raises for a chain that Mbed TLS refused for `flags`."""
    lines = "".join(f"\n{text}\n" for flag, text in _TEXTS if flags & flag)
    if not lines or len(lines) >= _TEXT_ROOM:
        raise_code(Code.X509_CERT_VERIFY_FAILED)
    raise ValueError(lines)


def name_of(code: int) -> str:
    """The name of a number, `HIGH` or `HIGH+LOW`; an empty string when it has none here."""
    low = -(-code & 0x7F) if code < 0 else 0
    high = code - low
    try:
        name = f"MBEDTLS_ERR_{Code(high).name}"
        return f"{name}+MBEDTLS_ERR_ASN1_{Asn1(low).name}" if low else name
    except ValueError:
        return ""


def alert_for(flags: Flag) -> Alert:
    """The TLS alert that Mbed TLS sends for a refused chain."""
    for flag, alert in _ALERTS:
        if flags & flag:
            return alert
    return Alert.CERTIFICATE_UNKNOWN


# MicroPython gives Mbed TLS this many bytes for the texts; more, and only the number is left.
_TEXT_ROOM = 256

_TEXTS = (
    (Flag.EXPIRED, "The certificate validity has expired"),
    (
        Flag.CN_MISMATCH,
        "The certificate Common Name (CN) does not match with the expected CN",
    ),
    (Flag.NOT_TRUSTED, "The certificate is not correctly signed by the trusted CA"),
    (Flag.FUTURE, "The certificate validity starts in the future"),
    (Flag.KEY_USAGE, "Usage does not match the keyUsage extension"),
    (Flag.EXT_KEY_USAGE, "Usage does not match the extendedKeyUsage extension"),
    (Flag.BAD_MD, "The certificate is signed with an unacceptable hash."),
    (
        Flag.BAD_PK,
        "The certificate is signed with an unacceptable PK alg (eg RSA vs ECDSA).",
    ),
    (
        Flag.BAD_KEY,
        "The certificate is signed with an unacceptable key (eg bad curve, RSA too short).",
    ),
)

_ALERTS = (
    (Flag.OTHER, Alert.ACCESS_DENIED),
    (Flag.CN_MISMATCH, Alert.BAD_CERTIFICATE),
    (Flag.KEY_USAGE | Flag.EXT_KEY_USAGE, Alert.UNSUPPORTED_CERTIFICATE),
    (Flag.BAD_PK | Flag.BAD_KEY, Alert.UNSUPPORTED_CERTIFICATE),
    (Flag.EXPIRED, Alert.CERTIFICATE_EXPIRED),
    (Flag.NOT_TRUSTED, Alert.UNKNOWN_CA),
)
