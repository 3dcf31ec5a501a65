"""ats_trust: TLS connections to AWS IoT Core with the server authenticated, or a clear refusal.

Public names are loaded on first use, so that what a program does not use costs it no memory.
"""

_NAMES = {
    "context": "trusted_context",
    "TrustedContext": "trusted_context",
    "connect": "link",
    "open_connection": "link",
    "load_device": "credentials",
    "set_clock": "clock",
    "TrustError": "errors",
    "ConfigError": "errors",
    "BundleError": "errors",
    "ClockError": "errors",
    "HeapError": "errors",
    "PeerRejected": "errors",
    "ClientRefused": "errors",
}


def __getattr__(name):
    module = _NAMES.get(name)
    try:
        # Also called for submodules: on MicroPython `from . import clock` asks here first.
        loaded = __import__("ats_trust." + (module or name), None, None, (name,))
    except ImportError:
        if module:
            raise
        raise AttributeError(name)
    value = getattr(loaded, name) if module else loaded
    globals()[name] = value
    return value
