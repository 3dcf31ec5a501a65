"""Break one thing inside the device and connect. "fault" in the job is one of the functions here.

Each fault is a function that breaks something, calls `connect`, and repairs it again.
"""

import builtins
import os
import sys

import jobs
from jobs import MICROPYTHON, attempt, main, options, raw_socket
from watched_tls import SSLContext, provide

import ats_trust

_ERRORS = (MemoryError, OSError, ValueError, KeyError, RuntimeError)


def connect(job, context=None, raw=None):
    """Make a context unless there is one, connect, send; returns a report."""

    def work():
        made = context or ats_trust.context(job["host"], **options(job))
        stream = made.wrap_socket(raw or raw_socket(job))
        stream.write(jobs.CONNECT)
        stream.close()

    return attempt(work)


# Exceptions inside the library.


def exceptions_in_the_judge(job):
    """Each method of the judge raises each kind of exception."""
    from ats_trust.judge import Judge

    reports = {}
    for name in ("__init__", "see", "_name"):
        for error in _ERRORS:
            reports[name + " " + error.__name__] = _raising(Judge, name, error, job)
    return {"reports": reports}


def exceptions_around_the_judge(job):
    """So does what is called before and after it."""
    from ats_trust import bundle, flight, judge, preflight, stream, trusted_context, x509

    reports = {}
    for owner, name in (
        (bundle.Bundle, "find"),
        (bundle.Bundle, "leaf_types"),
        (bundle, "name_keys"),
        (flight.Flight, "_feed"),
        (flight.Flight, "_enter"),
        (flight.Flight, "_note"),
        (judge, "name_key"),
        (preflight, "check_clock"),
        (preflight, "check_heap"),
        (preflight, "ample"),
        (stream.TrustedStream, "_load"),
        (stream.TrustedStream, "_check"),
        (stream.TrustedStream, "_settle"),
        (trusted_context.TrustedContext, "_native"),
        (trusted_context.TrustedContext, "_find"),
        (trusted_context.TrustedContext, "_judge"),
        (x509.Certificate, "__init__"),
        (x509.Certificate, "_extend"),
    ):
        for error in _ERRORS:
            reports[name + " " + error.__name__] = _raising(owner, name, error, job)
    return {"reports": reports}


def _raising(owner, name, error, job):
    genuine = getattr(owner, name)

    def broken(*args):
        raise error(5)

    context = ats_trust.context(job["host"], **options(job))
    setattr(owner, name, broken)
    try:
        return connect(job, context)
    finally:
        setattr(owner, name, genuine)


def locked_heap(job):
    """Every allocation fails while one function of the library runs. (MicroPython only.)"""
    import micropython

    from ats_trust import bundle, explain, flight, judge, stream

    reports = {}
    for owner, name in (
        (bundle.Bundle, "find"),
        (explain, "explain"),
        (flight.Flight, "readinto"),
        (flight.Flight, "write"),
        (flight.Flight, "_feed"),
        (flight.Flight, "_enter"),
        (stream.TrustedStream, "_load"),
        (stream.TrustedStream, "_see"),
        (judge.Judge, "see"),
        (judge.Judge, "_name"),
        (stream.TrustedStream, "handshake"),
        (stream.TrustedStream, "_check"),
        (stream.TrustedStream, "_refused"),
        (stream.TrustedStream, "_settle"),
    ):
        genuine = getattr(owner, name)

        def starved(*args, genuine=genuine):
            micropython.heap_lock()
            try:
                return genuine(*args)
            finally:
                micropython.heap_unlock()

        setattr(owner, name, starved)
        try:
            reports[name] = connect(job)
        finally:
            setattr(owner, name, genuine)
    return {"reports": reports}


# The bundle changes between the making of a context and its handshake.


def deleted_bundle(job):
    return _with_bundle(job, lambda path: os.remove(path))


def cut_bundle(job):
    return _with_bundle(job, lambda path: _write(path, _read(path)[:-40]))


