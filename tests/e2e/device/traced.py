"""Connect again and again, with an exception raised at each line of the library in turn.

CPython only: MicroPython has no sys.settrace. "error" in the job names the exception.
"outcomes" in the report: [place, outcome] for every line that a connection comes to.
"""

import builtins
import gc
import sys
from pathlib import Path

from jobs import CONNECT, main, options, raw_socket

import ats_trust

_FOLDER = str(Path(ats_trust.__file__).parent)


def work(job):
    _connect(job)  # Imports what a connection needs.
    lines = []
    _traced(lambda place: place in lines or lines.append(place), job)
    error = getattr(builtins, job["error"])
    outcomes = []
    for place in lines:

        def fail(here, place=place):
            if here == place:
                sys.settrace(None)
                raise error

        outcomes.append(["%s:%d" % (Path(place[0]).name, place[1]), _traced(fail, job)])
    return {"outcomes": outcomes}


def _traced(reached, job):
    """Connect; `reached` is called with (file, line) before every line of the library."""

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(_FOLDER):
            return None
        if event == "line":
            reached((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        return _connect(job)
    finally:
        sys.settrace(None)


def _connect(job):
    raw = raw_socket(job)
    try:
        context = ats_trust.context(job["host"], **options(job))
        stream = context.wrap_socket(raw)
        stream.write(CONNECT)
        stream.close()
        return "accepted"
    except ats_trust.TrustError as error:
        return error.code
    except Exception as error:
        return type(error).__name__
    finally:
        raw.close()
        gc.collect(0)


main(work)
