"""Is the time plausible, and set it by NTP when asked.

Rules kept here:
- Times are strings "YYYYMMDDHHMMSS" in UTC, made by time.gmtime: they compare as the moments that
  they stand for and are the same on ports that count from 1970 and from 2000.
- The clock can not be right before the trust anchors were chosen, nor is there anything left to
  verify after the last of them ended.
- NTP is not authenticated: a forged answer can move the clock between those two bounds, not
  beyond them (docs/threat-model.md).
"""

import time

from .errors import ClockError


def stamp(seconds=None):
    """Return a moment as "YYYYMMDDHHMMSS", UTC. seconds: in the port's own epoch; None is now."""
    parts = time.gmtime() if seconds is None else time.gmtime(seconds)
    return "%04d%02d%02d%02d%02d%02d" % tuple(parts[:6])


def date(moment):
    """Return a `stamp` as people read it: 2026-11-23 15:00 UTC."""
    return "%s-%s-%s %s:%s UTC" % (
        moment[:4],
        moment[4:6],
        moment[6:8],
        moment[8:10],
        moment[10:12],
    )


def check(not_before, not_after, now=None):
    """Return the time now, as `stamp`; ClockError("clock_wrong") when it is outside the bounds."""
    now = now or stamp()
    if now < not_before:
        why = "the roots were bundled on " + date(not_before)
    elif now > not_after:
        why = "the last root ended on " + date(not_after)
    else:
        return now
    raise ClockError("clock_wrong", "it says %s, but %s" % (date(now), why))


def set_clock(host=None, bundle=None):
    """Set the clock by NTP, unless the answer is implausible. Returns the time as `stamp`.

    host: str, an NTP server; None is ntptime's own choice. bundle: path of the trust anchors.
    The clock is left alone by an answer before the bundle was built or after its last anchor ends:
    ClockError("clock_wrong"). No answer within three tries: OSError, as the network gave it.
    """
    from .bundle import Bundle

    anchors = Bundle(bundle)
    try:
        import machine
        import ntptime
    except ImportError as error:
        # The unix port and CPython have no clock to set: the host's is as good as it gets.
        if stamp() >= anchors.built_at:
            return check(anchors.built_at, anchors.not_after)
        raise ClockError("clock_wrong", "this port can not set it: %s" % error)
    if host:
        ntptime.host = host
    for attempt in range(3):
        try:
            seconds = ntptime.time()
            break
        except OSError:
            if attempt == 2:
                raise
    check(anchors.built_at, anchors.not_after, stamp(seconds))
    parts = time.gmtime(seconds)
    machine.RTC().datetime(parts[:3] + (parts[6] + 1,) + parts[3:6] + (0,))
    return check(anchors.built_at, anchors.not_after)
