"""The pre-flight: it refuses only when failure is certain, and only where memory is shared."""

import gc
import sys
import unittest

from _made import refusal

from ats_trust import preflight
from ats_trust.errors import HeapError

_SHARED = ("rp2", "pyboard", "mimxrt")


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
