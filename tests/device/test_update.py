"""Installing an update: what is refused, with which code, and that it leaves no trace."""

import io
import unittest

import data_roots as roots
from _field import EC, RSA, Field
from _made import bundle, element, refusal, sealed, sequence, trimmed
from _signed import ENDPOINT, key, signed, signed_body, signed_bundle

from ats_trust import preflight, update
from ats_trust.bundle import Bundle
from ats_trust.endpoint import ROLE_ATS
from ats_trust.errors import BundleError, ClockError, HeapError, PeerRejected, UpdateError
from ats_trust.slots import SLOTS, Attempt, State, discard

_NEW = ((0x12, EC), (0x11, RSA))


class _Case(Field):
    on_board = False

    def setUp(self):
        super().setUp()
        self.base()

    def refused(self, code, source, kind=UpdateError):
        """Check that it is refused with this code, and that no file has changed."""
        before = self.files()
        error = refusal(self, kind, code, update.install, source)
        self.assertEqual(self.files(), before)
        self.assertTrue(error.remedy, code)
        return error


class TestGood(_Case):
    def test_installed(self):
        """A good one is pending afterwards, and in force; what was there is kept."""
        self.assertEqual(update.install(signed_bundle(*_NEW)), 8)
        found = update.status()
        self.assertEqual((found["version"], found["pending"], found["kept"]), (8, 8, 1))
        self.assertEqual(found["path"], self.folder + "roots_slot0.bin")
        self.assertEqual(found["waiting"], [ENDPOINT])
        self.assertEqual(found["proved"], [])
        self.assertEqual(found["last"], "")
        self.assertEqual(found["digest"], Field.digest(signed_bundle(*_NEW)))
        self.assertNotEqual(found["kept_digest"], found["digest"])
        self.assertEqual(found["signers"], [key(n).id.hex() for n in (1, 2)])
        self.assertEqual(Bundle().version, 8)
        self.assertEqual(Bundle().uses, b"\x12\x11")

    def test_sources(self):
        """Bytes, a path, an open file, a stream and pieces of any size all install the same."""
        data = signed_bundle(*_NEW)
        self.put("arrived", data)
        path = self.folder + "arrived"
        sizes = (1, 3, 255, 4000)
        sources = [data, bytearray(data), memoryview(data), path, io.BytesIO(data)]
        sources += [[data[i : i + n] for i in range(0, len(data), n)] for n in sizes]
        sources.append(iter([b"", data[:2], b"", data[2:], b""]))
        for source in sources:
            self.assertEqual(update.install(source), 8)
            self.assertEqual(self.files()["roots_slot0.bin"], data)
            for name in self.files():
                if name.startswith("update_") or name.startswith("roots_slot"):
                    discard(self.folder + name)
        with open(path, "rb") as file:
            self.assertEqual(update.install(file), 8)

    def test_largest(self):
        """A file of the largest size is installed."""
        size = len(signed_bundle((0x12, EC), (0x42, sequence(bytes(7000)))))
        for spare in range(-3, 4):  # A signature is now a byte shorter, now longer.
            filler = sequence(bytes(7000 + 8192 - size - spare))
            data = signed_bundle((0x12, EC), (0x42, filler))
            if len(data) == 8192:
                break
        self.assertEqual(len(data), 8192)
        update.install(data)
        self.assertEqual(Bundle().version, 8)


class TestSigners(_Case):
    on_board = True

    def test_either_signer(self):
        """Either key that the kept bundle names may sign, and replace the other one."""
        update.install(signed_bundle(*_NEW, key=key(2), signers=(key(3).point, key(2).point)))
        self.assertEqual(update.status()["signers"], [key(n).id.hex() for n in (3, 2)])

    def test_next_signer(self):
        """A key that an update brought may sign what replaces it, before that is proved too."""
        update.install(signed_bundle(*_NEW, signers=(key(1).point, key(3).point)))
        signers = (key(3).point, key(4).point)
        update.install(signed_bundle(*_NEW, version=9, key=key(3), signers=signers))
        self.assertEqual(update.status()["pending"], 9)


