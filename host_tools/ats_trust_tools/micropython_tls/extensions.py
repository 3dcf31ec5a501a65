"""The X.509 extensions that Mbed TLS reads: with its strictness, and with its blind spots.

A critical extension that it does not read is refused; one that is not critical is only noted.
"""

from __future__ import annotations

from ats_trust_tools.micropython_tls.codes import Asn1, Code, MbedError
from ats_trust_tools.micropython_tls.der import Reader
from ats_trust_tools.micropython_tls.names import read_name


class Extensions:
    """What the extensions of one certificate say; the defaults are those of none at all."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.is_ca = False
        self.path_length: int | None = None
        self.key_usage: int | None = None
        self.purposes: tuple[bytes, ...] | None = None
        self.alternative_names: tuple[tuple[int, bytes], ...] | None = None

    def read(self, extensions: Reader) -> None:
        """Take in the content of an Extensions value."""
        while extensions.at < extensions.stop:
            one = _inside(extensions)
            oid = one.take(0x06)
            critical = _flag(one)
            start, stop = one.enter(0x04)
            one.expect_end()
            if oid in _READ and oid in self.seen:
                raise MbedError(Code.X509_INVALID_EXTENSIONS)
            self.seen.add(oid)
            self._take(oid, critical, Reader(one.data, start, stop, one.category))

    def _take(self, oid: bytes, critical: bool, value: Reader) -> None:
        if oid == OID_BASIC_CONSTRAINTS:
            self._basic_constraints(_inside(value))
        elif oid == OID_KEY_USAGE:
            self.key_usage = _bits(value)
        elif oid == OID_EXT_KEY_USAGE:
            self._purposes(_inside(value))
        elif oid == OID_SUBJECT_ALT_NAME:
            self.alternative_names = _general_names(_inside(value))
        elif oid == OID_POLICIES:
            any_policy_only = _policies(_inside(value))
            if critical and not any_policy_only:
                raise MbedError(Code.X509_FEATURE_UNAVAILABLE)
        elif oid == _OID_SUBJECT_KEY_ID:
            value.take(0x04)
        elif oid == _OID_AUTHORITY_KEY_ID:
            _authority_key_id(_inside(value))
        elif oid == _OID_NS_CERT_TYPE:
            _bits(value)
        else:
            if critical:
                raise value.fail(Asn1.UNEXPECTED_TAG)
            return
        value.expect_end()

    def _basic_constraints(self, inner: Reader) -> None:
        self.is_ca = _flag(inner)
        if inner.at < inner.stop:
            length = inner.take(0x02)
            self.path_length = int.from_bytes(length, "big", signed=True)
            if not length or not 0 <= self.path_length < 0x7FFFFFFF:
                raise inner.fail(Asn1.INVALID_LENGTH)
        inner.expect_end()

    def _purposes(self, inner: Reader) -> None:
        purposes = []
        while inner.at < inner.stop:
            purposes.append(inner.take(0x06))
        if not purposes:
            raise inner.fail(Asn1.INVALID_LENGTH)
        self.purposes = tuple(purposes)


OID_KEY_USAGE = bytes.fromhex("551d0f")
OID_SUBJECT_ALT_NAME = bytes.fromhex("551d11")
OID_BASIC_CONSTRAINTS = bytes.fromhex("551d13")
OID_NAME_CONSTRAINTS = bytes.fromhex("551d1e")
OID_POLICIES = bytes.fromhex("551d20")
OID_POLICY_CONSTRAINTS = bytes.fromhex("551d24")
OID_EXT_KEY_USAGE = bytes.fromhex("551d25")
OID_INHIBIT_ANY_POLICY = bytes.fromhex("551d36")

_OID_SUBJECT_KEY_ID = bytes.fromhex("551d0e")
_OID_AUTHORITY_KEY_ID = bytes.fromhex("551d23")
_OID_NS_CERT_TYPE = bytes.fromhex("6086480186f8420101")
_OID_ANY_POLICY = bytes.fromhex("551d2000")
_DIRECTORY_NAME = 0xA4
_READ = {
    OID_KEY_USAGE,
    OID_SUBJECT_ALT_NAME,
    OID_BASIC_CONSTRAINTS,
    OID_POLICIES,
    OID_EXT_KEY_USAGE,
    _OID_SUBJECT_KEY_ID,
    _OID_AUTHORITY_KEY_ID,
    _OID_NS_CERT_TYPE,
}


def _inside(value: Reader, tag: int = 0x30) -> Reader:
    return Reader(value.data, *value.enter(tag), value.category)


def _flag(value: Reader) -> bool:
    """The optional BOOLEAN that may come next."""
    if value.peek() != 0x01:
        return False
    content = value.take(0x01)
    if len(content) != 1:
        raise value.fail(Asn1.INVALID_LENGTH)
    return content != b"\x00"


def _bits(value: Reader) -> int:
    bits = value.take(0x03)
    if not bits:
        raise value.fail(Asn1.OUT_OF_DATA)
    if bits[0] > 7:
        raise value.fail(Asn1.INVALID_LENGTH)
    return bits[1] if len(bits) > 1 else 0


def _general_names(names: Reader) -> tuple[tuple[int, bytes], ...]:
    found = []
    while names.at < names.stop:
        tag, content = names.any()
        if tag & 0xC0 != 0x80:
            raise names.fail(Asn1.UNEXPECTED_TAG)
        if tag == _DIRECTORY_NAME:
            whole = Reader(content, 0, len(content), names.category)
            read_name(content, *whole.enter(0x30))
        found.append((tag & 0x1F, content))
    return tuple(found)


def _policies(policies: Reader) -> bool:
    """Whether anyPolicy is the only one."""
    if policies.at == policies.stop:
        raise policies.fail(Asn1.LENGTH_MISMATCH)
    any_only = True
    while policies.at < policies.stop:
        policy = _inside(policies)
        any_only &= policy.take(0x06) == _OID_ANY_POLICY
        if policy.at < policy.stop:
            policy.take(0x30)
        policy.expect_end()
    return any_only


def _authority_key_id(inner: Reader) -> None:
    if inner.at == inner.stop:
        raise inner.fail(Asn1.OUT_OF_DATA)
    if inner.peek() == 0x80:
        inner.take(0x80)
    if inner.at < inner.stop:
        _general_names(_inside(inner, 0xA1))
        inner.take(0x82)
    inner.expect_end()
