"""A long run of random damage: every reader gives a value or its family's error, nothing else.

Damage behind a digest would never reach the reader, so most damaged bodies are sealed anew.
"""

import hashlib
import unittest

import _pace
import data_chains as chains
import data_roots as roots
from _flights import Raw, Seen
from _made import (
    EC_PUBLIC_KEY,
    FAKE_MODULUS,
    NOW,
    PRIME256V1,
    RSA_ENCRYPTION,
    blob,
    bundle,
    certificate_for,
    ec_key,
    element,
    pem,
    pkcs8,
    rsa_key,
    sequence,
    trimmed,
    write,
)
from _mutations import Mutator
from data_flights import EC_FLIGHT, RSA_FLIGHT

from ats_trust import der
from ats_trust.bundle import Bundle, name_keys
from ats_trust.credentials import Files, load_device
from ats_trust.errors import BundleError, ConfigError, PeerRejected
from ats_trust.judge import Judge
from ats_trust.x509 import Certificate

_ANY_ROLE = 0x70


def _reseal(whole, damage):
    """The file with its body damaged and a digest that fits it."""
    start, stop = der.only(whole, 0, len(whole))
    body = damage(whole[start : der.expect(whole, start, stop)[1]])
    return sequence(body, element(0x04, hashlib.sha256(body).digest()))