def flipped_bit_in_bundle(job):
    def flip(path):
        data = bytearray(_read(path))
        data[len(data) // 2] ^= 1
        _write(path, data)

    return _with_bundle(job, flip)


def empty_bundle(job):
    return _with_bundle(job, lambda path: _write(path, b""))


def directory_for_bundle(job):
    def replace(path):
        os.remove(path)
        os.mkdir(path)

    try:
        return _with_bundle(job, replace)
    finally:
        os.rmdir(job["options"]["bundle"])


def other_bundle(job):
    """It is replaced by a whole one, without the root that is needed."""
    return _with_bundle(job, lambda path: _write(path, _read(job["other"])))


def _with_bundle(job, change):
    context = ats_trust.context(job["host"], **options(job))
    change(job["options"]["bundle"])
    return connect(job, context)


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)


class _FailingFile:
    """A file whose n-th operation from now on fails as a worn-out flash does."""

    left = 0

    def __init__(self, *args):
        self._count()
        self._file = builtins.open(*args)

    @classmethod
    def _count(cls):
        cls.left -= 1
        if cls.left == 0:
            raise OSError(5)

    def seek(self, *args):
        self._count()
        return self._file.seek(*args)

    def tell(self):
        self._count()
        return self._file.tell()

    def readinto(self, *args):
        self._count()
        return self._file.readinto(*args)

    def close(self):
        self._file.close()


def disk_errors(job):
    """The n-th operation on the bundle fails, for every n that a connection comes to."""
    from ats_trust import bundle

    reports = []
    bundle.open = _FailingFile
    try:
        n = 0
        while not reports or _FailingFile.left <= 0:
            n += 1
            _FailingFile.left = n
            reports.append({"class": connect(job)["class"]})  # There are very many.
    finally:
        del bundle.open
    return {"reports": reports}


# A TLS that does not do what it says.


class IgnoresMode(SSLContext):
    """Reads back CERT_REQUIRED and verifies nothing, so the callback is never called."""

    @property
    def verify_mode(self):
        return self._mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._mode = mode
        self._inner.verify_mode = 0


class DropsMode(SSLContext):
    """Does not keep CERT_REQUIRED."""

    @property
    def verify_mode(self):
        return 0

    @verify_mode.setter
    def verify_mode(self, mode):
        pass


class NeverCallsBack(SSLContext):
    """Verifies, but has no use for a callback."""

    @property
    def verify_callback(self):
        return None

    @verify_callback.setter
    def verify_callback(self, callback):
        pass


class IgnoresAnswer(IgnoresMode):
    """Calls back, takes no notice of what is answered, and accepts everything."""

    @property
    def verify_mode(self):
        return self._mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._mode = mode
        self._inner.verify_mode = 1

    @property
    def verify_callback(self):
        return None

    @verify_callback.setter
    def verify_callback(self, callback):
        def see(certificate, depth):
            callback(certificate, depth)
            return 0

        self._inner.verify_callback = see


class IgnoresSuites(SSLContext):
    """Offers what it likes."""

    def set_ciphers(self, suites):
        self._inner.set_ciphers(["TLS-RSA-WITH-AES-128-GCM-SHA256"])


class KnowsNoSuites(SSLContext):
    """Lacks ECDHE with AES-GCM."""

    def set_ciphers(self, suites):
        self._inner.set_ciphers(["TLS-NO-SUCH-SUITE"])


class LoadsNothing(SSLContext):
    """Takes an anchor and forgets it."""

    def load_verify_locations(self, certificate):
        pass


class CanNotLoad:
    """As an ESP8266's: no way to load an anchor."""

    def __init__(self, protocol):
        self.verify_mode = 0


def lying_tls(job):
    """Each TLS that lies, one after the other."""
    reports = {}
    for lie in (
        IgnoresMode,
        DropsMode,
        NeverCallsBack,
        IgnoresAnswer,
        IgnoresSuites,
        KnowsNoSuites,
        LoadsNothing,
        CanNotLoad,
    ):
        provide(lie)
        try:
            reports[lie.__name__] = connect(job)
        finally:
            provide(SSLContext)
    return {"reports": reports}


def work(job):
    return globals()[job["fault"]](job)


if not MICROPYTHON:
    sys.setrecursionlimit(400)  # As on a board, endless recursion is found soon.
main(work)
