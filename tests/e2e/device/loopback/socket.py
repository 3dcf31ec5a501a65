"""MicroPython's `socket` on a machine where AWS's names lead to this machine, and others nowhere.

On a board the names are resolved by DNS. It comes first on MICROPYPATH, in tests and in
`make demo`, so that unchanged programs and MQTT clients reach an emulator under the name that its
certificates are for. Whatever else they may ask for, no DNS server hears of it.
"""

import usocket as _builtin  # The `u` always finds the built-in module.

for _name in dir(_builtin):
    if _name[:2] != "__":
        globals()[_name] = getattr(_builtin, _name)

# Host name to port: whoever asks for it, with any port, gets 127.0.0.1 and this one.
DOORS = {}


def getaddrinfo(host, port, *rest):
    if host in DOORS:
        port = DOORS[host]
    elif host != "127.0.0.1" and not host.endswith(".amazonaws.com"):
        raise OSError(-2)  # As for a name that DNS does not know.
    return _builtin.getaddrinfo("127.0.0.1", port, *rest)
