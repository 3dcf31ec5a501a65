"""The checks on a server's chain that run inside verify_callback, beside those of Mbed TLS.

Rules kept here:
- A chain must end in the very anchor that was loaded for it, byte for byte. Anything else is left
  for Mbed TLS to refuse and noted for the explanation, and refused here as well at the leaf.
- Judging only ever adds refusals. Mbed TLS has checked signatures, validity, CA marks, path
  length and usage by then; docs/judge.md lists what it lets through and is refused here. Validity,
  keys, signature algorithms and usage are looked at again so that the refusal can say which of
  them it was.
- Anchors are exempt from the rules of form: they are trusted for their name and key, and roots in
  use break these rules (serial 0, signed with SHA-1).
- Certificates come from the anchor down to the leaf, none may be kept: Mbed TLS owns the bytes.
"""

import hashlib

from .bundle import name_key
from .der import const, fail, integer
from .endpoint import oddity
from .errors import ConfigError, PeerRejected
from .preflight import date
from .x509 import Certificate

_SERVER_AUTH = b"\x2b\x06\x01\x05\x05\x07\x03\x01"
_ANY_USAGE = b"\x55\x1d\x25\x00"
# Certificates below the anchor: AWS IoT Core takes chains of five for a custom domain.
_LONGEST = const(5)


