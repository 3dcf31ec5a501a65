"""Contexts, and streams after a refusal: what must not be bent, before anything is sent."""

import io
import unittest

import _host  # noqa: F401  On a host it puts a `tls` in place.

from ats_trust import explain
from ats_trust.errors import ConfigError, PeerRejected
from ats_trust.stream import TrustedStream
from ats_trust.trusted_context import TrustedContext, connect

_HOST = "a0example-ats.iot.eu-central-1.amazonaws.com"


class TestContext(unittest.TestCase):
    def test_options_of_a_context(self):
        """Options beside a context are refused, not dropped: it was made with its own."""
        context = TrustedContext(_HOST)
        for options in ({"pins": [bytes(32)]}, {"bundle": "other.bin"}, {"nonsense": 1}):
            with self.assertRaises(ConfigError) as caught:
                connect(context, **options)
            self.assertEqual(caught.exception.code, "bad_call")

    def test_name_is_fixed(self):
        """A context's name can not be changed after its roots were chosen."""
        context = TrustedContext("custom.example.com")
        with self.assertRaises(AttributeError):
            context.host = _HOST
        self.assertEqual(context.host, "custom.example.com")

    def test_other_name(self):
        """A socket for another name than the context's is refused and closed."""

        class Socket:
            closed = False

            def close(self):
                Socket.closed = True

        with self.assertRaises(ConfigError):
            TrustedContext(_HOST).wrap_socket(Socket(), server_hostname="other.example.com")
        self.assertTrue(Socket.closed)


class _HungUp(io.IOBase):
    """A socket whose server hangs up."""

    def readinto(self, buffer):
        return 0

    def write(self, data):
        return len(data)


class TestAfterRefusal(unittest.TestCase):
    def test_same_error_again(self):
        """Every call gives the error again, each time a new object: a loop must not grow one."""

        stream = TrustedStream(TrustedContext(_HOST), _HungUp())
        stream._error = PeerRejected("expired", "of the case", "certificate")
        found = []
        for call in (lambda: stream.write(b"x"), stream.cipher, stream.handshake):
            with self.assertRaises(PeerRejected) as caught:
                call()
            error = caught.exception
            self.assertEqual(
                (error.code, error.detail, error.stage), ("expired", "of the case", "certificate")
            )
            found.append(error)
        self.assertFalse(found[0] is found[1] or found[1] is found[2])

    def test_interrupted(self):
        """If the explanation is interrupted the connection stays refused, by no OSError."""

        def interrupted(*args):
            raise KeyboardInterrupt

        self.addCleanup(setattr, explain, "explain", explain.explain)
        explain.explain = interrupted
        stream = TrustedStream(TrustedContext(_HOST), _HungUp())
        with self.assertRaises(KeyboardInterrupt):
            stream.handshake()
        for _ in range(2):
            with self.assertRaises(PeerRejected):
                stream.write(b"x")


if __name__ == "__main__":
    unittest.main()
