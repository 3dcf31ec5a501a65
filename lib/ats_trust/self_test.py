"""Does this board fail closed? `ats_trust.selftest()` tells, at any time and without a network.

The library gets what a server once sent as if it came from a socket: selftest_flight.bin, below
the root in selftest_root.bin, whose keys no longer exist (scripts/selftest_flight.py).

Rules kept here:
- Contexts and streams are made and used as any program does it. There is no way around a check
  for the self-test to take, so none for anybody else.
- Each check knows the one outcome that is right. All others, and every exception that nobody
  expected, are a FAILED line. What could not be seen is never "ok".
- When it is over nothing of it stays in memory, nor what it alone has imported.
"""

import gc
import sys

_HOST = "selftest.invalid"
_APPLICATION = b"a byte of the application"

# Positions in the recording, and the bits to turn over there.
_AS_SENT = {}
_FORGED = {90: 1}  # In the serial number of the server's certificate, which is signed.
_OTHER_SUITE = {45: 4}  # ECDHE-RSA in place of ECDHE-ECDSA.

# An unfragmented heap with which every handshake succeeded: benchmarks/budgets.toml.
_ENOUGH = 38400


def selftest(bundle=None):
    """Check that this board fails closed; print a line for each check. True if all are ok.

    bundle: path of the trust anchors that the program uses, None is the one in force.
    """
    known = list(sys.modules)
    try:
        return _run(bundle)
    finally:
        package = sys.modules["ats_trust"]
        for name in list(sys.modules):
            if name.startswith("ats_trust.") and (name not in known or name == __name__):
                del sys.modules[name]
                package.__dict__.pop(name[10:], None)
        package.__dict__.pop("selftest", None)
        gc.collect()


def _run(bundle):
    try:
        # First, so that modules do not end up between the large buffers of the TLS.
        from . import explain, signature, trusted_context  # noqa: F401
    except Exception:
        pass  # Whoever needs them below will say so.
    passed = True
    for name, check in CHECKS:
        gc.collect()
        verdict, words = _outcome(check, bundle)
        passed = passed and verdict == "ok"
        print("%s: %s: %s" % (verdict, name, words))
    return passed


def _outcome(check, bundle):
    """Return ("ok", "FAILED" or "can not tell", words) of one check."""
    try:
        from .errors import TrustError

        try:
            return "ok", check(bundle)
        except _Unknown as why:
            return "can not tell", why.args[0]
        except _Failed as why:
            return "FAILED", why.args[0]
        except TrustError as error:
            words = error.code + (error.detail and ", " + error.detail)
            if error.code == "clock_wrong" and check is not _clock:
                return "can not tell", words
            if error.code == "heap":
                words = "not enough memory: " + words
            return "FAILED", words
    except MemoryError:
        return "FAILED", "not enough memory"
    except Exception as error:
        return "FAILED", "unexpected " + repr(error)


class _Failed(Exception):
    """The board does not do what it must."""


class _Unknown(Exception):
    """There is no telling whether it does."""


def _roots(path):
    from .bundle import LEAF_ECDSA, LEAF_RSA, Bundle
    from .endpoint import ROLE_ATS, ROLE_LEGACY, ROLE_OWN
    from .preflight import date

    bundle = Bundle(path)
    held = []
    for bit, what in (
        (LEAF_RSA, "for RSA"),
        (LEAF_ECDSA, "for ECDSA"),
        (ROLE_ATS, "of Amazon Trust Services"),
        (ROLE_LEGACY, "of legacy endpoints"),
        (ROLE_OWN, "of your own"),
    ):
        count = sum([use & bit > 0 for use in bundle.uses])
        if count:
            held.append("%d %s" % (count, what))
    return "%s is whole, version %d, built %s: %d roots, %s" % (
        bundle.path,
        bundle.version,
        date(bundle.built_at),
        len(bundle.uses),
        ", ".join(held),
    )


def _clock(path):
    from .bundle import Bundle
    from .preflight import check_clock, date

    return "it says " + date(check_clock(Bundle(path)))


