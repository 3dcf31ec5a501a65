"""States in which a handshake can end, made by hand, for the tests of `explain`."""

import unittest

import data_chains as chains
import data_roots as roots
from _made import trimmed

from ats_trust.bundle import LEAF_ECDSA, LEAF_RSA, name_keys
from ats_trust.endpoint import ROLE_ATS, ROLE_LEGACY
from ats_trust.errors import PeerRejected
from ats_trust.explain import explain
from ats_trust.judge import Judge

EC = trimmed(roots.EC_ROOT)
RSA = trimmed(roots.RSA_ROOT)
VERIFY_FAILED = ValueError("any text")
NO_ANCHOR = OSError(-0x7680)
PROTOCOL = OSError(-0x6E00)
EOF = OSError(-0x7280)
UNKNOWN = PeerRejected("unknown_issuer", "", "certificate")


LEAF, INT, CROSS = [name_keys(each) for each in (chains.LEAF, chains.EC_INT, chains.EC_CROSS)]
CHAIN = LEAF + INT + CROSS


def flight_of(**fields):
    """What a Flight saw of a server that sent nothing, but for these fields."""

    class State:
        chain = b""
        oversized = 0
        not_tls = b""
        alert = None
        asked = finished = eof = False
        answered = 0
        error = fault = None

    state = State()
    for name in fields:
        setattr(state, name, fields[name])
    return state


def judge_of(*certificates, accepted=False, ample=None):
    """The Judge after it saw these, none of them an anchor, the highest first."""
    judge = Judge("board.test.example", "20300101000000")
    for above, certificate in enumerate(certificates):
        try:
            judge.see(certificate, len(certificates) - 1 - above)
        except PeerRejected:
            pass
    judge.accepted = accepted
    if accepted:
        judge.lowest = 0
    judge.ample = ample
    return judge


class Anchored:
    """What `explain` asks of a TrustedContext, and of its bundle, with these anchors."""

    def __init__(self, *anchors, roles=ROLE_ATS, legacy=(), types=(LEAF_RSA, LEAF_ECDSA)):
        self._anchors = anchors
        self._legacy = legacy
        self._types = types
        self._roles = roles
        self._bundle = self
        self.uses = bytes([ROLE_ATS] * len(anchors) + [ROLE_LEGACY] * len(legacy))

    def leaf_types(self, roles):
        return list(self._types)

    def _find(self, chain):
        return self.find(chain, self._roles)

    def find(self, chain, roles):
        anchors = self._anchors if roles & ROLE_ATS else ()
        if roles & ROLE_LEGACY:
            anchors += self._legacy
        for at in range(0, len(chain), 16):
            issuer = chain[at : at + 8]
            found = [each for each in anchors if name_keys(each)[8:] == issuer]
            if found:
                return found
        return []


class Case(unittest.TestCase):
    def check(
        self, expected, error=VERIFY_FAILED, flight=None, judge=None, refusals=(), anchored=None
    ):
        """The explanation has this (class, code, stage); returns it."""
        found = explain(
            error,
            flight or flight_of(),
            judge or judge_of(),
            list(refusals),
            anchored or Anchored(),
        )
        self.assertEqual((type(found), found.code, found.stage), expected, repr(found))
        return found

    def network(self, expected, error, flight, judge=None):
        """The explanation is the network's own error with this number."""
        found = explain(error, flight, judge or judge_of(), [], Anchored())
        self.assertIs(type(found), OSError)
        self.assertEqual(found.args[0], expected)
