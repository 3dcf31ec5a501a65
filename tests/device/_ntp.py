"""A board's clock, for tests: `machine` and `ntptime` are stand-ins.

Neither the unix port nor CPython has a clock to set.
"""

import sys
import time

from ats_trust import preflight


class Port:
    """`machine` and `ntptime` of a board: answers are seconds, or exceptions to raise."""

    def __init__(self, test, *answers):
        self.answers = list(answers)
        self.host = "pool.example"
        self.set_to = []
        self.stamp = preflight.stamp
        self.shown = None
        for name in ("machine", "ntptime"):
            before = sys.modules.get(name)
            sys.modules[name] = self
            test.addCleanup(_restore, name, before)
        test.addCleanup(setattr, preflight, "stamp", preflight.stamp)
        preflight.stamp = self._now

    def RTC(self):
        return self

    def datetime(self, parts):
        self.set_to.append(tuple(parts))
        self.shown = "%04d%02d%02d%02d%02d%02d" % (parts[:3] + parts[4:7])

    def time(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _now(self, seconds=None):
        return self.shown if seconds is None else self.stamp(seconds)


def _restore(name, before):
    if before is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = before


def seconds(year, month, day):
    """The port's count of seconds at the beginning of this day, without time.mktime's zone."""
    days = 0
    for each in range(time.gmtime(0)[0], year):
        days += 366 if each % 4 == 0 else 365
    lengths = (31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 86400 * (days + sum(lengths[: month - 1]) + day - 1)
