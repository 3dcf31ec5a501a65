"""MicroPython's `socket`, with names that resolve to the doors of a test on loopback."""

import usocket as _builtin  # The `u` always finds the built-in module.

for _name in dir(_builtin):
    if _name[:2] != "__":
        globals()[_name] = getattr(_builtin, _name)

# Host name to port: whoever asks for it, with any port, gets 127.0.0.1 and this one.
DOORS = {}


def getaddrinfo(host, port, *rest):
    if host in DOORS:
        host, port = "127.0.0.1", DOORS[host]
    return _builtin.getaddrinfo(host, port, *rest)
