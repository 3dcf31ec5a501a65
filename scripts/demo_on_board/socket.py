"""MicroPython's socket module, but the endpoint's name stands for this machine.

On a board the name is resolved by DNS. It comes first on MICROPYPATH, so that unchanged programs
and MQTT clients reach the emulator under the name that its certificates are for.
"""

import usocket
from usocket import *  # noqa: F403 - a module in its place has all that it has

_getaddrinfo = usocket.getaddrinfo


def getaddrinfo(host, *rest):
    """Resolve as ever; names of AWS are on this machine."""
    return _getaddrinfo("127.0.0.1" if host.endswith(".amazonaws.com") else host, *rest)