class Judge:
    """The verdict on one chain. One instance for each handshake.

    host: str, lower case. now: "YYYYMMDDHHMMSS". pins: collection of 32-byte SHA-256 digests of
    SubjectPublicKeyInfo, one of which the chain must contain, or None.
    anchors: SHA-256 digests of the anchors loaded for this chain.
    accepted: bool, the leaf was reached and nothing was found against it.
    links: what it takes to check the signatures once more, from the highest certificate down:
    (keys of both names, algorithm, SHA-256 of what was signed, signature, SubjectPublicKeyInfo).
    lowest: int, the depth seen last, or None. ample: bool, there was plenty of memory before the
    chain was verified, or None where that is not known.
    """

    def __init__(self, host, now, pins=None, anchors=()):
        self.host = host
        self.now = now
        self.anchors = anchors
        self.accepted = False
        self.links = []
        self.lowest = None
        self.ample = None
        self._pins = pins
        self._pinned = not pins
        self._anchored = False
        self._constraints = []
        self._issuer_key = None  # The key identifier of the certificate above.

    def see(self, data, depth):
        """Look at the certificate at this depth; raises PeerRejected or der.DerError to refuse.

        data: bytes-like DER, valid only during the call. depth: int, highest first, 0 the leaf.
        """
        first = self.lowest is None
        self.lowest = depth
        certificate = Certificate(data)
        a, b = certificate.spki
        spki = bytes(data[a:b])
        a, b = certificate.tbs
        digest = hashlib.sha256(data[a:b]).digest()
        a, b = certificate.signature
        keys = b""
        for start, stop in (certificate.issuer, certificate.subject):
            keys += name_key(data[start:stop])
        self.links.append((keys, certificate.algorithm, digest, bytes(data[a:b]), spki))
        if first:
            self._anchored = depth > 0 and hashlib.sha256(data).digest() in self.anchors
        if not self._anchored:
            if depth == 0:
                raise PeerRejected("unknown_issuer", stage="certificate")
            return
        who = "the certificate at depth %d" % depth if depth else "the server's certificate"
        if not self._pinned:
            if hashlib.sha256(data).digest() in self._pins:
                raise ConfigError("whole_certificate_pin", "it is that of " + who, "certificate")
            self._pinned = hashlib.sha256(spki).digest() in self._pins
            if depth == 0 and not self._pinned:
                _reject("pin_mismatch", "no key of the chain is pinned")
        for wrong, code, limit in (
            (self.now > certificate.not_after, "expired", certificate.not_after),
            (self.now < certificate.not_before, "not_yet_valid", certificate.not_before),
        ):
            if wrong:
                _reject(code, "%s: %s, the clock says %s" % (who, date(limit), date(self.now)))
        above = self._issuer_key
        self._issuer_key, stated = certificate.key_identifiers()
        if first:
            if depth > _LONGEST:
                _reject("chain_too_long", "%d certificates below the root" % depth)
            return
        if not certificate.algorithm:
            _reject("weak_signature", who)
        if not certificate.has_strong_key():
            _reject("weak_key", who)
        # RFC 5280, 4.1 and 4.2, where Mbed TLS is silent.
        a, b = certificate.subject
        critical = certificate.critical
        wrong = above and stated and above != stated and "key identifier of its issuer"
        if certificate.version != 3:
            wrong = "version"
        # In 20 octets, of which the first bit is the sign.
        elif not 0 < integer(data, *certificate.serial)[0] < 1 << 159:
            wrong = "serial number"
        # 14 and 35, the key identifiers, never are; 17, subjectAltName, is if no subject is there.
        elif 14 in critical or 35 in critical or b - a < 3 and 17 not in critical:
            wrong = "mark 'critical'"
        if wrong:
            _reject("bad_certificate", who + " has a wrong " + wrong)
        if not certificate.has_plain_subject():
            _reject("odd_name", who + " has a subject of odd strings")
        purposes = certificate.extended_key_usage()
        if purposes is not None and _SERVER_AUTH not in purposes and _ANY_USAGE not in purposes:
            _reject("wrong_usage", who + " is not for servers")
        usage = certificate.key_usage()
        if depth:
            # Mbed TLS takes some malformed marks for one.
            if not certificate.is_ca() or usage is not None and not usage & 0x04:
                _reject("bad_intermediate", who + " is no CA")
            constraints = certificate.dns_constraints()
            if constraints:
                for tree in constraints[0] + constraints[1]:
                    if tree and oddity(tree[tree[:1] == b"." :]):
                        fail("name constraints")  # It would match nothing, and exclude nothing.
                self._constraints.append(constraints)
            return
        if usage is not None and not usage & 0x80:
            _reject("wrong_usage", "its key may not sign a handshake")
        if certificate.is_ca() is not False or usage is not None and usage & 0x04:
            _reject("leaf_is_ca", "the server's certificate may sign others")
        self._name(certificate)
        self.accepted = True

    def _name(self, certificate):
        names = certificate.dns_names()
        if not names:
            _reject("name_not_in_san", "the certificate names no host in subjectAltName")
        names = [name.lower() for name in names]
        for name in names:
            # RFC 9525, 6.3: a wildcard is the whole first label; two labels at least follow it.
            # An underscore is against RFC 5280, but no host that is asked for has one.
            wild = name[:2] == b"*."
            why = oddity(name[2 * wild :].replace(b"_", b"a"))
            why = why or wild and b"." not in name[2:] and "is too wide"
            if why:
                shown = bytes([c if 32 < c < 127 else 63 for c in name[:64]]).decode()
                _reject("odd_name", shown + " " + why)
        host = self.host.encode()
        parent = host[host.find(b".") :]  # With its leading dot.
        for name in names:
            if name == host or name[:1] == b"*" and name[1:] == parent:
                break
        else:
            shown = b",".join(names[:3]).decode()
            _reject(
                "name_mismatch", "%s was asked for, the certificate is for %s" % (self.host, shown)
            )
        for permitted, excluded in self._constraints:
            for name in names + [host]:  # A wildcard may stand for a host that is excluded.
                if permitted and not any(_within(name, tree) for tree in permitted):
                    _reject("name_constraint", "a name outside what an intermediate may vouch for")
                if any(_within(name, tree) for tree in excluded):
                    _reject("name_constraint", "a name that an intermediate may not vouch for")


def _within(name, tree):
    """RFC 5280, 4.2.1.10: whether a DNS name is `tree` or has labels in front of it."""
    tree = tree.lower()
    if tree[:1] == b".":
        return name.endswith(tree)
    return not tree or name == tree or name.endswith(b"." + tree)


def _reject(code, detail):
    raise PeerRejected(code, detail, "certificate")
