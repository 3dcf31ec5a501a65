"""The bundle: what a good one holds, and that no other is believed."""

import hashlib
import os
import sys
import unittest

import data_chains as chains
import data_roots as roots
from _made import (
    BUILT,
    END,
    bundle,
    element,
    integer,
    moment,
    refusal,
    sealed,
    sequence,
    trimmed,
    unused_path,
    write,
)
from _pace import paced

from ats_trust.bundle import LEAF_ECDSA, LEAF_RSA, MAX_SIZE, Bundle, name_keys
from ats_trust.der import DerError
from ats_trust.endpoint import ROLE_ATS, ROLE_LEGACY, ROLE_OWN
from ats_trust.errors import BundleError
from ats_trust.x509 import Certificate

_EC = trimmed(roots.EC_ROOT)
_EC_TWIN = trimmed(roots.EC_TWIN)
_RSA = trimmed(roots.RSA_ROOT)


def _key(certificate):
    """The key under which an anchor is found."""
    return name_keys(certificate)[8:]


def _chain(*certificates):
    return b"".join([name_keys(each) for each in certificates])


class _Case(unittest.TestCase):
    def open(self, data):
        return Bundle(write(self, data))

    def damaged(self, data):
        return refusal(self, BundleError, "bundle_damaged", Bundle, write(self, data))


class TestGood(_Case):
    def test_fields(self):
        """A bundle tells its version, build time, end and uses, and hands out its anchors."""
        found = self.open(bundle((0x13, _RSA), (0x12, _EC), (0x21, roots.RSA_TWIN)))
        self.assertEqual((found.version, found.built_at, found.not_after), (7, BUILT, END))
        self.assertEqual(found.uses, b"\x13\x12\x21")
        self.assertEqual(found.anchors(), [(0x13, _RSA), (0x12, _EC), (0x21, roots.RSA_TWIN)])

    def test_largest_version(self):
        """A version of 63 bits is read."""
        self.assertEqual(self.open(bundle((0x11, _RSA), version=2**63 - 1)).version, 2**63 - 1)

    def test_many_anchors(self):
        """Sixteen anchors are read, each as it is."""
        anchors = [(0x11 + i % 2, (_RSA, _EC)[i % 2]) for i in range(16)]
        self.assertEqual(self.open(bundle(*anchors)).anchors(), anchors)

    def test_largest_size(self):
        """A file of exactly the largest size is read, with one byte more it is refused."""
        filler = MAX_SIZE - len(bundle((0x11, _RSA), (0x12, sequence(bytes(300))))) + 300
        data = bundle((0x11, _RSA), (0x12, sequence(bytes(filler))))
        data = bundle((0x11, _RSA), (0x12, sequence(bytes(filler + MAX_SIZE - len(data)))))
        self.assertEqual(len(data), MAX_SIZE)
        self.assertEqual(self.open(data).uses, b"\x11\x12")
        larger = bundle((0x11, _RSA), (0x12, sequence(bytes(filler + 8))))
        self.assertGreater(len(larger), MAX_SIZE)
        self.assertIn("length", self.damaged(larger).detail)

    def test_leaf_types(self):
        """Leaf key types come in the order of the anchors, for the roles that are asked for."""
        found = self.open(bundle((0x12, _EC), (0x21, _RSA), (0x13, _RSA), (0x42, _EC)))
        self.assertEqual(found.leaf_types(ROLE_ATS), [LEAF_ECDSA, LEAF_RSA])
        self.assertEqual(found.leaf_types(ROLE_LEGACY), [LEAF_RSA])
        self.assertEqual(found.leaf_types(ROLE_OWN), [LEAF_ECDSA])
        self.assertEqual(found.leaf_types(ROLE_LEGACY | ROLE_ATS), [LEAF_ECDSA, LEAF_RSA])
        self.assertEqual(self.open(bundle((0x11, _RSA))).leaf_types(ROLE_OWN), [])


