"""The states of an update, and what each event makes of them: the table of docs/rotation.md."""

import hashlib
import os
import unittest

import data_chains as chains
from _field import EC, RSA, Field
from _made import refusal
from _signed import ENDPOINT, key, signed_bundle

from ats_trust import preflight, slots, update
from ats_trust.bundle import Bundle, name_keys
from ats_trust.endpoint import ROLE_ATS
from ats_trust.errors import BundleError, ClientRefused, ClockError, HeapError, PeerRejected
from ats_trust.slots import FAILURES, PATIENCE, Attempt, State

OTHER = "def-ats.iot.eu-west-1.amazonaws.com"
REFUSED = PeerRejected("unknown_issuer")
NETWORK = OSError(104)
BOTH = ((0x12, EC), (0x11, RSA))


class _Case(Field):
    on_board = False

    def setUp(self):
        super().setUp()
        self.base()

    def install(self, *anchors, **fields):
        update.install(signed_bundle(*(anchors or BOTH), **fields))

    def install_in_january(self, *anchors, **fields):
        """The same on 2026-01-15, by the board's clock."""
        stamp = preflight.stamp
        preflight.stamp = lambda seconds=None: "20260115000000"
        try:
            self.install(*anchors, **fields)
        finally:
            preflight.stamp = stamp

    def attempt(self, host=ENDPOINT):
        """Begin an attempt; return it and the version of the bundle that it uses."""
        attempt = Attempt(host, ROLE_ATS)
        attempt.begin()
        return attempt, Bundle(*attempt.bundle).version

    def connect(self, outcome=None, host=ENDPOINT, chain=b""):
        """Make an attempt that ends so; return the version of the bundle that it used."""
        attempt, version = self.attempt(host)
        found = Bundle(*attempt.bundle).find(chain, ROLE_ATS)
        attempt.end(outcome, chain, [hashlib.sha256(anchor).digest() for anchor in found])
        return version

    def crash(self, host=ENDPOINT):
        """Make an attempt in which the board is reset."""
        return self.attempt(host)[1]

    def refuse(self):
        """Make as many failing attempts as it takes, and let the time pass."""
        for _ in range(FAILURES):
            self.assertEqual(self.connect(REFUSED), 8)
        self.clock.now += PATIENCE

    def check(self, version, pending, last, kept=None):
        found = update.status()
        self.assertEqual(
            (found["version"], found["pending"], found["last"]), (version, pending, last)
        )
        if kept is not None:
            self.assertEqual(found["kept"], kept)
        return found


class TestConfirm(_Case):
    def test_one_endpoint(self):
        """Once its endpoint was authenticated it is confirmed; it stays when the power goes."""
        self.install()
        self.assertEqual(self.connect(), 8)
        self.check(8, None, "confirmed", 8)
        self.assertEqual(self.connect(REFUSED), 8)
        self.check(8, None, "confirmed", 8)

    def test_every_endpoint(self):
        """It is confirmed when each endpoint was authenticated, in whatever order."""
        self.install(endpoints=(ENDPOINT, OTHER))
        self.connect(host=OTHER)
        self.connect(host=OTHER)
        found = self.check(8, 8, "", 1)
        self.assertEqual((found["proved"], found["waiting"]), ([OTHER], [ENDPOINT]))
        self.connect(NETWORK)
        self.connect(REFUSED)
        self.check(8, 8, "", 1)
        self.connect()
        self.check(8, None, "confirmed", 8)

    def test_old_one_is_deleted(self):
        """What it replaced is deleted then, and not before."""
        self.install()
        self.connect()
        self.install(version=9)
        self.assertIn("roots_slot0.bin", self.files())
        self.connect()
        names = [name for name in self.files() if name.startswith("roots_slot")]
        self.assertEqual(names, ["roots_slot1.bin"])
        self.check(9, None, "confirmed", 9)

    def test_other_hosts(self):
        """A host that it does not list gets the kept bundle, and proves nothing, until then."""
        self.install()
        self.assertEqual(self.connect(host="broker.example.com"), 1)
        for _ in range(2 * FAILURES):
            self.assertEqual(self.connect(REFUSED, "broker.example.com"), 1)
        found = self.check(8, 8, "")
        self.assertEqual(found["failures"], 0)
        self.connect()
        self.assertEqual(self.connect(host="broker.example.com"), 8)


