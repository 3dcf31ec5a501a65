"""The pre-flight: a time that can not be right, or memory that is certain to fail, is refused."""

import gc
import sys
import time
import unittest

from _made import BUILT, END, refusal

from ats_trust import preflight
from ats_trust.errors import ClockError, HeapError

_SHARED = ("rp2", "pyboard", "mimxrt")


class _Bounds:
    """What a Bundle says of its time."""

    built_at, not_after = BUILT, END


class TestCheck(unittest.TestCase):
    def test_bounds(self):
        """Both bounds belong to the plausible time; a second outside of them does not."""
        for now in (BUILT, "20300601120000", END):
            self.assertEqual(preflight.check_clock(_Bounds, now), now)
        for now in ("20251231235959", "20000101000000", "19700101000000"):
            error = refusal(self, ClockError, "clock_wrong", preflight.check_clock, _Bounds, now)
            self.assertIn("bundled", error.detail)
            self.assertIn(now[:4], error.detail)
        error = refusal(
            self, ClockError, "clock_wrong", preflight.check_clock, _Bounds, "21000101000000"
        )
        self.assertIn("ended", error.detail)
        self.assertIn("2100", error.detail)

    def test_now(self):
        """Without a time given, the port's own clock is asked."""

        class Wide:
            built_at, not_after = "20200101000000", "21000101000000"

        now = preflight.check_clock(Wide)
        self.assertEqual((len(now), now[:2]), (14, "20"))

    def test_stamp(self):
        """A moment in the port's epoch becomes fourteen digits that sort as time does."""
        self.assertEqual(preflight.stamp(0), "%04d0101000000" % time.gmtime(0)[0])
        self.assertEqual(preflight.stamp(86400 + 3661), "%04d0102010101" % time.gmtime(0)[0])
        self.assertLess(preflight.stamp(0), preflight.stamp(1))

    def test_date(self):
        """A stamp is shown to people as a date with hours and minutes."""
        self.assertEqual(preflight.date("20261123150405"), "2026-11-23 15:04 UTC")

    def test_epoch_2000(self):
        """On a port that counts from 2000 the same moment gives the same stamp."""
        offset = 946684800 if time.gmtime(0)[0] == 1970 else 0

        class Since2000:
            @staticmethod
            def gmtime(seconds):
                return time.gmtime(seconds + offset)

        self.addCleanup(setattr, preflight, "time", time)
        preflight.time = Since2000
        self.assertEqual(preflight.stamp(0), "20000101000000")
        self.assertEqual(preflight.stamp(1 << 30), "20340109133704")


class _Gc:
    def __init__(self, *frees):
        self.frees = list(frees)
        self.collected = 0

    def collect(self):
        self.collected += 1

    def mem_free(self):
        return self.frees.pop(0)


class TestHeap(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, preflight, "gc", gc)

    def test_certain_failure(self):
        """Where TLS shares the Python heap, too little is refused with both figures."""
        for platform in _SHARED:
            preflight.gc = _Gc(preflight.CERTAIN_FAILURE - 1)
            error = refusal(self, HeapError, "heap", preflight.check_heap, platform)
            self.assertIn(str(preflight.CERTAIN_FAILURE), error.detail)
            self.assertIn(str(preflight.CERTAIN_FAILURE - 1), error.detail)
            self.assertEqual(preflight.gc.collected, 1)

    def test_enough(self):
        """With as much as was ever enough nothing is refused."""
        for platform in _SHARED:
            preflight.gc = _Gc(preflight.CERTAIN_FAILURE)
            self.assertIsNone(preflight.check_heap(platform))

    def test_other_ports(self):
        """Where TLS has memory of its own nothing is refused, however little Python has."""
        for platform in ("esp32", "linux", "darwin", "unix", "stm32", "no such port"):
            preflight.gc = _Gc(0)
            self.assertIsNone(preflight.check_heap(platform))
            self.assertEqual(preflight.gc.collected, 1)

    def test_this_port(self):
        """Here nothing is refused."""
        self.assertIsNone(preflight.check_heap())

    def test_ample(self):
        """Where TLS shares the Python heap, one large free piece is plenty; elsewhere unknown."""
        self.assertTrue(preflight.ample("rp2"))
        self.assertIsNone(preflight.ample("linux"))
        self.assertIsNone(preflight.ample("esp32"))  # No such module here.

    def test_esp32(self):
        """On esp32 the largest free block of the IDF's regions counts."""

        class Esp32:
            HEAP_DATA = 4
            largest = 16 * 1024

            @staticmethod
            def idf_heap_info(capabilities):
                if capabilities != 4:
                    raise ValueError(capabilities)
                return [(60000, 50000, 90, 80), (60000, 200, Esp32.largest, 100)]

        sys.modules["esp32"] = Esp32
        self.addCleanup(sys.modules.pop, "esp32")
        self.assertTrue(preflight.ample("esp32"))
        Esp32.largest -= 1
        self.assertIs(preflight.ample("esp32"), False)
        del Esp32.idf_heap_info
        self.assertIsNone(preflight.ample("esp32"))

    def test_figures(self):
        """What is certain to fail is below what the smallest handshake needs."""
        self.assertLess(preflight.CERTAIN_FAILURE, 28.7 * 1024)


if __name__ == "__main__":
    unittest.main()
