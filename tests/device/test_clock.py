"""The clock: plausible or not, and set by NTP only to a plausible time.

`machine` and `ntptime` are stand-ins: neither the unix port nor CPython has a clock to set.
"""

import sys
import time
import unittest

from _made import bundle, refusal, trimmed, write
from data_roots import EC_ROOT

from ats_trust import clock, preflight
from ats_trust.errors import BundleError, ClockError


class _Port:
    """`machine` and `ntptime` of a board: answers are seconds, or exceptions to raise."""

    def __init__(self, test, *answers):
        self.answers = list(answers)
        self.host = "pool.example"
        self.set_to = []
        self.stamp = preflight.stamp
        self.shown = None
        for name in ("machine", "ntptime"):
            before = sys.modules.get(name)
            sys.modules[name] = self
            test.addCleanup(_restore, name, before)
        test.addCleanup(setattr, preflight, "stamp", preflight.stamp)
        preflight.stamp = self._now

    def RTC(self):
        return self

    def datetime(self, parts):
        self.set_to.append(tuple(parts))
        self.shown = "%04d%02d%02d%02d%02d%02d" % (parts[:3] + parts[4:7])

    def time(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _now(self, seconds=None):
        return self.shown if seconds is None else self.stamp(seconds)


def _restore(name, before):
    if before is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = before


def _seconds(year, month, day):
    """The port's count of seconds at the beginning of this day, without time.mktime's zone."""
    days = 0
    for each in range(time.gmtime(0)[0], year):
        days += 366 if each % 4 == 0 else 365
    lengths = (31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 86400 * (days + sum(lengths[: month - 1]) + day - 1)


class TestSetClock(unittest.TestCase):
    def setUp(self):
        self.path = write(self, bundle((0x12, trimmed(EC_ROOT))))

    def test_sets(self):
        """A plausible answer sets the clock, with weekday Monday = 1, and is returned."""
        port = _Port(self, _seconds(2030, 6, 3) + 3661)
        self.assertEqual(clock.set_clock(bundle=self.path), "20300603010101")
        self.assertEqual(port.set_to, [(2030, 6, 3, 1, 1, 1, 1, 0)])
        self.assertEqual(port.host, "pool.example")

    def test_host(self):
        """The server that is asked can be given."""
        port = _Port(self, _seconds(2030, 6, 3))
        clock.set_clock(host="time.test.example", bundle=self.path)
        self.assertEqual(port.host, "time.test.example")

    def test_implausible_answer(self):
        """An answer before the bundle was built, or after its end, leaves the clock alone."""
        for seconds in (_seconds(2025, 12, 31), _seconds(2000, 1, 1), _seconds(2100, 1, 1)):
            port = _Port(self, seconds)
            refusal(self, ClockError, "clock_wrong", clock.set_clock, bundle=self.path)
            self.assertEqual(port.set_to, [])

    def test_tries(self):
        """Two answers may be lost; the third loss is the network's OSError."""
        port = _Port(self, OSError(110), OSError(110), _seconds(2030, 6, 3))
        self.assertEqual(clock.set_clock(bundle=self.path), "20300603000000")
        port = _Port(self, OSError(110), OSError(110), OSError(113), _seconds(2030, 6, 3))
        with self.assertRaises(OSError) as caught:
            clock.set_clock(bundle=self.path)
        self.assertEqual(caught.exception.args[0], 113)
        self.assertEqual((port.set_to, len(port.answers)), ([], 1))

    def test_clock_that_does_not_keep_the_time(self):
        """A clock that shows something else after it was set is not believed."""
        port = _Port(self, _seconds(2030, 6, 3))
        port.datetime = lambda parts: setattr(port, "shown", "20000101000000")
        refusal(self, ClockError, "clock_wrong", clock.set_clock, bundle=self.path)

    def test_damaged_bundle(self):
        """Without a good bundle there are no bounds: nobody is asked and nothing is set."""
        port = _Port(self, _seconds(2030, 6, 3))
        path = write(self, b"\x30\x00")
        refusal(self, BundleError, "bundle_damaged", clock.set_clock, bundle=path)
        self.assertEqual((port.set_to, len(port.answers)), ([], 1))

    def test_port_without_a_clock(self):
        """Where no clock can be set, a plausible one is enough and a wrong one is refused."""
        port = _Port(self)
        del sys.modules["ntptime"]
        port.shown = "20300601120000"
        self.assertEqual(clock.set_clock(bundle=self.path), port.shown)
        port.shown = "20000101000000"
        error = refusal(self, ClockError, "clock_wrong", clock.set_clock, bundle=self.path)
        self.assertIn("this port can not set it", error.detail)
        self.assertEqual(port.set_to, [])


if __name__ == "__main__":
    unittest.main()