class TestRefused(_Case):
    def test_unsigned(self):
        """A bundle without signature is refused, however new."""
        self.refused("update_unsigned", bundle((0x12, EC), version=99))

    def test_unknown_signer(self):
        """One that is signed by a key that the kept bundle does not name is refused."""
        stranger = key(3)
        signers = (stranger.point, key(1).point)
        error = self.refused(
            "update_unknown_signer", signed_bundle(*_NEW, key=stranger, signers=signers)
        )
        self.assertEqual(error.detail, stranger.id.hex())

    def test_signer_leaves_itself_out(self):
        """One whose own signer is not among those that it names is refused."""
        signers = (key(3).point, key(2).point)
        self.refused("update_unknown_signer", signed_bundle(*_NEW, signers=signers))

    def test_forged(self):
        """A signature by another key under the name of a signer is refused."""
        body = signed_body(*_NEW)
        self.refused("update_bad_signature", signed(body, key(1), key(3).sign(body)))

    def test_signature_of_another(self):
        """The signature of another good bundle is refused."""
        other = key(1).sign(signed_body(*_NEW, version=9))
        self.refused("update_bad_signature", signed(signed_body(*_NEW), key(1), other))

    def test_older(self):
        """A lower version, and the same one, are refused."""
        self.refused("update_older", signed_bundle(*_NEW, version=0))
        error = self.refused("update_older", signed_bundle(*_NEW, version=1))
        self.assertEqual(error.detail, "version 1, and 1 has been installed")

    def test_replay(self):
        """What was installed before is refused, whether it is pending or was replaced."""
        eight = signed_bundle(*_NEW)
        update.install(eight)
        self.refused("update_older", eight)
        update.install(signed_bundle(*_NEW, version=9))
        self.refused("update_older", eight)

    def test_expired(self):
        """One that came after its time is refused."""
        self.refused("update_expired", signed_bundle(*_NEW, expires="20260201000000"))
        self.refused("update_expired", signed_bundle(*_NEW, end="20260201000000"))

    def test_early(self):
        """One that was built after what the clock shows is refused."""
        self.refused("update_early", signed_bundle(*_NEW, built="20980101000000"))

    def test_useless(self):
        """One without an anchor for an endpoint that it lists is refused."""
        data = signed_bundle((0x42, EC))
        self.refused("bundle_useless", data, BundleError)

    def test_endpoints(self):
        """An endpoint that is none, or is not in lower case, or is listed twice, is refused."""
        for names in ((), ("10.0.0.1",), ("A.example",), ("a.example", "a.example"), ("a",) * 5):
            self.refused("update_damaged", signed_bundle(*_NEW, endpoints=names))

    def test_signers(self):
        """Fewer or more than two signers, or points of another size, are refused."""
        one = key(1).point
        other = key(2).point
        for signers in (
            (one,),
            (one, other, key(3).point),
            (one, other, one),
            (one, one),
            (one, other[:64]),
            (one, other + b"\0"),
        ):
            self.refused("update_damaged", signed_bundle(*_NEW, signers=signers))

    def test_formats(self):
        """The second format without terms, the first one with them, and a third are refused."""
        body = signed_body(*_NEW, number=1)
        self.refused("update_damaged", signed(body, key(1)))
        self.refused("update_damaged", signed(signed_body(*_NEW, number=3), key(1)))
        self.refused("update_damaged", bundle((0x12, EC), number=2))

    def test_signature_forms(self):
        """A signature that is no DER, or has something behind it, is refused."""
        body = signed_body(*_NEW)
        good = key(1).sign(body)
        for value in (b"\0", b"\x30\x00", good[:-1], good + b"\0", element(0x31, good[2:])):
            self.refused("update_bad_signature", signed(body, key(1), value))
        digest = sealed(body[4:])[-34:]
        self.assertEqual(len(digest), 34)
        self.refused("update_damaged", element(0x30, body, digest))

    def test_no_signers(self):
        """Where the kept bundle names nobody, there is no update."""
        self.put("roots_field.bin", bundle((0x12, EC), version=1))
        error = self.refused("update_no_signers", signed_bundle(*_NEW))
        self.assertTrue(error.detail.endswith(".bin"))

    def test_not_a_bundle(self):
        """Nothing at all, a text and other DER are refused."""
        for data in (b"", b"\x30", b"<html>not found</html>", element(0x04, bytes(200))):
            self.refused("update_damaged", data)
        self.refused("update_damaged", [])

    def test_too_large(self):
        """One that says that it is larger than 8,192 bytes is refused by its first bytes."""
        self.refused("update_damaged", b"\x30\x82\x20\x00" + bytes(9000))
        self.refused("update_damaged", b"\x30\x83\x01\x00\x00" + bytes(9000))

    def test_clock(self):
        """Without a plausible clock there is no update."""
        time = preflight.time

        class Past:
            gmtime = staticmethod(lambda: (2021, 1, 1, 0, 0, 0, 4, 1))

        preflight.time = Past
        try:
            self.refused("clock_wrong", signed_bundle(*_NEW), ClockError)
        finally:
            preflight.time = time

    def test_source_fails(self):
        """An OSError of the source comes through as it is, and nothing has changed."""
        data = signed_bundle(*_NEW)

        def broken():
            yield data[:700]
            raise OSError(104)

        before = self.files()
        try:
            update.install(broken())
            self.fail("no OSError")
        except OSError as error:
            self.assertEqual(error.args[0], 104)
        self.assertEqual(self.files(), before)
        update.install(data)

    def test_no_memory(self):
        """A shortage of memory is called so, and nothing has changed."""
        data = signed_bundle(*_NEW)

        def starved():
            yield data[:700]
            raise MemoryError

        self.refused("heap", starved(), HeapError)

    def test_two_at_once(self):
        """Another one, while one is being installed, is refused; the first is installed."""
        data = signed_bundle(*_NEW)
        codes = []

        def pieces():
            yield data[:700]
            try:
                update.install(signed_bundle(*_NEW, version=9))
            except UpdateError as error:
                codes.append(error.code)
            yield data[700:]

        self.assertEqual(update.install(pieces()), 8)
        self.assertEqual(codes, ["update_busy"])
        self.assertEqual(update.status()["pending"], 8)

    def test_source_connects(self):
        """A source that makes connections meanwhile neither loses them nor the update."""
        update.install(signed_bundle(*_NEW))
        nine = signed_bundle(*_NEW, version=9)
        for outcome in (None, OSError(104), PeerRejected("unknown_issuer")):
            self.restore_eight()

            def pieces(outcome=outcome):
                yield nine[:500]
                attempt = Attempt(ENDPOINT, ROLE_ATS)
                attempt.begin()
                attempt.end(outcome)
                yield nine[500:]

            update.install(pieces())
            found = update.status()
            self.assertEqual((found["version"], found["pending"]), (9, 9))
            self.assertEqual(found["kept"], 1 if outcome else 8)

    def restore_eight(self):
        """The board with version 8 pending."""
        for name in self.files():
            if name != "roots_field.bin":
                discard(self.folder + name)
        update.install(signed_bundle(*_NEW))

    def test_signer_replaced_meanwhile(self):
        """What counts are the signers at the end: an update may be confirmed meanwhile."""
        self.restore_eight()
        update.install(
            signed_bundle(
                *_NEW, version=9, distrust=True, key=key(2), signers=(key(2).point, key(3).point)
            )
        )
        ten = signed_bundle(*_NEW, version=10)

        def pieces():
            yield ten[:500]
            attempt = Attempt(ENDPOINT, ROLE_ATS)
            attempt.begin()
            attempt.end()
            yield ten[500:]

        refusal(self, UpdateError, "update_unknown_signer", update.install, pieces())

    def test_open_stream(self):
        """A stream is read up to the bundle's end, and no further."""
        data = signed_bundle(*_NEW)

        class Open(io.BytesIO):
            def readinto(self, buffer):
                count = super().readinto(buffer)
                if not count:
                    raise OSError(110)
                return count

        self.assertEqual(update.install(Open(data + b"what comes next")), 8)

    def test_superseded_by_cable(self):
        """What is refused deletes nothing that an older state names, either."""
        update.install(signed_bundle(*_NEW))
        self.base(version=20)
        self.refused("update_older", signed_bundle(*_NEW))

    def test_interrupted(self):
        """An interrupt while it is written leaves nothing; one after that leaves it installed."""
        data = signed_bundle(*_NEW)

        def interrupted():
            yield data[:500]
            raise KeyboardInterrupt

        before = self.files()
        with self.assertRaises(KeyboardInterrupt):
            update.install(interrupted())
        self.assertEqual(self.files(), before)
        sweep = State.sweep

        def late(state):
            raise KeyboardInterrupt

        State.sweep = late
        try:
            with self.assertRaises(KeyboardInterrupt):
                update.install(data)
        finally:
            State.sweep = sweep
        self.assertEqual(update.status()["pending"], 8)

    def test_full(self):
        """A file system without room is told of before anything is written."""
        self.blocks(2)
        error = self.refused("update_full", signed_bundle(*_NEW))
        self.assertEqual(error.detail, "8192 bytes are free")

    def test_full_of_what_a_power_cut_left(self):
        """An update that was not written to its end takes no room from the next one."""
        self.put("roots_slot0.bin", signed_bundle(*_NEW)[:700])
        self.blocks(3)
        self.assertEqual(update.install(signed_bundle(*_NEW)), 8)

    def blocks(self, count):
        """Let the file system have so many blocks of 4 KB that are free, or a slot's."""
        import os as real

        class Small:
            remove = staticmethod(real.remove)

            @staticmethod
            def statvfs(path):
                used = len([name for name in self.files() if name.startswith("roots_slot")])
                return (4096, 4096, 8, count - used, count - used, 0, 0, 0, 0, 255)

        self.addCleanup(setattr, update, "os", update.os)
        update.os = Small


