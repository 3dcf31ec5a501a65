"""Connect again and again and count what is kept: heap, open files and sockets.

"after" in the report: (bytes of heap allocated, open files) after each of the connections.
"""

import gc
import os

import jobs
from jobs import MICROPYTHON, main, options, raw_socket

import ats_trust


def work(job):
    context = ats_trust.context(job["host"], **options(job))
    outcomes = set()
    # Of a fixed size and made before, so that counting keeps nothing.
    heap = [0] * job["times"]
    files = [0] * job["times"]
    for i in range(job["times"]):
        outcomes.add(_connect(context, job))
        gc.collect()
        gc.collect()
        files[i] = len(os.listdir("/dev/fd"))
        if MICROPYTHON:
            heap[i] = gc.mem_alloc()
    return {"outcomes": sorted(outcomes), "heap": heap, "files": files}


def _connect(context, job):
    try:
        deferred = job["deferred"]
        stream = context.wrap_socket(raw_socket(job), do_handshake_on_connect=not deferred)
        stream.write(jobs.CONNECT)
        stream.close()
        return "accepted"
    except ats_trust.TrustError as error:
        return error.code
    except OSError:
        return "OSError"


main(work)
