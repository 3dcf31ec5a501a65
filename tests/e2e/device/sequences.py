"""Random sequences of events on one board after the other: see tests/device/_sequences.py.

Arguments: the first seed, how many, how many events each. Prints a JSON object: how often what
happened.
"""

import json
import sys

from _power import PoweredField
from test_sequences import run

CPYTHON = sys.implementation.name == "cpython"
first, count, events = [int(each) for each in sys.argv[1:]]
field = PoweredField("run") if CPYTHON else PoweredField()
field.setUp()
counts = run(field, range(first, first + count), events)
if CPYTHON:
    field.doCleanups()  # Elsewhere all of it was in memory.
print(json.dumps(counts))
