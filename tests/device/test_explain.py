"""After a refusal: which error it is. Every branch of the decision, by states made by hand."""

import unittest

import data_chains as chains
import data_roots as roots
from _made import trimmed
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

from ats_trust.bundle import LEAF_ECDSA, LEAF_RSA, name_keys
from ats_trust.der import DerError
from ats_trust.endpoint import ROLE_ATS, ROLE_LEGACY
from ats_trust.errors import ClientRefused, ConfigError, HeapError, PeerRejected
from ats_trust.explain import explain

_BOTH = ROLE_ATS | ROLE_LEGACY


class TestHello(Case):
    """Before any certificate was seen."""

    def test_trouble(self):
        """A server that reports its own trouble before its certificate may be asked again."""
        flight = flight_of(alert=80, eof=True)
        self.network(104, OSError(-0x7780), flight)

    def test_not_tls(self):
        """A server whose first bytes are no TLS record does not speak TLS."""
        for first in (
            b"HTTP/",
            b"\x00\x00\x00\x00\x00",
            b"\x18\x03\x03\x00\x01",
            b"\x16\x02\x00\x00\x01",
        ):
            for error in (OSError(-0x7200), VERIFY_FAILED, EOF, OSError(104)):
                for eof in (False, True):
                    found = self.check(
                        (PeerRejected, "not_tls", "hello"),
                        error,
                        flight_of(not_tls=first, eof=eof),
                    )
        self.assertIn("\\x16\\x02", found.detail)

    def test_alerts(self):
        """The server's alert says whether suites, versions or something else did not agree."""
        for alert, code in (
            (40, "no_shared_suite"),
            (70, "no_common_version"),
            (112, "protocol_error"),
            (0, "protocol_error"),
        ):
            flight = flight_of(alert=alert, eof=True)
            for error in (OSError(-0x7780), EOF, OSError(104)):
                found = self.check((PeerRejected, code, "hello"), error, flight)
                self.assertIn(str(alert), found.detail)

    def test_leaf_types(self):
        """Where no suite is shared it is said which keys were offered, and what is missing."""
        flight = flight_of(alert=40)
        for types, said, missing in (
            ((LEAF_RSA,), "offered: RSA alone", "no root for ECDSA"),
            ((LEAF_ECDSA,), "offered: ECDSA alone", "no root for RSA"),
            ((LEAF_ECDSA, LEAF_RSA), "offered: ECDSA and RSA", ""),
        ):
            found = self.check(
                (PeerRejected, "no_shared_suite", "hello"),
                OSError(-0x7780),
                flight,
                anchored=Anchored(types=types),
            )
            self.assertIn(said, found.detail)
            self.assertIn(missing, found.detail)
            self.assertEqual("no root" in found.detail, len(types) == 1)

    def test_web_server(self):
        """An answer in HTTP is called that of a captive portal or proxy, no other is."""
        for first, web in (
            (b"HTTP/", True),
            (b"http/", True),
            (b"<html", True),
            (b"<!DOC", True),
            (b"SSH-2", False),
            (b" \x02\x00\x00\xd0", False),
        ):
            found = self.check(
                (PeerRejected, "not_tls", "hello"), OSError(-0x7200), flight_of(not_tls=first)
            )
            self.assertEqual("captive portal" in found.detail, web)

    def test_network(self):
        """A socket that fails, or a server that hangs up, is the network's fault."""
        self.network(113, OSError(-113), flight_of(error=OSError(113)))
        self.network(110, OSError(-5), flight_of(error=OSError(110)))
        self.network(104, OSError(104), flight_of(eof=True))
        self.network(104, EOF, flight_of(eof=True))
        self.network(104, OSError(), flight_of(eof=True))
        self.network(104, OSError("text"), flight_of(eof=True))

    def test_protocol(self):
        """Whatever else happens in the hello is a server that does not keep to TLS."""
        for error in (PROTOCOL, OSError(5), OSError(), VERIFY_FAILED, EOF, NO_ANCHOR):
            self.check((PeerRejected, "protocol_error", "hello"), error)


