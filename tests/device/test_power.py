"""Power cuts: at each write and erase, a board has one whole bundle in force, old or new."""

import unittest

from _field import EC, RSA
from _power import PoweredField
from _signed import ENDPOINT, signed_bundle

from ats_trust import update
from ats_trust.bundle import Bundle
from ats_trust.endpoint import ROLE_ATS
from ats_trust.errors import PeerRejected, TrustError
from ats_trust.slots import FAILURES, PATIENCE, Attempt

_REFUSED = PeerRejected("unknown_issuer")


class _Cuts(PoweredField):
    """cut: make `action` with the power failing at each of its operations in turn."""

    on_board = False

    def setUp(self):
        super().setUp()
        self.base((0x12, EC))

    def cut(self, prepare, action, versions):
        """Check that after each cut one of `versions` is in force and connects.

        prepare: brings the board into the state before, from the one with the base alone.
        """
        cuts = 0
        fresh = self.snapshot()
        for torn in (False, True):
            for number in range(1000):
                self.restore(fresh)
                prepare()
                self.power.on()
                self.power.left = number
                self.power.torn = torn
                try:
                    action()
                except (OSError, TrustError):
                    pass
                done = not self.power.failed
                self.reboot()
                self.check(versions[-1:] if done else versions)
                if done:
                    break
                cuts += 1
        self.assertGreater(cuts, 3)

    def check(self, versions):
        version = update.status()["version"]
        self.assertIn(version, versions)
        self.assertEqual(Bundle().version, version)
        attempt = Attempt(ENDPOINT, ROLE_ATS)
        self.assertIn(Bundle(*attempt.bundle).version, versions)
        attempt.begin()
        attempt.end()
        # The same update again, if it is not there, and one after it.
        if version == 1 and 1 in versions and update.status()["floor"] == 1:
            self.install(8)
        self.install(20)
        self.assertEqual(Bundle().version, 20)

    def install(self, version=8, **fields):
        update.install(signed_bundle((0x12, EC), (0x11, RSA), version=version, **fields))

    def connect(self, outcome=None):
        attempt = Attempt(ENDPOINT, ROLE_ATS)
        attempt.begin()
        attempt.end(outcome)


class _Case:
    def test_first_install(self):
        """The very first update."""
        self.cut(lambda: None, self.install, (1, 8))

    def test_later_install(self):
        """An update of one that came as an update."""

        def prepare():
            self.install(5)
            self.connect()

        self.cut(prepare, self.install, (5, 8))

    def test_install_in_place_of_pending(self):
        """An update that takes the place of one that is not proved."""

        def prepare():
            self.install(5)
            self.connect()
            self.install(6)

        self.cut(prepare, self.install, (6, 8))

    def test_install_in_place_of_final(self):
        """An update that takes the place of one that distrusts what was there."""

        def prepare():
            self.install(5)
            self.connect()
            update.install(signed_bundle((0x11, RSA), version=6, distrust=True))

        self.cut(prepare, self.install, (6, 8))

    def test_confirm(self):
        """The connection that proves an update."""
        self.cut(self.install, self.connect, (8,))

    def test_failure(self):
        """A connection that is refused."""
        self.cut(self.install, lambda: self.connect(_REFUSED), (8,))

    def test_revert(self):
        """The connection with which a board goes back."""

        def prepare():
            self.install()
            for _ in range(FAILURES):
                self.connect(_REFUSED)
            self.clock.now += PATIENCE

        self.cut(prepare, self.connect, (8, 1))

    def test_refused(self):
        """An update that is refused."""
        data = signed_bundle((0x12, EC), version=8)[:-1]
        self.cut(lambda: None, lambda: update.install(data + b"\1"), (1,))


class TestLittleFS(_Case, _Cuts):
    """On LittleFS 2, the file system of most boards."""


class TestFAT(_Case, _Cuts):
    """On FAT, where a file that is being written is lost in a power cut."""

    kind = "VfsFat"


if __name__ == "__main__":
    unittest.main()