class TestFind(_Case):
    def setUp(self):
        self.bundle = self.open(bundle((0x13, _RSA), (0x12, _EC), (0x42, roots.P384)))

    def test_by_issuer(self):
        """The anchor whose subject is an issuer of the chain is found, and it alone."""
        self.assertEqual(self.bundle.find(_chain(chains.EC_INT), ROLE_ATS), [_EC])
        self.assertEqual(self.bundle.find(_chain(chains.RSA_INT), ROLE_ATS), [_RSA])
        self.assertEqual(self.bundle.find(_chain(chains.LEAF), ROLE_ATS), [])

    def test_leaf_upward(self):
        """Of several issuers the one nearest to the leaf decides, in whatever order they stand."""
        chain = _chain(chains.LEAF, chains.EC_INT, chains.EC_CROSS)
        self.assertEqual(self.bundle.find(chain, ROLE_ATS), [_EC])
        chain = _chain(chains.LEAF, chains.EC_CROSS, chains.EC_INT)
        self.assertEqual(self.bundle.find(chain, ROLE_ATS), [_RSA])

    def test_cross_signed(self):
        """Without the nearest root the one that cross-signed it is found."""
        found = self.open(bundle((0x13, _RSA)))
        chain = _chain(chains.LEAF, chains.EC_INT, chains.EC_CROSS)
        self.assertEqual(found.find(chain, ROLE_ATS), [_RSA])

    def test_roles(self):
        """An anchor without the role is passed over, even when it alone would fit."""
        own = _key(roots.P384)
        self.assertEqual(self.bundle.find(own, ROLE_ATS | ROLE_LEGACY), [])
        self.assertEqual(self.bundle.find(own, ROLE_OWN), [roots.P384])
        self.assertEqual(self.bundle.find(own + bytes(8) + _key(_RSA), ROLE_ATS), [_RSA])
        self.assertEqual(self.bundle.find(_key(_RSA), 0), [])

    def test_two_keys_of_one_name(self):
        """Where a name has two keys both anchors are found."""
        found = self.open(bundle((0x12, _EC), (0x13, _RSA), (0x12, _EC_TWIN), (0x42, _EC)))
        self.assertEqual(found.find(_key(_EC), ROLE_ATS), [_EC, _EC_TWIN])

    def test_nothing(self):
        """No issuer, or an unknown one, finds nothing."""
        self.assertEqual(self.bundle.find(b"", ROLE_ATS), [])
        self.assertEqual(self.bundle.find(b"12345678" * 3, ROLE_ATS), [])

    def test_issuers_only(self):
        """A subject of the chain, such as the root that a server sends along, finds nothing."""
        self.assertEqual(self.bundle.find(bytes(8) + _key(_EC), ROLE_ATS), [])

    def test_damaged_later(self):
        """A file that is damaged after it was opened is found out before an anchor is used."""
        data = bytearray(bundle((0x13, _RSA), (0x12, _EC)))
        path = write(self, data)
        found = Bundle(path)
        data[len(data) // 2] ^= 1
        with open(path, "wb") as file:
            file.write(data)
        refusal(self, BundleError, "bundle_damaged", found.find, _key(_EC), ROLE_ATS)
        refusal(self, BundleError, "bundle_damaged", found.anchors)

    def test_damaged_time(self):
        """What a damaged file says of its time is not believed, not even for the next attempt."""
        data = bytearray(bundle((0x13, _RSA)))
        path = write(self, data)
        found = Bundle(path)
        at = data.index(BUILT.encode())
        data[at : at + 4] = b"2046"
        with open(path, "wb") as file:
            file.write(data)
        refusal(self, BundleError, "bundle_damaged", found.find, _key(_RSA), ROLE_ATS)
        self.assertEqual((found.version, found.built_at, found.not_after), (7, BUILT, END))

    def test_no_certificate(self):
        """A sealed bundle with an anchor that has no names is damage, not a miss."""
        found = self.open(bundle((0x12, _EC), (0x12, sequence(sequence(integer(1))))))
        refusal(self, BundleError, "bundle_damaged", found.find, _key(_EC), ROLE_ATS)


class TestNames(unittest.TestCase):
    def test_same_as_certificate(self):
        """The keys are digests of the names that Certificate finds."""
        for module in (roots, chains):
            for name in [name for name in sorted(dir(module)) if name.isupper()]:
                with self.subTest(name=name):
                    data = getattr(module, name)
                    found = Certificate(data)
                    expected = b"".join(
                        [
                            hashlib.sha256(data[start:stop]).digest()[:8]
                            for start, stop in (found.issuer, found.subject)
                        ]
                    )
                    self.assertEqual(name_keys(memoryview(data)), expected)

    def test_version_1(self):
        """A trimmed anchor has the subject's key of the root that it was."""
        for root, anchor in ((roots.EC_ROOT, _EC), (roots.RSA_ROOT, _RSA)):
            self.assertEqual(name_keys(anchor)[8:], name_keys(root)[8:])

    def test_cut_off(self):
        """A certificate that is cut off is refused."""
        for data in (chains.LEAF, _RSA):
            for size in paced(range(len(data))):
                refusal(self, DerError, "malformed", name_keys, data[:size])

    def test_no_certificate(self):
        """What does not begin as a certificate is refused."""
        set_of = element(0x31, chains.LEAF[4:])
        inside = sequence(element(0x31, chains.LEAF[8:]))
        for data in (
            set_of,
            inside,
            b"",
            b"\x30",
            b"\x30\x00",
            b"GET / HTTP/1.1\r\n",
            bytes(64),
            b"\xff" * 64,
        ):
            refusal(self, DerError, "malformed", name_keys, data)


class TestDamage(_Case):
    def test_every_byte(self):
        """One changed byte, wherever it is and however it changed, is found out."""
        good = bundle((0x12, _EC))
        data = bytearray(good)
        path = write(self, good)
        for position in paced(range(len(data))):
            for change in (0x01, 0x80, 0xFF):
                data[position] ^= change
                with open(path, "wb") as file:
                    file.write(data)
                refusal(self, BundleError, "bundle_damaged", Bundle, path)
                data[position] ^= change
        self.assertEqual(bytes(data), good)

    def test_cut_off(self):
        """A bundle that is cut off anywhere is refused."""
        good = bundle((0x12, _EC))
        path = write(self, b"")
        for size in paced(range(len(good))):
            with open(path, "wb") as file:
                file.write(good[:size])
            refusal(self, BundleError, "bundle_damaged", Bundle, path)

    def test_trailing(self):
        """Bytes after the bundle, or after its digest within, are refused."""
        good = bundle((0x12, _EC))
        self.damaged(good + b"\x00")
        self.damaged(good + good)
        inner = good[4:] if good[1] == 0x82 else good[3:]
        self.damaged(sequence(inner, b"\x05\x00"))
        self.damaged(sequence(inner, inner))

    def test_missing(self):
        """A file that is not there is called missing, with its name and what to do."""
        error = refusal(self, BundleError, "bundle_missing", Bundle, "/no/such/roots.bin")
        self.assertIn("/no/such/roots.bin", error.detail)
        self.assertIn("mip install", str(error))

    def test_folder(self):
        """A folder in place of the file is a BundleError."""
        with self.assertRaises(BundleError):
            Bundle("/")

    def test_empty(self):
        """An empty file, an empty SEQUENCE and an empty body are refused."""
        for data in (b"", b"\x30", b"\x30\x00", sequence(sequence()), sealed()):
            self.damaged(data)

    def test_other_files(self):
        """Text, PEM, a certificate and a huge length are refused."""
        for data in (
            b"-----BEGIN CERTIFICATE-----\n",
            bytes(5000),
            roots.EC_ROOT,
            b"\x30\x83\xff\xff\xff",
        ):
            self.damaged(data)
        self.damaged(b"\x30\x83\xff\xff\xff" + bytes(2000))

    def test_digest(self):
        """The digest has to be the body's SHA-256, in an OCTET STRING of 32 bytes."""
        parts = (
            integer(1),
            integer(7),
            moment(BUILT),
            moment(END),
            sequence(sequence(integer(0x12), _EC)),
        )
        self.assertEqual(self.open(sealed(*parts)).version, 7)
        self.assertIn("SHA-256", self.damaged(sealed(*parts, digest=bytes(32))).detail)
        self.damaged(sealed(*parts, digest=bytes(31)))
        self.damaged(sealed(*parts, digest=bytes(33)))
        body = sequence(*parts)
        self.damaged(sealed(*parts, digest=hashlib.sha256(body).digest() + b"\x00"))
        self.damaged(sequence(body))
        self.damaged(sequence(body, element(0x03, bytes(32))))

    def test_fields(self):
        """A sealed bundle with another format, or with fields of another kind, is refused."""
        entry = sequence(sequence(integer(0x12), _EC))
        for parts in (
            (integer(0), integer(7), moment(BUILT), moment(END), entry),
            (integer(2), integer(7), moment(BUILT), moment(END), entry),
            (element(0x02, b"\xff"), integer(7), moment(BUILT), moment(END), entry),
            (integer(1), element(0x02, b"\x80"), moment(BUILT), moment(END), entry),
            (integer(1), integer(1 << 500), moment(BUILT), moment(END), entry),
            (integer(1), integer(7), moment(BUILT), entry),
            (integer(1), integer(7), moment(BUILT), moment("2099123123595"), entry),
            (integer(1), integer(7), integer(1), integer(2), entry),
            (integer(1), integer(7), moment(BUILT), moment(END)),
            (integer(1), integer(7), moment(BUILT), moment(END), sequence()),
            (integer(1), integer(7), moment(BUILT), moment(END), entry, entry),
            (integer(1), integer(7), moment(BUILT), moment(END), entry, b"\x05\x00"),
            (integer(1), integer(7), moment(BUILT), moment(END), element(0x31, entry)),
            (integer(1),),
        ):
            self.damaged(sealed(*parts))

    def test_entries(self):
        """A sealed bundle in which an entry is no use and certificate is refused."""
        for entry in (
            integer(5),
            sequence(),
            sequence(integer(0x12)),
            sequence(_EC),
            sequence(integer(0x12), integer(5)),
            sequence(integer(0x12), _EC, _EC),
            sequence(integer(0x12), _EC, b"\x00"),
            sequence(element(0x02, b"\x00\x12"), _EC),
            sequence(element(0x02, b"\x92"), _EC),
            sequence(integer(0x112), _EC),
            sequence(element(0x02), _EC),
            sequence(integer(0x12), _EC[:-1]),
            sequence(_EC, integer(0x12)),
            sequence(integer(0x12), _EC)[:-1],  # It claims a byte of what comes after the list.
            b"\x30",
            b"\x30\x82",
            b"\x00",
        ):
            for entries in (entry, sequence(integer(0x12), _EC) + entry):
                self.damaged(
                    sealed(integer(1), integer(7), moment(BUILT), moment(END), sequence(entries))
                )

    def test_uses(self):
        """A use needs a leaf key type and a role, and no bit without a meaning."""
        path = write(self, b"")
        for use in paced(range(128)):
            with open(path, "wb") as file:
                file.write(bundle((use, _EC)))
            if use & 3 and use & 0x70 and not use & 0x0C:
                self.assertEqual(Bundle(path).uses, bytes([use]))
            else:
                refusal(self, BundleError, "bundle_damaged", Bundle, path)


class TestInForce(unittest.TestCase):
    def setUp(self):
        before = sys.path[:]
        self.addCleanup(sys.path.extend, before)
        self.addCleanup(sys.path.clear)
        sys.path.clear()

    def place(self, **bundles):
        """Put these bundles, name to version or bytes, into a new folder of the path."""
        place = unused_path()
        for folder in (place, place + "/ats_trust"):
            os.mkdir(folder)
            self.addCleanup(os.rmdir, folder)
        for name in bundles:
            data = bundles[name]
            data = bundle((0x12, _EC), version=data) if isinstance(data, int) else data
            write(self, data, place + "/ats_trust/" + name + ".bin")
        sys.path.append(place)
        return place

    def test_highest_version(self):
        """The highest version is in force; of equal ones the field's, then the board's."""
        cases = (
            (7, 7, 7, "roots_field"),
            (7, 7, None, "roots_board"),
            (8, 8, 7, "roots_board"),
            (8, None, 7, "roots"),
            (7, None, 8, "roots_field"),
        )
        others = (
            (7, None, None, "roots"),
            (None, 7, None, "roots_board"),
            (None, None, 7, "roots_field"),
            (7, None, 7, "roots_field"),
            (None, 7, 7, "roots_field"),
            (8, 7, 7, "roots"),
            (7, 8, 7, "roots_board"),
            (9, 7, 8, "roots"),
            (2**63 - 1, None, 2**63 - 2, "roots"),
            (0, None, 0, "roots_field"),
        )
        for library, board, field, name in cases + tuple(paced(others)):
            there = {"roots": library, "roots_board": board, "roots_field": field}
            there = {key: there[key] for key in there if there[key] is not None}
            with self.subTest(there=there):
                sys.path.clear()
                path = self.place(**there) + "/ats_trust/" + name + ".bin"
                found = Bundle()
                self.assertEqual((found.path, found.version), (path, there[name]))
                self.assertEqual(found.uses, b"\x12")
                self.assertEqual(found.find(_key(_EC), ROLE_ATS), [_EC])

    def test_nothing_of_those_passed_over(self):
        """What is said of the one in force is its own, also where an older one was read later."""
        old = bundle((0x13, _RSA), version=6, built="20200101000000")
        place = self.place(roots=bundle((0x12, _EC)), roots_field=old)
        found = Bundle()
        self.assertEqual(found.path, place + "/ats_trust/roots.bin")
        self.assertEqual((found.version, found.built_at, found.uses), (7, BUILT, b"\x12"))

    def test_along_the_path(self):
        """Each is the first of its name in the path, in whatever folder that is."""
        first = self.place(roots_field=8)
        self.place(roots=7, roots_field=9)
        found = Bundle()
        self.assertEqual((found.path, found.version), (first + "/ats_trust/roots_field.bin", 8))

    def test_none_is_passed_over_for_damage(self):
        """A damaged one is an error, whichever it is and whatever the others are."""
        for name in ("roots", "roots_board", "roots_field"):
            for data in paced((bundle((0x12, _EC), version=1)[:-1], b"", b"0")):
                there = {"roots": 7, "roots_board": 7, "roots_field": 7}
                there[name] = data
                sys.path.clear()
                path = self.place(**there) + "/ats_trust/" + name + ".bin"
                error = refusal(self, BundleError, "bundle_damaged", Bundle)
                self.assertIn(path, error.detail)

    def test_named(self):
        """A bundle that is named is taken as it is, and no other is looked at."""
        self.place(roots=b"0", roots_field=99)
        path = write(self, bundle((0x12, _EC)))
        self.assertEqual((Bundle(path).path, Bundle(path).version), (path, 7))
        refusal(self, BundleError, "bundle_missing", Bundle, "/no/such/roots.bin")

    def test_missing(self):
        """Without any bundle on the path the error says what was looked for."""
        sys.path.append("/no/such/folder")
        for path in (None, ""):
            error = refusal(self, BundleError, "bundle_missing", Bundle, path)
            self.assertIn("ats_trust/roots.bin", error.detail)


if __name__ == "__main__":
    unittest.main()
