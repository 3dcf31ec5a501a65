"""The connection as the program sees it: a stream that is verified before it carries a byte.

Rules kept here:
- The handshake is driven to its end, and every check has passed, before the first byte of the
  application is written or returned; also with a deferred handshake, and when reading first.
- After a refusal both sockets are closed and every later call raises the same error.
- A fault of the network is the OSError that it was; everything about trust is a TrustError.
"""

import gc
import hashlib
import io

from . import preflight
from .errors import BundleError, ClientRefused, HeapError, PeerRejected, TrustError
from .flight import Flight
from .judge import Judge

_REFUSE = -0x3000  # Below -255: Mbed TLS passes it on, and it is no errno.


class TrustedStream(io.IOBase):
    """A TLS connection with MicroPython's stream methods, made by TrustedContext.wrap_socket.

    Works where the port's own SSLSocket does: in blocking and non-blocking mode, under asyncio and
    select.poll. Reads give None when they would block.
    """

    # While the handshake lasts, what is alive here is heap that the TLS lacks when it verifies the
    # chain. So there are no closures, and the Judge is made when Mbed TLS first calls it.

    _error = None  # What every further call raises.
    _refusal = None  # The exception that the verify_callback refused with.
    _judge = _anchors = _ample = None
    _answered = False  # The server has sent a byte of the application.
    _spoken = False  # We have.
    _more = None  # Decrypted bytes may wait inside the TLS; None: nothing was sent yet.

    def __init__(self, context, sock):
        """context: the TrustedContext. sock: see there. Nothing is sent yet."""
        self._context = context  # None once the handshake is over.
        self._flight = Flight(sock, self._load)
        self._tls = context._native()
        self._tls.verify_callback = self._see
        # What comes now stays: it shall lie close together, with no garbage in between.
        preflight.check_heap()
        self._secured = self._tls.wrap_socket(
            self._flight, server_hostname=context.host, do_handshake_on_connect=False
        )

    def _load(self, chain):
        """Load the anchor that this chain needs: docs/decisions/0002."""
        scarce = preflight.ample() is False
        anchors = self._context._find(chain)
        if scarce:
            gc.collect()  # So that it lies where memory is free first, and leaves the rest whole.
        self._anchors = [hashlib.sha256(anchor).digest() for anchor in anchors]
        while anchors:
            try:
                self._tls.load_verify_locations(anchors.pop())
            except ValueError:
                raise preflight.unless_scarce(
                    BundleError("bundle_useless", "this port can not read one of its roots")
                )
        # Again: now it is what verifying gets. Where it is scarce, this collects once more.
        self._ample = preflight.ample()

    def _see(self, certificate, depth):
        """The verify_callback."""
        try:
            if not self._judge:
                self._judge = self._context._judge(self._anchors)
                self._flight.links = self._judge.links
            self._judge.see(certificate, depth)
            return 0
        except Exception as error:  # Also a bug refuses: nothing may pass through Mbed TLS.
            self._refusal = self._refusal or error
            return _REFUSE

    def handshake(self):
        """Go on with the handshake. True when the server is authenticated, False if it blocks.

        Raises TrustError when it is not, OSError when the network fails; then all is closed.
        """
        error = self._error
        if isinstance(error, TrustError):
            # A copy: each raise of one object makes its traceback longer, and clients loop.
            raise type(error)(error.code, error.detail, error.stage)
        if error:
            raise type(error)(*error.args)
        if not self._context:
            return True
        self._more = True
        try:
            try:
                count = self._secured.readinto(bytearray(1))
                if not self._flight.finished:
                    if count == 0:
                        raise OSError(104)  # ECONNRESET: hung up before the end.
                    return False
                self._check(count)
            except Exception as error:  # Whatever it was, the server is not authenticated.
                raise self._refused(error)
            self._proved(None)
            self._settle()
        except BaseException:
            # Also an interrupt while an update's proof is recorded: who called may hold nothing
            # but the socket, and must not be able to go on in clear.
            self.close()
            raise
        return True

    def _check(self, count):
        """The handshake has ended: what must now be so, or the connection is not used."""
        if (
            self._refusal
            or not self._judge
            or not self._judge.accepted
            or count is not None
            or "-ECDHE-" not in self._secured.cipher()[0]
        ):
            raise PeerRejected("protocol_error", "the handshake ended unverified", "handshake")

    def _refused(self, error):
        """Close everything and return the error that says why, now and from now on."""
        self._close()
        self._error = error
        refusal = self._refusal
        if isinstance(refusal, PeerRejected) and refusal.code != "unknown_issuer":
            # Known already: nothing has to be loaded, for which there may be no memory.
            self._error = refusal
        else:
            try:
                from .explain import explain

                judge = self._judge or Judge(self._context.host, "")
                judge.ample = self._ample
                refusals = [refusal] if refusal else []
                self._error = explain(error, self._flight, judge, refusals, self._context)
            except MemoryError:
                self._error = HeapError("heap", "after the handshake failed")
            except TrustError as worse:
                self._error = worse
            except BaseException:  # An interrupt: what is left must be no OSError, see errors.
                self._error = PeerRejected("protocol_error", "interrupted", "handshake")
                self._settle()
                raise
        self._proved(self._error)
        self._settle()
        return self._error

    def _proved(self, error):
        """Record what this handshake says of an update: see slots.Attempt.end."""
        if self._context and self._context._attempt:
            self._context._attempt.end(error, self._flight.chain, self._anchors)

    def _settle(self):
        """The handshake is over: drop what only it needed."""
        self._flight.release()
        self._context = self._judge = self._tls = self._anchors = None

    def read(self, *args):
        """Read as MicroPython's streams do: read(), read(n); None when it would block."""
        return self._receive(self._secured.read, args, b"")

    def readinto(self, *args):
        """Read into a buffer: the count, 0 at the end, None when it would block."""
        return self._receive(self._secured.readinto, args, 0)

    def readline(self, *args):
        """Read one line."""
        return self._receive(self._secured.readline, args, b"")

    def write(self, *args):
        """Write bytes: write(buf), write(buf, n), write(buf, offset, n). The count, or None."""
        if not self.handshake():
            return None
        self._spoken = True
        try:
            return self._secured.write(*args)
        except OSError as error:
            raise self._turned_away(error)

    def _receive(self, method, args, nothing):
        if not self.handshake():
            return None
        try:
            got = method(*args)
        except OSError as error:
            raise self._turned_away(error)
        self._more = bool(got)
        if got:
            self._answered = True
        elif got == nothing and self._spoken and not self._answered and (not args or args[0]):
            raise self._turned_away("it hung up without an answer to the first message")
        return got

    def _turned_away(self, error):
        """Tell a server that refuses this client from a network that fails.

        error: an OSError, or a str that says how the server did it.
        """
        code = error.args[0] if isinstance(error, OSError) and error.args else 0
        if code == -0x7780 and not self._answered:
            error = "it ended the connection with an alert"
        if isinstance(error, str):
            self._error = ClientRefused("client_refused", error, "application")
            self._close()
            return self._error
        # MicroPython up to 1.25 passes on what `Flight` gave for the socket's error: the negative.
        return OSError(-code) if -256 < code < 0 else error

    def ioctl(self, request, arg):
        """Answer select.poll and asyncio, as the port's SSLSocket does."""
        if request == 3:  # MP_STREAM_POLL
            if self._error or self._more is None:
                return arg  # Who waits to read first starts the handshake, or gets the error.
            if not self._context and not self._more:
                return self._flight.poll(arg)
            # Only the TLS knows whether decrypted bytes wait, or what the handshake waits for.
            return _poll(self._secured, arg)
        if request == 4:  # MP_STREAM_CLOSE
            self.close()
            return 0
        return -22

    def setblocking(self, flag):
        """Set blocking or non-blocking mode of the socket below."""
        self._flight.raw.setblocking(flag)

    def settimeout(self, seconds):
        """Set the time-out of the socket below; it then raises OSError(ETIMEDOUT)."""
        self._flight.raw.settimeout(seconds)

    def cipher(self):
        """Return (cipher suite, protocol version) of the authenticated connection."""
        if not self.handshake():
            return None
        return self._secured.cipher()

    def close(self):
        """Close the connection and the socket below. Further calls raise OSError(EBADF)."""
        if not self._error:
            self._error = OSError(9)
            self._close()
            self._proved(self._error)

    def _close(self):
        try:
            close(self._secured)
        finally:
            close(self._flight.raw)


def close(sock):
    """Close a socket, whatever state it is in."""
    try:
        sock.close()
    except (OSError, AttributeError):
        pass  # Closed already; or a stream that is no socket and has nothing to close.


def _poll(target, flags):
    import select

    poller = select.poll()
    poller.register(target, flags)
    ready = poller.poll(0)
    return ready[0][1] if ready else 0
