"""Connect with more and more free Python heap, keeping the rest occupied. MicroPython only.

"outcomes" in the report: how often each came about, with everything that is needed loaded before.
"""

import gc

from ballast import occupy
from jobs import CONNECT, main, options, raw_socket

import ats_trust
from ats_trust import explain, signature  # noqa: F401  What is imported later needs much more.


def work(job):
    context = ats_trust.context(job["host"], **options(job))
    outcomes = {}
    for left in range(job["from"], job["to"], job["step"]):
        ballast = occupy(left, "one piece")
        try:
            outcome = _connect(context, job)
        except MemoryError:
            outcome = "MemoryError"
        ballast = None  # noqa: F841 - lets go of it before the collection
        gc.collect()
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return {"outcomes": outcomes}


def _connect(context, job):
    try:
        stream = context.wrap_socket(raw_socket(job))
        stream.write(CONNECT)
        stream.close()
        return "accepted"
    except ats_trust.TrustError as error:
        return error.code
    except OSError:
        return "OSError"


main(work)
