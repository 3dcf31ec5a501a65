"""The one thing of a board's `machine` that an MQTT client asks for and the unix port has not."""

import time


class RTC:
    """A clock that shows the host's time and can not be set."""

    def datetime(self):
        now = time.gmtime()
        return (*now[:3], now[6], *now[3:6], 0)