class TestRevert(_Case):
    def test_after_failures_and_time(self):
        """After five failures and an hour the kept one is tried; if it does, it is back."""
        self.install()
        self.refuse()
        self.assertEqual(self.connect(), 1)
        found = self.check(1, None, "reverted", 1)
        self.assertEqual((found["floor"], found["reason"]), (8, "unknown_issuer"))
        self.assertNotIn("roots_slot0.bin", self.files())
        self.assertEqual(self.connect(), 1)

    def test_not_after_few(self):
        """Four failures, however long ago, are too few."""
        self.install()
        for _ in range(FAILURES - 1):
            self.connect(REFUSED)
            self.clock.now += PATIENCE
        self.assertEqual(self.connect(REFUSED), 8)
        self.check(8, 8, "")

    def test_not_at_once(self):
        """However many failures within an hour are too soon."""
        self.install()
        for _ in range(FAILURES * 3):
            self.assertEqual(self.connect(REFUSED), 8)
            self.clock.now += 200
        self.check(8, 8, "")

    def test_network_does_not_count(self):
        """Faults of the network never count, nor do they take back what did."""
        self.install()
        for _ in range(20):
            self.connect(NETWORK)
        self.assertEqual(update.status()["failures"], 0)
        self.connect(REFUSED)
        self.connect(NETWORK)
        self.assertEqual(update.status()["failures"], 1)

    def test_success_starts_anew(self):
        """A connection that is authenticated ends the count of its endpoint, and of no other."""
        self.install(endpoints=(ENDPOINT, OTHER, "c.example"))
        self.connect(REFUSED)
        self.connect(REFUSED, OTHER)
        self.connect()
        self.assertEqual(State().failures, [0, 1, 0, 0])

    def test_what_counts(self):
        """Refusals of either side, want of memory and crashes count."""
        self.install()
        for error in (ClientRefused("client_refused"), HeapError("heap"), MemoryError()):
            self.connect(error)
        self.assertEqual(update.status()["reason"], "heap")
        self.crash()
        self.assertEqual(update.status()["failures"], 4)

    def test_who_goes_on_trying(self):
        """After the fifth failure nothing is written any more but once an hour, whatever comes."""
        self.install()
        for _ in range(FAILURES):
            self.connect(REFUSED)
        before = self.files()
        for code in ("not_tls", "unknown_issuer") * 5:
            self.connect(PeerRejected(code))
        self.assertEqual(self.files(), before)

    def test_crash_loop(self):
        """A board that crashes in each attempt goes back, too."""
        self.install()
        for _ in range(FAILURES + 2):
            self.assertEqual(self.crash(), 8)
        self.clock.now += PATIENCE
        self.assertEqual(self.connect(), 1)
        self.check(1, None, "reverted")

    def test_captive_portal(self):
        """Where the kept one is refused too, nothing changes; in an hour it is tried again."""
        self.install()
        self.refuse()
        self.assertEqual(self.connect(REFUSED), 1)
        self.check(8, 8, "")
        for _ in range(9):
            self.assertEqual(self.connect(REFUSED), 8)
        self.clock.now += PATIENCE
        self.assertEqual(self.connect(REFUSED), 1)
        self.assertEqual(self.connect(), 8)
        self.check(8, None, "confirmed")

    def test_network_while_going_back(self):
        """A fault of the network in the attempt with the kept one decides nothing."""
        self.install()
        self.refuse()
        self.assertEqual(self.connect(NETWORK), 1)
        self.assertEqual(self.connect(REFUSED), 8)
        self.check(8, 8, "")
        self.clock.now += PATIENCE
        self.assertEqual(self.connect(), 1)
        self.check(1, None, "reverted")

    def test_crash_while_going_back(self):
        """A crash in the attempt with the kept one does not make it the next one as well."""
        self.install()
        self.refuse()
        self.assertEqual(self.crash(), 1)
        self.assertEqual(self.connect(REFUSED), 8)

    def test_same_endpoint(self):
        """The kept one has to do where the new one failed: elsewhere it is not tried."""
        self.install(endpoints=(ENDPOINT, OTHER))
        self.refuse()
        self.assertEqual(self.connect(host=OTHER), 8)
        self.check(8, 8, "")

    def test_clock_set_back(self):
        """A clock that was set back counts as time that has passed."""
        self.install()
        for _ in range(FAILURES):
            self.connect(REFUSED)
        self.clock.now -= 86400
        self.assertEqual(self.connect(), 1)
        self.check(1, None, "reverted")

    def test_forged_refusals(self):
        """If the kept one leads the server's chain to an anchor that both have, both are proved.

        So who is in the way, and forges refusals for hours before letting a connection through,
        can not take a good update away.
        """
        chain = name_keys(chains.LEAF) + name_keys(chains.EC_INT)
        self.base(*BOTH)
        self.install()
        self.refuse()
        self.assertEqual(self.connect(chain=chain), 1)
        self.check(8, None, "confirmed", 8)

    def test_forged_refusals_of_one(self):
        """The same with two endpoints: the other one has still to be proved."""
        chain = name_keys(chains.LEAF) + name_keys(chains.EC_INT)
        self.base(*BOTH)
        self.install(endpoints=(ENDPOINT, OTHER))
        self.refuse()
        self.assertEqual(self.connect(chain=chain), 1)
        found = self.check(8, 8, "", 1)
        self.assertEqual((found["proved"], found["failures"]), ([ENDPOINT], 0))

    def test_other_rights(self):
        """The same anchor proves nothing where it may not answer, or for other key types.

        Those are what is offered, and so decide which chain a server shows.
        """
        chain = name_keys(chains.LEAF) + name_keys(chains.EC_INT)
        others = (((0x42, EC), (0x11, RSA)), ((0x12, RSA),), ((0x11, EC),), BOTH)
        for version, anchors in enumerate(others, 8):
            self.install(*anchors, version=version)
            for _ in range(FAILURES):
                self.connect(REFUSED)
            self.clock.now += PATIENCE
            self.assertEqual(self.connect(chain=chain), 1)
            self.check(1, None, "reverted", 1)

    def test_no_way_back(self):
        """A kept one that has no root for the endpoint, or has ended, is not tried."""
        for fields in ({"end": "20260201000000"}, {}):
            use = 0x12 if fields else 0x42
            self.base((use, EC), **fields)
            for name in self.files():
                if name != "roots_field.bin":
                    os.remove(self.folder + name)
            self.install_in_january(built="20260101000000", end="20371231000000")
            self.refuse()
            self.assertEqual(self.connect(), 8)
            self.check(8, None, "confirmed")

    def test_ended_before_it_was_proved(self):
        """An update that has ended is not used, and the next one can be installed."""
        self.install_in_january(end="20260201000000")
        self.assertEqual(self.connect(), 1)
        self.assertEqual(self.connect(REFUSED), 1)
        self.assertEqual(update.status()["failures"], 0)
        # Nor does it stand in the way of a new context, or of the clock.
        self.assertEqual(Bundle(None, ENDPOINT).version, 1)
        self.assertEqual(Bundle().version, 1)
        self.assertEqual(self.check(1, 8, "", 1)["reason"], "clock_wrong")
        self.assertEqual(Bundle(now="20260115000000").version, 8)
        self.install(version=9)
        self.assertEqual(self.connect(), 9)

    def test_overlapping(self):
        """A fault of the network takes back what its own attempt counted, and no more."""
        self.install(endpoints=(ENDPOINT, OTHER))
        one, two = self.attempt()[0], self.attempt()[0]
        one.end()
        two.end(NETWORK)
        self.assertEqual(State().failures, [0, 0, 0, 0])

    def test_not_again(self):
        """What was gone back from is not installed again; a higher version is."""
        self.install()
        self.refuse()
        self.connect()
        error = refusal(self, update.UpdateError, "update_older", self.install)
        self.assertIn("8 has been installed", error.detail)
        self.install(version=9)
        self.check(9, 9, "", 1)

    def test_attempt_of_before(self):
        """An attempt that ends after another update came in says nothing of that."""
        self.install()
        attempt, _ = self.attempt()
        self.install(version=9)
        attempt.end()
        found = self.check(9, 9, "", 1)
        self.assertEqual((found["proved"], found["failures"]), ([], 0))

    def test_two_attempts_at_a_time(self):
        """Attempts that overlap are each counted once."""
        self.install(endpoints=(ENDPOINT, OTHER))
        one, two = self.attempt()[0], self.attempt(OTHER)[0]
        two.end(REFUSED)
        one.end(NETWORK)
        one.end(REFUSED)
        self.assertEqual(State().failures, [0, 1, 0, 0])


