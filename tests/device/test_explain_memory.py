"""After a refusal: faults that are not the server's, and every combination of states."""

import unittest

import _pace
import data_chains as chains
import data_roots as roots
from _made import trimmed
from _pace import paced
from _states import (
    CHAIN,
    EC,
    EOF,
    INT,
    LEAF,
    NO_ANCHOR,
    PROTOCOL,
    RSA,
    UNKNOWN,
    VERIFY_FAILED,
    Anchored,
    Case,
    flight_of,
    judge_of,
)

from ats_trust.bundle import name_keys
from ats_trust.errors import BundleError, HeapError, PeerRejected, TrustError
from ats_trust.explain import explain

# Every number that was seen when memory ran out, and those with a low part added.
_OUT_OF_MEMORY = (12, 16, -16, -10368, -17040, -20864, -24960, -0x7F00, -0x3F80, -0x4D80, -0x296A)


class TestMemory(Case):
    """A lack of memory is never reported as the server's fault."""

    def test_numbers(self):
        """Every number that stands for no memory, at every stage, is a HeapError."""
        for number in _OUT_OF_MEMORY:
            for flight, judge, stage in (
                (flight_of(), judge_of(), "hello"),
                (flight_of(chain=CHAIN), judge_of(), "certificate"),
                (flight_of(chain=CHAIN, answered=1), judge_of(accepted=True), "handshake"),
            ):
                self.check((HeapError, "heap", stage), OSError(number), flight, judge)

    def test_other_numbers(self):
        """Numbers that stand for something else are no lack of memory."""
        for number in (
            "timed out",
            0,
            5,
            11,
            104,
            110,
            -5,
            -12,
            -104,
            -0x7280,
            -0x7780,
            -0x2700,
            -17280,
            -19968,
        ):
            found = explain(OSError(number), flight_of(chain=CHAIN), judge_of(), [], Anchored())
            self.assertNotIsInstance(found, HeapError, number)

    def test_exceptions(self):
        """A MemoryError in the callback, while an anchor was loaded, or anywhere, is one."""
        flight = flight_of(chain=CHAIN)
        heap_error = (HeapError, "heap", "certificate")
        self.check(heap_error, flight=flight, refusals=[MemoryError()])
        self.check(heap_error, flight=flight, refusals=[UNKNOWN, MemoryError()])
        self.check(heap_error, OSError(-5), flight_of(chain=CHAIN, fault=MemoryError()))
        self.check(heap_error, MemoryError(), flight)
        self.check((HeapError, "heap", "hello"), MemoryError())

    def test_misleading_verdict(self):
        """A good signature that Mbed TLS did not verify was not verified for lack of memory."""
        judge = judge_of(chains.EC_INT, chains.LEAF)
        flight = flight_of(chain=CHAIN)
        self.check(
            (HeapError, "heap", "certificate"), flight=flight, judge=judge, anchored=Anchored(EC)
        )
        judge = judge_of(chains.RSA_INT, chains.RSA_LEAF)
        flight = flight_of(chain=name_keys(chains.RSA_LEAF) + name_keys(chains.RSA_INT))
        self.check(
            (HeapError, "heap", "certificate"), flight=flight, judge=judge, anchored=Anchored(RSA)
        )

    def test_broken_way_up(self):
        """A way up that breaks off while memory is short is not held against the server."""
        flight = flight_of(chain=CHAIN)
        for ample, kind, code in (
            (False, HeapError, "heap"),
            (True, PeerRejected, "bad_intermediate"),
            (None, PeerRejected, "bad_intermediate"),
        ):
            judge = judge_of(chains.LEAF, ample=ample)
            self.check(
                (kind, code, "certificate"), flight=flight, judge=judge, anchored=Anchored(EC)
            )

    def test_signature_that_can_not_be_checked(self):
        """A signature with another hash can not be checked here: then memory decides."""
        chain = LEAF + name_keys(roots.P384)
        for ample, kind, code in (
            (False, HeapError, "heap"),
            (True, PeerRejected, "bad_signature"),
            (None, PeerRejected, "bad_signature"),
        ):
            self.check(
                (kind, code, "certificate"),
                flight=flight_of(chain=chain),
                judge=judge_of(roots.P384, chains.LEAF, ample=ample),
                anchored=Anchored(trimmed(roots.P384)),
            )

    def test_verdict_below_the_root(self):
        """A chain whose signatures are good after all was refused for lack of memory."""
        flight = flight_of(chain=CHAIN)
        forged = chains.LEAF[:-1] + bytes([chains.LEAF[-1] ^ 1])
        for ample in paced((True, False, None)):
            judge = judge_of(EC, chains.EC_INT, chains.LEAF, accepted=True, ample=ample)
            self.check((HeapError, "heap", "certificate"), flight=flight, judge=judge)
            judge = judge_of(EC, chains.EC_INT, forged, accepted=True, ample=ample)
            self.check((PeerRejected, "bad_signature", "certificate"), flight=flight, judge=judge)

    def test_signature_below_the_root_that_can_not_be_checked(self):
        """Below the root, too, memory decides where the signature can not."""
        for ample, kind, code in (
            (False, HeapError, "heap"),
            (True, PeerRejected, "bad_signature"),
            (None, PeerRejected, "bad_signature"),
        ):
            judge = judge_of(roots.P384, roots.P384, accepted=True, ample=ample)
            self.check((kind, code, "certificate"), flight=flight_of(chain=CHAIN), judge=judge)

    def test_deep_stack(self):
        """A stack that was too deep already is no fault of the server."""
        for refusals in ([], [RuntimeError("maximum recursion depth exceeded")]):
            error = RuntimeError("maximum recursion depth exceeded")
            self.check((HeapError, "heap", "hello"), error, refusals=refusals)

    def test_ambiguous_number(self):
        """A number for a bad key or no memory for it means memory while that is scarce."""
        for ample, kind, code in (
            (False, HeapError, "heap"),
            (True, PeerRejected, "weak_key"),
            (None, PeerRejected, "weak_key"),
        ):
            judge = judge_of(ample=ample)
            self.check(
                (kind, code, "certificate"), OSError(-0x3B00), flight_of(chain=CHAIN), judge
            )

    def test_after_the_chain(self):
        """With little memory left a failure after the chain is for want of it; a break is not."""
        judge = judge_of(accepted=True, ample=False)
        heap_error = (HeapError, "heap", "handshake")
        self.check(heap_error, OSError(-17280), flight_of(chain=CHAIN), judge)
        flight = flight_of(chain=CHAIN, answered=1, asked=True, alert=40)
        self.check(heap_error, OSError(-0x7780), flight, judge)
        self.check(heap_error, OSError(104), flight, judge)
        self.network(113, OSError(-113), flight_of(chain=CHAIN, error=OSError(113)), judge)


