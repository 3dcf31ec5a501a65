"""The one family of errors for everything that concerns trust.

Rules kept here:
- The class says what the caller should do, `code` why, `detail` gives the facts of this case.
- None of them is an OSError: MQTT clients retry that for ever, and a refusal must end the loop.
  Faults of the network stay plain OSError.
- `remedy` is looked up when it is read, so that its text costs no memory before.
"""


class TrustError(Exception):
    """The server was not authenticated, or the means to do it are not in order.

    code: str, a stable identifier such as "unknown_issuer" (see `explain` for all).
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
        """What to do about it, one or two sentences."""
        try:
            from . import explain

            return explain.remedy(self.code)
        except (ImportError, MemoryError):
            return ""  # The refusal itself must never depend on memory for its explanation.

    def __str__(self):
        text = self.code
        if self.detail:
            text += ": " + self.detail
        remedy = self.remedy
        return text + ". " + remedy if remedy else text

    def __repr__(self):
        # MicroPython shows an exception that nobody caught by this, and it shall say what to do.
        return type(self).__name__ + ": " + str(self)


class ConfigError(TrustError):
    """The call is wrong: fix an argument."""


class BundleError(TrustError):
    """The trust anchors can not be used: make or install a new bundle."""


class ClockError(TrustError):
    """The time is not plausible: set the clock, then try again."""


class HeapError(TrustError):
    """Not enough memory: free some, then try again. Says nothing about the server."""


class PeerRejected(TrustError):
    """Whoever answered did not prove to be the endpoint: stop, do not retry in a loop."""


class ClientRefused(TrustError):
    """The server was authenticated, and turned us away: fix certificate, policy or client id."""