class TestDistrust(_Case):
    def setUp(self):
        Field.setUp(self)
        self.base(*BOTH)

    def test_anchor_left_out(self):
        """What left out an anchor and says distrust is not gone back from, nor passed over."""
        self.install((0x11, RSA), distrust=True)
        for _ in range(3):
            self.refuse()
        self.assertEqual(self.connect(REFUSED), 8)
        self.assertEqual(self.connect(host="broker.example.com"), 8)
        found = self.check(8, 8, "")
        self.assertIs(found["kept"], None)
        self.connect()
        self.check(8, None, "confirmed")

    def test_signer_left_out(self):
        """The same for a signer that it left out; and that one can sign no more."""
        self.install(distrust=True, signers=(key(2).point, key(3).point), key=key(2))
        self.refuse()
        self.assertEqual(self.connect(), 8)
        self.check(8, None, "confirmed")
        self.install(version=9, key=key(2))
        self.connect()
        self.install(version=10, distrust=True, signers=(key(2).point, key(4).point), key=key(2))
        one = key(1)
        stolen = signed_bundle(*BOTH, version=11, key=one, signers=(one.point, key(5).point))
        refusal(self, update.UpdateError, "update_unknown_signer", update.install, stolen)

    def test_nothing_left_out(self):
        """One that says distrust and left nothing out is gone back from as any other."""
        self.install(*BOTH, distrust=True)
        self.refuse()
        self.assertEqual(self.connect(), 1)
        self.check(1, None, "reverted")

    def test_fewer_rights(self):
        """An anchor with fewer rights is as good as one that was left out."""
        self.install((0x12, EC), (0x11, EC), distrust=True)
        self.refuse()
        self.assertEqual(self.connect(REFUSED), 8)

    def test_replaced_before_it_is_proved(self):
        """What replaces it goes back to it, and not to what it distrusts."""
        self.install((0x11, RSA), distrust=True)
        self.install(*BOTH, version=9)
        self.check(9, 9, "", 8)
        for _ in range(FAILURES):
            self.assertEqual(self.connect(REFUSED), 9)
        self.clock.now += PATIENCE
        self.assertEqual(self.connect(), 8)
        self.check(8, None, "reverted", 8)

    def test_ended(self):
        """If it has ended, it is still the only one, and so connects to nobody."""
        self.install_in_january((0x11, RSA), distrust=True, end="20260201000000")
        self.assertEqual(Bundle().version, 8)
        refusal(self, ClockError, "clock_wrong", Attempt, ENDPOINT, ROLE_ATS)

    def test_damaged(self):
        """If it is damaged, nothing is in force: damage does not bring back what it distrusts."""
        self.install((0x11, RSA), distrust=True)
        self.put("roots_slot0.bin", b"")
        refusal(self, BundleError, "bundle_damaged", Bundle)
        refusal(self, BundleError, "bundle_damaged", Attempt, ENDPOINT, ROLE_ATS)
        refusal(self, BundleError, "bundle_damaged", self.install)


