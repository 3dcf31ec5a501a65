"""Judge a recorded chain at a given time with the library's own code, as in a handshake.

Everything of a connection but the TLS: the Certificate message goes through Flight, the anchor
comes from the bundle, and Judge sees the path from the anchor down, as Mbed TLS builds it by
names. Signatures are not checked here. In the job: "certificates" (leaf first), "bundle", "host",
"now" ("YYYYMMDDHHMMSS").
"""

import hashlib

from jobs import decoded, main

from ats_trust.bundle import Bundle
from ats_trust.endpoint import ROLE_ATS
from ats_trust.explain import explain
from ats_trust.flight import Flight
from ats_trust.judge import Judge
from ats_trust.x509 import Certificate

_RECORD = 16384


class Recording:
    """A socket on which only these bytes come in."""

    def __init__(self, data):
        self.data = data

    def readinto(self, buf):
        count = min(len(buf), len(self.data))
        buf[:count] = self.data[:count]
        self.data = self.data[count:]
        return count

    def write(self, buf):
        return len(buf)


class Context:
    """What `explain` asks of a TrustedContext."""

    _roles = ROLE_ATS

    def __init__(self, bundle):
        self._bundle = bundle

    def _find(self, chain):
        return self._bundle.find(chain, self._roles)


def work(job):
    chain = decoded(job["certificates"])
    context = Context(Bundle(job["bundle"]))
    anchors = []
    refusals = []

    def load_anchors(chain):
        anchors.extend(context._find(chain))

    flight = Flight(Recording(_records(chain)), load_anchors)
    header = bytearray(5)
    while flight.readinto(header):
        assert flight.readinto(bytearray(header[3] << 8 | header[4]))
    assert flight.fault is None
    digests = [hashlib.sha256(anchor).digest() for anchor in anchors]
    judge = Judge(job["host"], job["now"], anchors=digests)

    path = _path(chain, anchors)
    for depth in range(len(path) - 1, -1, -1):
        try:
            judge.see(path[depth], depth)
        except Exception as error:
            refusals.append(error)
            break
    report = {"loaded": len(anchors), "depths": len(path), "seen": len(flight.chain) // 16}
    if not judge.accepted:
        # As Mbed TLS puts it, whatever the reason.
        raise explain(ValueError("refused"), flight, judge, refusals, context)
    return report


def _path(chain, anchors):
    """Return the certificates from the leaf up to an anchor, or as far as names lead."""
    path = [chain[0]]
    while True:
        issuer = _name(path[-1], "issuer")
        for anchor in anchors:
            if _name(anchor, "subject") == issuer:
                path.append(anchor)
                return path
        for certificate in chain[len(path) :]:
            if _name(certificate, "subject") == issuer:
                path.append(certificate)
                break
        else:
            return path


def _name(data, which):
    a, b = getattr(Certificate(data), which)
    return data[a:b]


def _records(chain):
    """Return the records of a TLS 1.2 Certificate message (RFC 5246, 7.4.2)."""
    listed = b"".join([len(one).to_bytes(3, "big") + one for one in chain])
    body = len(listed).to_bytes(3, "big") + listed
    message = b"\x0b" + len(body).to_bytes(3, "big") + body
    records = b""
    while message:
        part = message[:_RECORD]
        message = message[_RECORD:]
        records += b"\x16\x03\x03" + len(part).to_bytes(2, "big") + part
    return records


main(work)
