"""ats_trust: TLS connections to AWS IoT Core with the server authenticated, or a clear refusal.

Public names are loaded on first use, so that what a program does not use costs it no memory.
"""

_HOMES = {
    "context": "trusted_context",
    "TrustedContext": "trusted_context",
    "connect": "trusted_context",
    "open_connection": "aio",
    "load_device": "credentials",
    "set_clock": "clock",
    "selftest": "self_test",
    "diagnose": "diagnosis",
}


def __getattr__(name):
    home = _HOMES.get(name)
    if not home and (name[-5:] == "Error" or name in ("PeerRejected", "ClientRefused")):
        home = "errors"
    try:
        # Also called for submodules: on MicroPython `from . import clock` asks here first.
        loaded = __import__("ats_trust." + (home or name), None, None, (name,))
    except ImportError:
        if home:
            raise
        raise AttributeError(name)
    value = getattr(loaded, name) if home else loaded
    globals()[name] = value
    return value