class TestDamage(_Case):
    def test_every_byte(self):
        """Each byte of a signed bundle, flipped, is noticed; nothing has changed."""
        data = signed_bundle((0x12, EC))
        codes = set()
        for at in range(len(data)):
            for flip in (0x01, 0x80):
                damaged = bytearray(data)
                damaged[at] ^= flip
                before = self.files()
                try:
                    update.install(damaged)
                    self.fail("byte %d was flipped" % at)
                except UpdateError as error:
                    codes.add(error.code)
                self.assertEqual(self.files(), before)
        self.assertTrue(
            codes <= {"update_damaged", "update_unknown_signer", "update_bad_signature"}, codes
        )

    def test_every_truncation(self):
        """Cut off anywhere, or with a byte more, it is refused."""
        data = signed_bundle((0x12, EC))
        for size in range(len(data)):
            self.refused("update_damaged", data[:size])
        self.refused("update_damaged", data + b"\0")

    def test_pieces_in_wrong_order(self):
        """Pieces that come in another order, twice, or not at all are refused."""
        data = signed_bundle(*_NEW)
        n = 256
        pieces = [data[i : i + n] for i in range(0, len(data), n)]
        for i in range(len(pieces) - 1):
            wrong = pieces[:]
            wrong[i], wrong[i + 1] = wrong[i + 1], wrong[i]
            self.refused("update_damaged", wrong)
            self.refused("update_damaged", pieces[:i] + pieces[i + 1 :])
            self.refused("update_damaged", pieces[: i + 1] + pieces[i:])