class _Failing:
    """In a `with` block no file of `slots` opens of which `when` says so: OSError(number)."""

    def __init__(self, number, when):
        self._number = number
        self._when = when

    def __enter__(self):
        slots.open = self._open

    def __exit__(self, *_):
        del slots.open

    def _open(self, path, mode):
        if self._when(path, mode):
            raise OSError(self._number)
        return open(path, mode)


class TestFlash(_Case):
    def test_damaged_update(self):
        """An update that is damaged before it is proved is as if it had never come."""
        self.install()
        whole = self.files()["roots_slot0.bin"]
        self.put("roots_slot0.bin", b"damaged")
        self.assertEqual(Bundle().version, 1)
        self.assertEqual(self.connect(), 1)
        self.assertEqual(self.check(1, None, "reverted")["reason"], "bundle_damaged")
        self.install(version=9)
        self.check(9, 9, "", 1)
        # One that could not be read for a moment is there again.
        self.put("roots_slot1.bin", b"")
        self.put("roots_slot1.bin", signed_bundle(*BOTH, version=9))
        self.check(9, 9, "", 1)
        self.put("roots_slot1.bin", whole)
        self.check(1, None, "reverted")

    def test_another_in_its_place(self):
        """A file that was not installed is not believed in the place of one that was."""
        self.install()
        self.connect()
        self.put("roots_slot0.bin", signed_bundle(*BOTH, version=9))
        refusal(self, BundleError, "bundle_damaged", Bundle)
        refusal(self, BundleError, "bundle_damaged", self.install, version=10)

    def test_damaged_by_cable(self):
        """Damage to any bundle that came by cable is noticed, also when none of them counts."""
        self.put("roots.bin", signed_bundle((0x12, EC), version=1))
        self.install()
        self.connect()
        context = self.attempt()[0]._base
        self.put("roots.bin", b"damaged")
        refusal(self, BundleError, "bundle_damaged", Bundle)
        refusal(self, BundleError, "bundle_damaged", self.install, version=9)
        # A context that was made before goes on with what it found then.
        self.assertEqual(
            Attempt(ENDPOINT, ROLE_ATS, context).bundle[0], self.folder + "roots_slot0.bin"
        )

    def test_damaged_kept(self):
        """If the kept one is damaged the update is used all the same; going back is off."""
        self.install()
        self.refuse()
        self.put("roots_field.bin", b"damaged")
        refusal(self, BundleError, "bundle_damaged", Bundle)

    def test_damaged_kept_slot(self):
        """The same where the kept one came as an update."""
        self.install(version=7)
        self.connect()
        self.install()
        self.refuse()
        self.put("roots_slot0.bin", b"damaged")
        self.assertIs(update.status()["kept"], None)
        self.assertEqual(self.connect(), 8)
        self.check(8, None, "confirmed", 8)

    def test_full(self):
        """Where nothing can be recorded, connections are made all the same."""
        self.install()
        with _Failing(28, lambda path, mode: "w" in mode):
            self.assertEqual(self.connect(), 8)
            self.check(8, 8, "")
        self.assertEqual(self.connect(), 8)
        self.check(8, None, "confirmed")

    def test_full_while_failing(self):
        """Where the way back can not be recorded it is not taken: pending is tried on."""
        self.install()
        self.refuse()
        with _Failing(28, lambda path, mode: "w" in mode):
            for _ in range(3):
                self.assertEqual(self.connect(REFUSED), 8)
                self.assertEqual(self.connect(NETWORK), 8)
        self.assertEqual(State().failures[0], FAILURES)

    def test_unreadable_state(self):
        """A state that can not be read is no missing one: nothing is in force."""
        self.install()
        with _Failing(5, lambda path, mode: "update_state" in path):
            refusal(self, BundleError, "bundle_damaged", Bundle)
            refusal(self, BundleError, "bundle_damaged", self.install, version=9)
        self.check(8, 8, "", 1)

    def test_few_writes(self):
        """Once five failures are on flash, failing attempts write no more, but once an hour."""
        self.install()
        self.refuse()
        self.connect(REFUSED)
        before = self.files()
        for _ in range(20):
            self.connect(REFUSED)
            self.connect(NETWORK)
        self.assertEqual(self.files(), before)

    def test_state_stays_small(self):
        """A state takes 86 bytes, which LittleFS keeps in the folder itself."""
        self.install()
        self.assertEqual(os.stat(self.folder + "update_state0.bin")[6], 86)

    def test_first_state_fails(self):
        """If the very first state can not be written there is none, and no update."""
        before = self.files()
        for last in (1, 2):
            left = [last]

            def failing(path, mode, left=left):
                if "update_state" in path and "w" in mode:
                    left[0] -= 1
                    if not left[0]:
                        open(path, mode).close()
                        raise OSError(28)
                return open(path, mode)

            slots.open = failing
            try:
                refusal(self, update.UpdateError, "update_full", self.install)
            finally:
                del slots.open
            self.assertEqual(self.files(), before)
        self.install()


if __name__ == "__main__":
    unittest.main()
