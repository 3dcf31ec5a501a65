"""Long rows of cases: every one on a computer, a fixed part of them on a board, which is slow.

Whoever runs the tests may set `stride`. It should be a prime: then the part of a long row holds
cases of every kind, since kinds alternate by small numbers. Of a row that is shorter, only the
first case runs: so only what other tests cover too, or what is too slow for a board, goes through
this.
"""

import unittest

stride = 1


class PacedCase(unittest.TestCase):
    """on_board: whether these tests run on a board, too."""

    on_board = True

    def setUp(self):
        if stride > 1 and not self.on_board:
            self.skipTest("it takes minutes there")


def paced(cases):
    """The first of these cases, and every `stride`-th after it."""
    for number, case in enumerate(cases):
        if number % stride == 0:
            yield case