def _stranger(path):
    from .bundle import LEAF_ECDSA, Bundle
    from .endpoint import parse

    bundle = Bundle(path)
    # Together these are names for all the roles there are. The second never gets an answer.
    for host in (_HOST, "selftest.iot.us-east-1.amazonaws.com"):
        types = bundle.leaf_types(parse(host).roles)
        if types:
            break
    changes = _AS_SENT if LEAF_ECDSA in types else _OTHER_SUITE
    return _refused("unknown_issuer", "certificate", path, host, changes)


def _other_name(path):
    root = _file("selftest_root.bin")
    return _refused("name_mismatch", "certificate", root, "other." + _HOST)


def _forged(path):
    root = _file("selftest_root.bin")
    return _refused("bad_signature", "certificate", root, _HOST, _FORGED)


def _keyless(path):
    # The one chain that is good. What the server would have had to sign is new each time.
    words = _refused("key_not_proven", "handshake", _file("selftest_root.bin"), _HOST)
    return "its certificate was accepted, then it was " + words


def _role(path):
    from .errors import BundleError
    from .trusted_context import TrustedContext

    host = "selftest-ats.iot.us-east-1.amazonaws.com"
    try:
        TrustedContext(host, bundle=_file("selftest_root.bin"))
    except BundleError as error:
        if error.code != "bundle_useless":
            raise
        return "refused, " + error.code
    raise _Failed("it would answer for " + host)


def _memory(path):
    from . import preflight

    preflight.check_heap()
    if sys.platform not in preflight.ON_PYTHON_HEAP:
        return "the TLS of this port has its own; it is enough if the handshakes above are ok"
    free = gc.mem_free()
    words = "%d bytes are free, a handshake takes up to %d" % (free, _ENOUGH)
    if free < _ENOUGH:
        raise _Unknown(words)
    return words


def _refused(code, stage, bundle, host, changes=_AS_SENT):
    """Connect to the recorded server as a program would; it must end in this refusal."""
    from .errors import PeerRejected
    from .trusted_context import TrustedContext

    context = TrustedContext(host, bundle=bundle)
    sock = _Recording(host, changes)
    try:
        stream = context.wrap_socket(sock, do_handshake_on_connect=False)
        for use in (
            lambda: stream.write(_APPLICATION),
            lambda: stream.read(1),
            stream.handshake,
            stream.cipher,
        ):
            try:
                use()
            except PeerRejected as error:
                if (error.code, error.stage) != (code, stage):
                    raise _Failed("%s was due, it was %s (%s)" % (code, error.code, error.detail))
            else:
                raise _Failed("the connection could be used")
        if not sock.closed:
            raise _Failed("the socket was left open")
    finally:
        sock.close()
    if sock.leaked:
        raise _Failed("something was sent that is not of the handshake")
    if not sock.greeted:
        raise _Failed("the server was not told the name")
    return "refused, " + code


def _file(name):
    from .errors import BundleError, library_file

    path = library_file(name)
    if not path:  # Which for a context would mean the bundle in force.
        raise BundleError("bundle_missing", name)
    return path


class _Recording:
    """In place of a socket: the recording comes from it, and it notes what is sent.

    closed: close was called. leaked: something was sent that is no record of a handshake that
    fails. greeted: the first such record has the name of the host.
    """

    def __init__(self, host, changes):
        self._file = open(_file("selftest_flight.bin"), "rb")
        self._host = host.encode()
        self._changes = changes
        self.closed = self.leaked = False
        self.greeted = None

    def readinto(self, buf):
        start = self._file.tell()
        count = self._file.readinto(buf)
        for position in self._changes:
            if start <= position < start + count:
                buf[position - start] ^= self._changes[position]
        return count

    def write(self, data):
        data = bytes(data)
        if self.greeted is None:
            self.greeted = self._host in data
        # A handshake message or an alert. Mbed TLS writes whole records.
        if data[0] not in (22, 21) or _APPLICATION in data:
            self.leaked = True
        return len(data)

    def close(self):
        self.closed = True
        self._file.close()


# What is printed of each, and the function: the path of a bundle -> words, or an exception.
CHECKS = (
    ("roots", _roots),
    ("clock", _clock),
    ("server of an unknown root", _stranger),
    ("server of another name", _other_name),
    ("forged certificate", _forged),
    ("server without its key", _keyless),
    ("test root for an AWS name", _role),
    # Last: what the library itself takes is in memory by now.
    ("memory", _memory),
)