class TestCertificate(Case):
    """A chain was received, and not accepted."""

    def setUp(self):
        self.flight = flight_of(chain=CHAIN)

    def refused(self, code, *args, **options):
        options.setdefault("flight", self.flight)
        return self.check((PeerRejected, code, "certificate"), *args, **options)

    def test_judge_decided(self):
        """What the judge refused is what is said, and not Mbed TLS's error."""
        for cause in (
            PeerRejected("name_mismatch", "x", "certificate"),
            PeerRejected("expired", "x", "certificate"),
            ConfigError("whole_certificate_pin", "x", "certificate"),
        ):
            for error in (VERIFY_FAILED, OSError(-0x3000), PROTOCOL):
                self.assertIs(
                    explain(error, self.flight, judge_of(), [UNKNOWN, cause], Anchored()), cause
                )

    def test_malformed(self):
        """A certificate that can not be decoded is malformed, by our reader or Mbed TLS's."""
        found = self.refused("malformed", refusals=[DerError("malformed", "cut off")])
        self.assertEqual(found.detail, "cut off")
        for number in (-0x2180, -0x2380, -0x2480, -0x2562 + 0x80, -0x2E80, -0x2F80):
            self.refused("malformed", OSError(number))

    def test_unsupported_extension(self):
        """A critical extension that Mbed TLS has to refuse is called so; only that one."""
        for number in (-0x2562, -0x2080):
            found = self.refused("unsupported_extension", OSError(number))
            self.assertIn("critical name constraints, or another", found.detail)
        for number in (-0x2500, -0x2566):  # The same extension twice, a wrong length.
            self.refused("malformed", OSError(number))

    def test_unreadable(self):
        """A version, an algorithm or a key that Mbed TLS can not read is called by its kind."""
        for number, code in (
            (-0x2580, "bad_certificate"),
            (-0x2300, "weak_signature"),
            (-0x2600, "weak_signature"),
            (-0x3A00, "weak_key"),
            (-0x3C80, "weak_key"),
            (-0x3D00, "weak_key"),
            (-0x4C80, "weak_key"),
            (-0x4E80, "weak_key"),
        ):
            self.refused(code, OSError(number))

    def test_too_long(self):
        """A chain above what a record buffer holds is too long, not malformed."""
        flight = flight_of(chain=CHAIN, oversized=16385)
        for error in (PROTOCOL, OSError(-0x7200), VERIFY_FAILED):
            found = self.refused("chain_too_long", error, flight=flight)
        self.assertIn("16385", found.detail)
        flight = flight_of(chain=CHAIN)
        self.refused("protocol_error", PROTOCOL, flight=flight)

    def test_other_errors(self):
        """An error of Mbed TLS before it looked at the chain is the server's protocol."""
        for error in (PROTOCOL, OSError(-0x7700), OSError(5)):
            self.refused("protocol_error", error)

    def test_network(self):
        """A connection that breaks in the middle of the chain is the network's fault."""
        flight = flight_of(chain=CHAIN, error=OSError(113))
        self.network(113, OSError(-113), flight)
        self.network(104, EOF, flight_of(chain=CHAIN, eof=True))

    def test_alert(self):
        """An alert after the chain, while it is not accepted, is reported as what it is."""
        flight = flight_of(chain=CHAIN, alert=40)
        self.refused("no_shared_suite", OSError(-0x7780), flight=flight)

    def test_unknown_issuer(self):
        """A whole chain of which no issuer is in the bundle has an unknown issuer."""
        whole = LEAF + INT + name_keys(roots.EC_ROOT)
        for error in (NO_ANCHOR, VERIFY_FAILED, OSError(-0x2700)):
            self.refused(
                "unknown_issuer",
                error,
                flight=flight_of(chain=whole),
                judge=judge_of(roots.EC_ROOT, chains.EC_INT, chains.LEAF),
                refusals=[UNKNOWN],
            )

    def test_self_signed(self):
        """A single self-signed certificate is called that."""
        flight = flight_of(chain=name_keys(roots.P384))
        found = self.refused("unknown_issuer", NO_ANCHOR, flight=flight)
        self.assertIn("self-signed", found.detail)

    def test_legacy_endpoint(self):
        """A chain of VeriSign's, or a legacy name whose root is not here, is called that."""
        verisign = bytes([0x9E, 0xBB, 0x48, 0xDD, 0xF9, 0xE4, 0x15, 0x5F])
        own = LEAF + INT + name_keys(roots.EC_ROOT)
        for chain, anchored in (
            (LEAF + verisign + INT[8:], Anchored(RSA)),
            (LEAF[8:] + verisign, Anchored()),
            (CHAIN, Anchored(legacy=(EC,))),
            (own, Anchored(RSA, roles=_BOTH)),
        ):
            found = self.refused(
                "legacy_endpoint", NO_ANCHOR, flight=flight_of(chain=chain), anchored=anchored
            )
            self.assertIn("legacy", found.detail)
        for anchored in (Anchored(), Anchored(legacy=(RSA,), roles=_BOTH)):
            self.refused(
                "unknown_issuer", NO_ANCHOR, flight=flight_of(chain=own), anchored=anchored
            )

    def test_missing_intermediate(self):
        """A leaf whose issuer was neither sent nor is in the bundle lacks an intermediate."""
        flight = flight_of(chain=LEAF)
        self.refused("missing_intermediate", NO_ANCHOR, flight=flight, anchored=Anchored(EC, RSA))
        self.refused("missing_intermediate", flight=flight, judge=judge_of(chains.LEAF))

    def test_bad_intermediate(self):
        """Where the way up breaks below an anchor that would fit, an intermediate is to blame."""
        self.refused("bad_intermediate", judge=judge_of(chains.LEAF), anchored=Anchored(EC))

    def test_bad_signature(self):
        """A certificate that names an anchor whose key did not sign it is forged."""
        twin = trimmed(roots.EC_TWIN)
        judge = judge_of(chains.EC_INT, chains.LEAF)
        self.refused("bad_signature", judge=judge, anchored=Anchored(twin))
        judge = judge_of(chains.RSA_INT, chains.RSA_LEAF)
        flight = flight_of(chain=name_keys(chains.RSA_LEAF) + name_keys(chains.RSA_INT))
        self.refused(
            "bad_signature", flight=flight, judge=judge, anchored=Anchored(trimmed(roots.RSA_TWIN))
        )

    def test_two_anchors_of_one_name(self):
        """Only if neither of two keys of one name has signed it is it forged."""
        judge = judge_of(chains.EC_INT, chains.LEAF)
        both = Anchored(trimmed(roots.EC_TWIN), EC)
        self.check(
            (HeapError, "heap", "certificate"), flight=self.flight, judge=judge, anchored=both
        )

    def test_forged_even_when_memory_was_short(self):
        """The signature itself decides: a forged one is forged however little was free."""
        judge = judge_of(chains.EC_INT, chains.LEAF, ample=False)
        self.refused("bad_signature", judge=judge, anchored=Anchored(trimmed(roots.EC_TWIN)))


