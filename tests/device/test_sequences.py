"""A few random sequences of events; tests/host/test_sequences.py makes ten thousand."""

import unittest

from _pace import paced
from _power import PoweredField
from _sequences import Sequence, base


class TestSequences(PoweredField):
    def test_sequences(self):
        """Whatever happens, the board is in the state that the table says."""
        run(self, paced(range(20)), 12)


def run(field, seeds, events):
    """Make these sequences, each on a new board. Returns how often what happened."""
    made = {}
    counts = {}
    base(field)
    begin = field.snapshot()
    for seed in seeds:
        field.restore(begin)
        field.clock.now = 1_800_000_000
        try:
            Sequence(field, seed, made, counts).run(events)
        except Exception:
            print("sequence", seed)
            raise
    return counts


if __name__ == "__main__":
    unittest.main()