class TestWhichIsInForce(Field):
    on_board = False

    def test_signed_first(self):
        """A bundle that names signers is in force before a newer one that does not."""
        self.base(version=5)
        self.put("roots_board.bin", bundle((0x12, EC), version=2**62))
        self.assertEqual(Bundle().version, 5)

    def test_newer_by_cable(self):
        """A newer signed bundle that came by cable takes the place of all updates."""
        self.base()
        update.install(signed_bundle(*_NEW))
        self.base(version=20)
        found = update.status()
        self.assertEqual((found["version"], found["pending"], found["kept"]), (20, None, 20))
        update.install(signed_bundle(*_NEW, version=21))
        self.assertEqual(update.status()["pending"], 21)
        names = [name for name in self.files() if name.startswith("roots_slot")]
        self.assertEqual(len(names), 1)

    def test_older_by_cable(self):
        """An older one by cable changes nothing for an update that is newer."""
        self.base()
        update.install(signed_bundle(*_NEW))
        self.base(version=3)
        self.assertEqual(Bundle().version, 8)

    def test_state_damaged(self):
        """If neither file of the state is whole, nothing is in force."""
        self.base()
        update.install(signed_bundle(*_NEW))
        self.put("update_state0.bin", b"")
        self.assertEqual(Bundle().version, 1)
        self.put("update_state1.bin", b"x" * 86)
        refusal(self, BundleError, "bundle_damaged", Bundle)
        refusal(self, BundleError, "bundle_damaged", update.status)

    def test_every_byte_of_a_state(self):
        """A state with a flipped byte does not count; the one before does."""
        self.base()
        update.install(signed_bundle(*_NEW))
        whole = self.files()["update_state0.bin"]
        for at in range(len(whole)):
            damaged = bytearray(whole)
            damaged[at] ^= 1
            self.put("update_state0.bin", damaged)
            self.assertEqual(State().pending, SLOTS)
        self.put("update_state0.bin", whole)
        self.assertEqual(State().pending, 0)

    def test_three_at_a_time(self):
        """One that replaces an update that is not proved leaves the kept one alone."""
        self.base()
        update.install(signed_bundle(*_NEW))
        update.install(signed_bundle(*_NEW, version=9))
        found = update.status()
        self.assertEqual((found["pending"], found["kept"]), (9, 1))
        self.assertNotIn("roots_slot0.bin", self.files())

    def test_p384_anchor(self):
        """The anchors' own keys are no matter of the signature."""
        self.base()
        update.install(signed_bundle((0x12, trimmed(roots.P384))))
        self.assertEqual(Bundle().version, 8)


if __name__ == "__main__":
    unittest.main()
