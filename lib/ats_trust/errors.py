"""The one family of errors for everything that concerns trust.

Rules kept here:
- The class says what the caller should do, `code` why, `detail` gives the facts of this case.
- None of them is an OSError: MQTT clients retry that for ever, and a refusal must end the loop.
  Faults of the network stay plain OSError.
- `remedy` is read from remedies.txt when it is asked for: its text is in no module's memory.
"""

import sys
from os import stat


def library_file(name):
    """Return the path of one of the library's data files, the first in sys.path, or ""."""
    for place in sys.path:
        path = (place + "/" if place else "") + "ats_trust/" + name
        try:
            stat(path)  # Unlike open, it takes no buffer from the heap.
            return path
        except OSError:
            pass
    return ""


class TrustError(Exception):
    """The server was not authenticated, or the means to do it are not in order.

    code: str, a stable identifier such as "unknown_issuer" (remedies.txt has all).
    detail: str, what was found in this case.
    stage: str, how far the connection had come: "setup", "hello" (no certificate seen),
        "certificate" (chain received, not authenticated), "handshake" (chain authenticated,
        handshake not complete) or "application".
    """

    def __init__(self, code, detail="", stage="setup"):
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.stage = stage

    @property
    def remedy(self):
        """What to do about it, one or two sentences; "" where the file can not be read."""
        start = self.code.encode() + b": "
        try:
            with open(library_file("remedies.txt"), "rb") as file:
                for _ in range(99):  # Lines of at most 300 bytes, whatever is in the file.
                    line = file.readline(300)
                    if line.startswith(start) and line.endswith(b".\n"):
                        return line[len(start) : -1].decode()
        except Exception:
            pass  # The refusal itself must never depend on its explanation, nor on memory for it.
        return ""

    def __str__(self):
        text = self.code + (self.detail and ": " + self.detail)
        remedy = self.remedy
        return text + ". " + remedy if remedy else text

    def __repr__(self):
        # MicroPython shows an exception that nobody caught by this, and it shall say what to do.
        return type(self).__name__ + ": " + str(self)


class ConfigError(TrustError):
    """The call is wrong: fix an argument."""


class BundleError(TrustError):
    """The trust anchors can not be used: make or install a new bundle."""


class UpdateError(TrustError):
    """The update is not installed, and nothing has changed: tell whoever sent it."""


class ClockError(TrustError):
    """The time is not plausible: set the clock, then try again."""


class HeapError(TrustError):
    """Not enough memory: free some, then try again. Says nothing about the server."""


class PeerRejected(TrustError):
    """Whoever answered did not prove to be the endpoint: stop, do not retry in a loop."""


class ClientRefused(TrustError):
    """The server was authenticated, and turned us away: fix certificate, policy or client id."""
