"""The clock: plausible or not, and set by NTP only to a plausible time."""

import sys
import unittest

from _field import EC, RSA, Field
from _made import bundle, refusal, trimmed, write
from _ntp import Port, seconds
from _signed import signed_bundle
from data_roots import EC_ROOT

from ats_trust import clock, update
from ats_trust.bundle import Bundle
from ats_trust.errors import BundleError, ClockError


class TestSetClock(unittest.TestCase):
    def setUp(self):
        self.path = write(self, bundle((0x12, trimmed(EC_ROOT))))

    def test_sets(self):
        """A plausible answer sets the clock, with weekday Monday = 1, and is returned."""
        port = Port(self, seconds(2030, 6, 3) + 3661)
        self.assertEqual(clock.set_clock(bundle=self.path), "20300603010101")
        self.assertEqual(port.set_to, [(2030, 6, 3, 1, 1, 1, 1, 0)])
        self.assertEqual(port.host, "pool.example")

    def test_host(self):
        """The server that is asked can be given."""
        port = Port(self, seconds(2030, 6, 3))
        clock.set_clock(host="time.test.example", bundle=self.path)
        self.assertEqual(port.host, "time.test.example")

    def test_implausible_answer(self):
        """An answer before the bundle was built, or after its end, leaves the clock alone."""
        for day in ((2025, 12, 31), (2000, 1, 1), (2100, 1, 1)):
            port = Port(self, seconds(*day))
            refusal(self, ClockError, "clock_wrong", clock.set_clock, bundle=self.path)
            self.assertEqual(port.set_to, [])

    def test_tries(self):
        """Two answers may be lost; the third loss is the network's OSError."""
        port = Port(self, OSError(110), OSError(110), seconds(2030, 6, 3))
        self.assertEqual(clock.set_clock(bundle=self.path), "20300603000000")
        port = Port(self, OSError(110), OSError(110), OSError(113), seconds(2030, 6, 3))
        with self.assertRaises(OSError) as caught:
            clock.set_clock(bundle=self.path)
        self.assertEqual(caught.exception.args[0], 113)
        self.assertEqual((port.set_to, len(port.answers)), ([], 1))

    def test_clock_that_does_not_keep_the_time(self):
        """A clock that shows something else after it was set is not believed."""
        port = Port(self, seconds(2030, 6, 3))
        port.datetime = lambda parts: setattr(port, "shown", "20000101000000")
        refusal(self, ClockError, "clock_wrong", clock.set_clock, bundle=self.path)

    def test_damaged_bundle(self):
        """Without a good bundle there are no bounds: nobody is asked and nothing is set."""
        port = Port(self, seconds(2030, 6, 3))
        path = write(self, b"\x30\x00")
        refusal(self, BundleError, "bundle_damaged", clock.set_clock, bundle=path)
        self.assertEqual((port.set_to, len(port.answers)), ([], 1))

    def test_port_without_a_clock(self):
        """Where no clock can be set, a plausible one is enough and a wrong one is refused."""
        port = Port(self)
        del sys.modules["ntptime"]
        port.shown = "20300601120000"
        self.assertEqual(clock.set_clock(bundle=self.path), port.shown)
        port.shown = "20000101000000"
        error = refusal(self, ClockError, "clock_wrong", clock.set_clock, bundle=self.path)
        self.assertIn("this port can not set it", error.detail)
        self.assertEqual(port.set_to, [])


class TestUpdateThatHasEnded(Field):
    on_board = False

    def test_it_is_passed_over(self):
        """With an update that ended before it was proved, the clock can be set all the same."""
        self.base((0x12, EC), end="20380101000000")
        port = Port(self, seconds(2026, 6, 3), seconds(2030, 6, 3), seconds(2039, 6, 3))
        port.shown = "20260601000000"
        update.install(signed_bundle((0x12, EC), (0x11, RSA), end="20270201000000"))
        port.shown = "20210101000000"  # As at power on.
        self.assertEqual(clock.set_clock(), "20260603000000")
        self.assertEqual(Bundle().version, 8)
        port.shown = "20210101000000"
        self.assertEqual(clock.set_clock(), "20300603000000")
        self.assertEqual(Bundle().version, 1)
        # A bundle that is named has its own bounds.
        path = write(self, bundle((0x12, EC), end="20280101000000"))
        refusal(self, ClockError, "clock_wrong", clock.set_clock, bundle=path)
        port.answers.insert(0, seconds(2039, 6, 3))
        # Not beyond the end of the other one.
        port.shown = "20210101000000"
        refusal(self, ClockError, "clock_wrong", clock.set_clock)
        self.assertEqual(port.shown, "20210101000000")


if __name__ == "__main__":
    unittest.main()
