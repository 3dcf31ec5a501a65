"""A few random sequences of events; tests/host/test_sequences.py makes ten thousand."""

import unittest

from _pace import paced
from _power import PoweredField
from _sequences import Sequence

from ats_trust import signature, update


class TestSequences(PoweredField):
    def test_sequences(self):
        """Whatever happens, the board is in the state that the table says."""
        run(self, paced(range(20)), 12)


def run(field, seeds, events):
    """Make these sequences, each on an empty board. Returns how often what happened."""
    made = {}
    counts = {}
    verdicts = {}

    def check(key, algorithm, digest, value):
        # Each signature is checked once: doing so again takes longer than all the rest.
        name = key[1], digest, value
        if name not in verdicts:
            verdicts[name] = signature.check(key, algorithm, digest, value)
        return verdicts[name]

    update.check = check
    empty = field.snapshot()
    try:
        for seed in seeds:
            field.restore(empty)
            field.clock.now = 1_800_000_000
            try:
                Sequence(field, seed, made, counts).run(events)
            except Exception:
                print("sequence", seed)
                raise
    finally:
        update.check = signature.check
    return counts


if __name__ == "__main__":
    unittest.main()
