"""Set the clock by NTP, unless the answer is implausible.

NTP is not authenticated: a forged answer can move the clock between the making of the roots and
the end of the last of them, not beyond (docs/threat-model.md).
"""

import time

from . import preflight
from .bundle import Bundle
from .errors import ClockError


def set_clock(host=None, bundle=None):
    """Set the clock by NTP, unless the answer is implausible. Returns the time as a `stamp`.

    host: str, an NTP server; None is ntptime's own choice. bundle: path of the trust anchors.
    The clock is left alone by an answer before the bundle was built or after its last anchor ends
    (of an update that is not proved, the end of the kept bundle's, if that is later):
    ClockError("clock_wrong"). No answer within three tries: OSError, as the network gave it.
    """
    anchors = Bundle(bundle)
    try:
        import machine
        import ntptime
    except ImportError as error:
        # The unix port and CPython have no clock to set: the host's is as good as it gets.
        if preflight.stamp() >= anchors.built_at:
            return preflight.check_clock(anchors)
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
    now = preflight.stamp(seconds)
    if now > anchors.not_after and not bundle:
        anchors = Bundle(now=now)  # An update that has ended by then is not in force any more.
    preflight.check_clock(anchors, now)
    parts = time.gmtime(seconds)
    machine.RTC().datetime(parts[:3] + (parts[6] + 1,) + parts[3:6] + (0,))
    return preflight.check_clock(anchors)
