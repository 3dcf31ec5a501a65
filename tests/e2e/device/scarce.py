"""Connect with a given amount of free heap, which the TLS shares with Python; again and again.

"steps" in the job: the amounts, in bytes. "layout": "one piece" or "pieces", drawn with "seed".
"loaded": whether the code that explains a refusal is there before memory gets scarce.
"steps" in the report: how each ended, in order; "heap": bytes in use after each, with the memory
given back; "next": how a connection right after every eighth ended.
"""

import gc
import random
import sys

from ballast import occupy
from jobs import CONNECT, main, options, raw_socket

import ats_trust

_FIRST_ON_REFUSAL = ("explain", "signature")
_NEXT_EVERY = 8
_outcomes = []  # All that there were.


def work(job):
    ats_trust.context  # noqa: B018  Its modules are loaded before memory gets scarce.
    random.seed(job.get("seed", 1))
    count = len(job["steps"])
    # Made before, since what is kept of a step must not lie in the middle of the next one's heap.
    steps, following = bytearray(count), bytearray(-(-count // _NEXT_EVERY))
    heap = [0] * count
    for i in range(count):
        _load(job["loaded"])
        steps[i] = _number(_connect(job, job["steps"][i]))
        if i % _NEXT_EVERY == 0:
            following[i // _NEXT_EVERY] = _number(_connect(job))
        _load(True)
        heap[i] = gc.mem_alloc()
    return {
        "steps": [_outcomes[number] for number in steps],
        "next": [_outcomes[number] for number in following],
        "heap": heap,
    }


def _number(outcome):
    """Return the number of an outcome, which stands for its text."""
    gc.collect()
    if outcome not in _outcomes:
        _outcomes.append(outcome)
    return _outcomes.index(outcome)


def _load(wanted):
    """Load the modules that only a refusal needs, or drop them."""
    for name in _FIRST_ON_REFUSAL:
        full = "ats_trust." + name
        if wanted:
            __import__(full)
        elif sys.modules.pop(full, None):
            delattr(ats_trust, name)
    gc.collect()


def _connect(job, count=None):
    context = ats_trust.context(job["host"], **options(job))
    raw = raw_socket(job)
    ballast = occupy(count, job["layout"]) if count else None
    stream = None
    try:
        stream = context.wrap_socket(raw, server_hostname=job["host"])
        stream.write(CONNECT)
        outcome = "accepted"
    except ats_trust.TrustError as error:
        ballast = None
        outcome = type(error).__name__ + " " + error.code
    except Exception as error:
        ballast = None
        outcome = type(error).__name__
    del ballast
    if stream:
        stream.close()
    raw.close()
    return outcome


main(work)
