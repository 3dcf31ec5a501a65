"""MicroPython's `socket`, with one name that resolves to a door of the test on loopback.

ATS_TRUST_DOOR="HOST=PORT": whoever asks for HOST, on any port, gets 127.0.0.1 and PORT.
"""

import os
import sys

_path = sys.path
sys.path = []  # So that `u` finds the built-in module, not usocket.py beside this file.
try:
    import usocket as _builtin
    from usocket import *
finally:
    sys.path = _path


def getaddrinfo(host, port, *rest):
    name, _, door = (os.getenv("ATS_TRUST_DOOR") or "").partition("=")
    if host == name:
        return _builtin.getaddrinfo("127.0.0.1", int(door), *rest)
    return _builtin.getaddrinfo(host, port, *rest)
