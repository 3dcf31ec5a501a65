"""The one thing of a board's `machine` that an MQTT client asks for and the unix port has not."""

import time


class RTC:
    """A clock that shows the host's time and can not be set."""

    def datetime(self):
        year, month, day, hour, minute, second, weekday = time.gmtime()[:7]
        return year, month, day, weekday, hour, minute, second, 0
