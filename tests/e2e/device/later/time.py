"""MicroPython's `time` for a program that waits for hours: a clock that a test can put forward.

It comes first on MICROPYPATH, as loopback/socket.py does. sleep() takes a moment and puts the
clock forward by all that was asked for, so that the program and the library see the hours pass
that they wait. How far it is ahead is in a file, since no clock goes back when a board is reset.
"""

import utime as _builtin  # The `u` always finds the built-in module.

for _name in dir(_builtin):
    if _name[:2] != "__":
        globals()[_name] = getattr(_builtin, _name)

AHEAD = "clock_is_ahead"  # In the current folder; a number of seconds.
_MOMENT = 0.02


def _ahead():
    try:
        with open(AHEAD) as file:
            return int(file.read() or 0)
    except OSError:
        return 0


def time():
    return _builtin.time() + _ahead()


def gmtime(seconds=None):
    return _builtin.gmtime(time() if seconds is None else seconds)


def sleep(seconds):
    _builtin.sleep(min(seconds, _MOMENT))
    ahead = _ahead() + int(seconds)
    with open(AHEAD, "w") as file:
        file.write(str(ahead))