class TestHandshake(Case):
    """The chain was accepted, and the handshake did not end."""

    def after(self, kind, code, ended, **fields):
        flight = flight_of(chain=CHAIN, **fields)
        return self.check((kind, code, "handshake"), ended, flight, judge_of(accepted=True))

    def test_key_not_proven(self):
        """A handshake that fails at the server's signature: it has not the certificate's key."""
        for number in (-17280, -19968, -0x6600):
            self.after(PeerRejected, "key_not_proven", OSError(number))
            # That the server asked for a certificate before, or hangs up then, changes nothing.
            self.after(PeerRejected, "key_not_proven", OSError(number), asked=True, eof=True)

    def test_client_refused(self):
        """Who was asked for a certificate, answered, and is turned away, was refused."""
        for number in (42, 43, 45, 46, 48, 49, 116, 40):
            for error in (OSError(-0x7780), EOF, OSError(104)):
                found = self.after(
                    ClientRefused, "client_refused", error, answered=2, asked=True, alert=number
                )
                self.assertIn(str(number), found.detail)
                self.assertIn("asked for a certificate", found.detail)
        self.after(ClientRefused, "client_refused", EOF, answered=1, asked=True, eof=True)
        self.after(
            ClientRefused,
            "client_refused",
            OSError(-32),
            answered=1,
            asked=True,
            error=OSError(32),
        )
        self.after(ClientRefused, "client_refused", OSError(-0x7780), answered=1, alert=40)

    def test_network(self):
        """Without a request for a certificate a broken connection is the network's fault."""
        judge = judge_of(accepted=True)
        flight = flight_of(chain=CHAIN, answered=1, error=OSError(113))
        self.network(113, OSError(-113), flight, judge)
        self.network(104, EOF, flight_of(chain=CHAIN, eof=True), judge)
        flight = flight_of(chain=CHAIN, eof=True, asked=True)
        self.network(104, EOF, flight, judge)

    def test_protocol(self):
        """Anything else after the chain is a server that does not keep to TLS."""
        self.after(PeerRejected, "protocol_error", OSError(-0x7700), answered=1)
        self.after(PeerRejected, "protocol_error", OSError(5))
        self.after(PeerRejected, "protocol_error", OSError(-0x7780), alert=80)

    def test_refused_by_the_tls(self):
        """A chain that the judge accepts and the TLS refuses has a wrong signature in it."""
        expected = (PeerRejected, "bad_signature", "certificate")
        judge = judge_of(EC, chains.EC_INT, chains.EC_INT, accepted=True)
        self.check(expected, VERIFY_FAILED, flight_of(chain=CHAIN), judge)

    def test_silence(self):
        """A network that fails after the server asked for a certificate is no refusal."""
        judge = judge_of(accepted=True)
        for number in (110, 9, 113):
            flight = flight_of(chain=CHAIN, answered=1, asked=True, error=OSError(number))
            self.network(number, OSError(number), flight, judge)
        for number in (32, 104):
            flight = flight_of(chain=CHAIN, answered=1, asked=True, error=OSError(number))
            self.check(
                (ClientRefused, "client_refused", "handshake"), OSError(number), flight, judge
            )

    def test_own_error(self):
        """An error of our own after the handshake stays what it is."""
        own = PeerRejected("protocol_error", "a cipher suite that was not offered", "handshake")
        found = explain(own, flight_of(chain=CHAIN), judge_of(accepted=True), [], Anchored())
        self.assertIs(found, own)


if __name__ == "__main__":
    unittest.main()