class TestOwnFaults(Case):
    def test_bundle(self):
        """A bundle that is damaged in mid-handshake is a BundleError."""
        cause = BundleError("bundle_damaged", "x")
        flight = flight_of(chain=CHAIN, fault=cause)
        self.assertIs(explain(OSError(-5), flight, judge_of(), [], Anchored()), cause)

    def test_internal(self):
        """A mistake in this library refuses the connection, and says that it was one."""
        for cause in (TypeError("x"), ZeroDivisionError(), AttributeError("y")):
            self.check((PeerRejected, "internal", "hello"), refusals=[cause])
            self.check((PeerRejected, "internal", "hello"), cause)
            found = self.check((PeerRejected, "internal", "hello"), flight=flight_of(fault=cause))
            self.assertIn(type(cause).__name__, found.detail)


class _Careless(Anchored):
    """A bundle that gives one anchor for every chain."""

    def find(self, chain, roles):
        return [RSA]


class TestAll(unittest.TestCase):
    def test_every_combination(self):
        """Whatever the states, the explanation is an OSError or a TrustError with a remedy."""
        self.codes = set()
        errors = (
            VERIFY_FAILED,
            NO_ANCHOR,
            PROTOCOL,
            EOF,
            OSError(),
            OSError(104),
            OSError(-17280),
            OSError(-10368),
            OSError("timed out"),
            UNKNOWN,
        )
        whole = LEAF + INT + name_keys(roots.EC_ROOT)
        flights = [
            flight_of(chain=chain, alert=alert, answered=answered, asked=asked, **more)
            for chain in (b"", LEAF, CHAIN, whole, bytes(16), bytes(16) + INT)
            for alert in (None, 40)
            for answered, asked in ((0, False), (1, True))
            for more in ({}, {"eof": True}, {"error": OSError(32)}, {"oversized": 20000})
        ]
        judges = [
            judge_of(),
            judge_of(chains.LEAF),
            judge_of(chains.EC_INT, chains.LEAF),
            judge_of(roots.P384, chains.LEAF),
            judge_of(accepted=True),
            judge_of(accepted=True, ample=False),
        ]
        bundles = (Anchored(), Anchored(EC), _Careless())
        for states in paced(
            (error, flight, judge, context)
            for error in errors
            for flight in flights
            for judge in judges
            for context in bundles
        ):
            self.one(*states)
        self.assertGreater(len(self.codes), 8 // _pace.stride)
        for code in self.codes:
            self.assertTrue(TrustError(code).remedy, code)

    def one(self, error, flight, judge, context):
        try:
            found = explain(error, flight, judge, [], context)
        except Exception as escaped:
            states = (error, flight.chain, flight.alert, flight.answered, judge.links)
            self.fail("%r for %r" % (escaped, states))
        if isinstance(found, TrustError):
            self.codes.add(found.code)
            if error.args and error.args[0] == -10368:
                self.assertIsInstance(found, HeapError)
        else:
            self.assertIs(type(found), OSError)
            self.assertTrue(flight.error or flight.eof)


if __name__ == "__main__":
    unittest.main()