class TestMutations(unittest.TestCase):
    def setUp(self):
        self.values = self.refused = 0

    def attempt(self, kind, function, *args):
        """Call; count a value or exactly this kind of error, fail for anything else."""
        try:
            value = function(*args)
        except kind:
            self.refused += 1
            return None
        except Exception as error:
            self.fail("%r escaped for %r" % (error, args))
        self.values += 1
        return value

    def tearDown(self):
        # A run in which everything, or nothing, was refused has tested nothing.
        self.assertGreater(self.values, 20 // _pace.stride)
        self.assertGreater(self.refused, 20 // _pace.stride)

    def test_der(self):
        """Random bytes are an element or a DerError for each function of the DER reader."""
        mutator = Mutator(1)
        for _ in _pace.paced(range(6000)):
            data = mutator.damaged(sequence(b"\x02\x01\x05", element(0x17, b"300101000000Z")))
            stop = mutator.below(len(data) + 2)
            start = mutator.below(stop + 1)
            for function in (der.header, der.integer, der.moment):
                self.attempt(der.DerError, function, data, start, stop)

    def test_certificates(self):
        """A damaged certificate gives every field or a DerError."""
        mutator = Mutator(2)
        whole = (
            chains.LEAF,
            chains.RSA_INT,
            chains.CONSTRAINED,
            roots.P521,
            trimmed(roots.EC_ROOT),
        )
        for number in _pace.paced(range(3000)):
            data = mutator.damaged(whole[number % len(whole)])
            self.attempt(der.DerError, name_keys, data[: 1 + mutator.below(600)])
            found = self.attempt(der.DerError, Certificate, data)
            if found:
                for field in (
                    found.key,
                    found.is_ca,
                    found.key_usage,
                    found.extended_key_usage,
                    found.dns_names,
                    found.dns_constraints,
                ):
                    self.attempt(der.DerError, field)

    def test_judge(self):
        """A chain of damaged certificates is accepted or refused."""
        mutator = Mutator(3)
        anchor = trimmed(roots.EC_ROOT)
        judged = []

        def judge(pins, *certificates):
            digest = hashlib.sha256(anchor).digest()
            seen = Judge("board.test.example", NOW, pins, [digest])
            for above, certificate in enumerate(certificates):
                seen.see(memoryview(certificate), 2 - above)
            judged.append(seen.accepted)

        for number in _pace.paced(range(2400)):
            leaf, issuer = chains.LEAF, (chains.EC_INT, chains.CONSTRAINED)[number % 2]
            if number % 3:
                leaf = mutator.damaged(leaf)
            if number % 3 != 1:
                issuer = mutator.damaged(issuer)
            pins = [bytes(32), hashlib.sha256(leaf).digest()] if number % 50 == 0 else None
            kinds = (der.DerError, PeerRejected, ConfigError)
            self.attempt(kinds, judge, pins, anchor, issuer, leaf)
        self.assertTrue(all(judged))

    def test_bundles(self):
        """A damaged bundle, sealed anew or not, is read or a BundleError."""
        mutator = Mutator(4)
        good = bundle((0x12, trimmed(roots.EC_ROOT)), (0x43, trimmed(roots.RSA_ROOT)))
        chain = name_keys(roots.EC_ROOT)
        path = write(self, good)
        for number in _pace.paced(range(3000)):
            if number % 8 == 0:
                data = mutator.damaged(good)
            else:
                data = _reseal(good, mutator.damaged)
            with open(path, "wb") as file:
                file.write(data)
            found = self.attempt(BundleError, Bundle, path)
            if found:
                self.assertTrue(0 < len(found.uses) <= 4)
                self.attempt(BundleError, found.find, chain, _ANY_ROLE)
                self.attempt(BundleError, found.anchors)
                self.assertLess(len(found.leaf_types(_ANY_ROLE)), 3)

    def test_blobs(self):
        """A damaged device blob, sealed anew or not, is read or a ConfigError."""
        mutator = Mutator(5)
        good = blob(certificate_for(FAKE_MODULUS[:40]), ec_key())
        path = write(self, good)
        for number in _pace.paced(range(3000)):
            if number % 8 == 0:
                data = mutator.damaged(good)
            else:
                data = _reseal(good, mutator.damaged)
            with open(path, "wb") as file:
                file.write(data)
            found = self.attempt(ConfigError, load_device, path)
            if found:
                self.assertIsInstance(found.host, str)
                self.assertIsInstance(found.client_id, str)
                self.assertIsInstance(found.port, int)
                self.assertEqual(len(found.credentials()), 2)

    def test_credentials(self):
        """Damaged certificates and keys, PEM or DER, are read or a ConfigError."""
        mutator = Mutator(6)
        certificate = certificate_for(FAKE_MODULUS)
        keys = (
            rsa_key(),
            pkcs8(RSA_ENCRYPTION, rsa_key()),
            ec_key(),
            pkcs8(EC_PUBLIC_KEY + PRIME256V1, ec_key(curve=None)),
        )
        for number in _pace.paced(range(2400)):
            key = keys[number % 4]
            if number % 3 == 0:
                key = mutator.damaged(pem("PRIVATE KEY", key))
            elif number % 3 == 1:
                key = pem("PRIVATE KEY", mutator.damaged(key))
            else:
                key = mutator.damaged(key)
            self.attempt(ConfigError, Files, certificate, key)
            self.attempt(ConfigError, Files, mutator.damaged(pem("CERTIFICATE", certificate)), key)
            self.attempt(ConfigError, Files, mutator.damaged(certificate), rsa_key())

    def test_flights(self):
        """A damaged flight, in pieces of any size, raises nothing and is passed on unchanged."""
        mutator = Mutator(7)
        for number in _pace.paced(range(1200)):
            data = mutator.damaged((EC_FLIGHT, RSA_FLIGHT)[number % 2])
            flight = Seen(Raw(data))
            size = 1 + mutator.below((8, 600, 5000)[number % 3])
            buffer = bytearray(size)
            got = 0
            while not flight.finished and not flight.eof:
                count = flight.readinto(buffer)
                self.assertGreaterEqual(count, 0)
                if buffer[:count] != data[got : got + count]:
                    self.fail("changed on the way")
                got += count
            self.assertIsNone(flight.fault, repr(data))
            self.assertLessEqual(len(flight.calls), 1)
            self.assertLessEqual(len(flight.chain), 160)
            self.assertEqual(len(flight.chain) % (16 if flight.calls else 8), 0)
            if flight.finished:
                self.values += 1
            else:
                self.refused += 1


if __name__ == "__main__":
    unittest.main()
