"""Runs on the emulated board: what one connection costs, made in one of several ways.

A way is "library" (ats_trust), "by_hand" (the shortest correct code over the port's own `tls`) or
"unverified" (what tutorials do). Each function wants a board that was just reset and returns a
dictionary for JSON. Bytes are of the Python heap, which TLS shares on this port.
"""

import gc
import io
import random
import sys

import hostlink
from ballast import occupy


def _ready(way, roots):
    """Do the imports of a way; return its function host -> context."""
    if way == "library":
        from ats_trust import context

        return lambda host: context(host, bundle=roots)

    import tls

    def by_hand(host):
        inner = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        inner.verify_mode = tls.CERT_REQUIRED
        with open(roots, "rb") as file:
            inner.load_verify_locations(file.read())
        return inner

    def unverified(host):
        inner = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        inner.verify_mode = tls.CERT_NONE
        return inner

    return by_hand if way == "by_hand" else unverified


def _live():
    """What a program leaves in a heap: objects of many sizes, about half of them dropped again.

    Hold what is returned. Drawn from random's seed, so each seed is one layout of the heap.
    """
    made = [bytearray(random.choice((16, 16, 32, 64, 128, 256, 512))) for _ in range(250)]
    for i in range(len(made)):
        if random.getrandbits(1):
            made[i] = None
    gc.collect()
    return made


def duration(way, host, port, roots, seed):
    """Emulated microseconds of the import, and from the call to the authenticated stream.

    seed: of the heap's layout at the call; the program was at work before the import and after.
    0: nothing was there before, for the time of a first import.
    """
    random.seed(seed)
    before = _live() if seed else None
    start = hostlink.micros()
    make = _ready(way, roots)
    imported = hostlink.micros() - start
    after = _live() if seed else None
    raw = hostlink.Link(port)
    gc.collect()
    start = hostlink.micros()
    stream = make(host).wrap_socket(raw, server_hostname=host)
    micros = hostlink.micros() - start
    suite = stream.cipher()[0]
    stream.write(b"hello")
    stream.close()
    del before, after
    return {"import": imported, "call": micros, "suite": suite}


def heap(way, host, port, roots, apart):
    """Bytes that are kept, garbage collected: by the import, context, handshake and connection.

    All but the import's count from before the import on. "handshake" is the most that was held
    when the TLS read from the socket or wrote to it. apart: the name of a module; "apart" says
    whether it was loaded in the handshake, at that moment, and once connected.
    """
    gc.collect()
    begin = gc.mem_free()
    make = _ready(way, roots)
    gc.collect()
    result = {"import": begin - gc.mem_free()}
    raw = hostlink.Link(port)
    watched = _Watched(raw, apart)
    gc.collect()
    # The measure's own objects are nobody's cost.
    begin = gc.mem_free() + result["import"]
    context = make(host)
    gc.collect()
    result["context"] = begin - gc.mem_free()
    stream = context.wrap_socket(watched, server_hostname=host)
    gc.collect()
    result["connected"] = begin - gc.mem_free()
    result["handshake"] = begin - watched.least
    result["apart"] = {"handshake": watched.loaded, "connected": apart in sys.modules}
    stream.write(b"hello")
    stream.close()
    return result


class _Watched(io.IOBase):
    """The link, looking at the heap whenever the TLS uses it."""

    def __init__(self, raw, apart):
        self._raw = raw
        self._apart = apart
        self.least = gc.mem_free()
        self.loaded = False

    def _look(self):
        gc.collect()
        free = gc.mem_free()
        if free < self.least:
            self.least = free
            self.loaded = self._apart in sys.modules

    def readinto(self, buffer):
        """Read from the link."""
        self._look()
        return self._raw.readinto(buffer)

    def write(self, data):
        """Write to the link."""
        self._look()
        return self._raw.write(data)

    def ioctl(self, request, arg):
        """Close the link; nothing else is asked of it."""
        if request == 4:
            self._raw.close()
        return 0


def attempt(way, host, port, roots, free):
    """Connect with `free` bytes of heap at the call, in one piece and no hole beside it."""
    make = _ready(way, roots)
    raw = hostlink.Link(port)
    held = occupy(free, "one piece")
    result = {"free": gc.mem_free(), "error": None}
    try:
        stream = make(host).wrap_socket(raw, server_hostname=host)
        stream.write(b"hello")
        stream.close()
    except Exception as error:
        held = None
        result["error"] = type(error).__name__ + ": " + str(error)
    raw.close()
    del held
    return result


def install(path, free):
    """Install the update at this path with `free` bytes of heap, 0: with all that is there.

    "version" and "millis"; or "error", a code.
    """
    from ats_trust import update

    source = open(path, "rb")
    held = occupy(free, "one piece") if free else None
    start = hostlink.micros()
    try:
        version = update.install(source)
        return {"version": version, "millis": (hostlink.micros() - start) // 1000}
    except Exception as error:
        held = None
        return {"error": getattr(error, "code", repr(error))}
    finally:
        del held
        source.close()


def connections(host, port, seed):
    """Emulated microseconds to the authenticated streams of a program with the roots in force.

    "first": with the making of the context; "next": again with the same one. seed: as above.
    """
    random.seed(seed)
    before = _live()
    from ats_trust import context

    after = _live()
    made = None
    result = {}
    for which in ("first", "next"):
        raw = hostlink.Link(port)
        gc.collect()
        start = hostlink.micros()
        made = made or context(host)
        stream = made.wrap_socket(raw, server_hostname=host)
        result[which] = hostlink.micros() - start
        stream.write(b"hello")
        stream.close()
        stream = None
    del before, after
    return result


def kept_by_updates():
    """Bytes of heap that the modules keep which a connection imports where there are updates."""
    from ats_trust import context

    del context  # The package imports its modules when they are asked for.
    gc.collect()
    before = gc.mem_free()
    __import__("ats_trust.slots")
    gc.collect()
    return before - gc.mem_free()


def modules(package, host, port, roots):
    """Print, for each module of a package that a connection imports, what was there before, after.

    Lines of "begin" or "end", name and free bytes, each followed by what MicroPython says of its
    interned strings. Modules import each other, so these are nested.
    """
    import builtins

    import micropython

    imported = builtins.__import__

    def tell(moment, name):
        gc.collect()
        print(moment, name, gc.mem_free())
        micropython.qstr_info()

    def watch(name, scope=None, names=None, wanted=None, level=0):
        if level:
            # Its own function knows a relative name only from the importing module's code.
            name = package + ("." + name if name else "")
        if name in sys.modules or not name.startswith(package):
            return imported(name, None, None, wanted)
        tell("begin", name)
        module = imported(name, None, None, wanted)
        tell("end", name)
        return module

    gc.collect()
    builtins.__import__ = watch
    try:
        make = _ready("library", roots)
        make(host).wrap_socket(hostlink.Link(port), server_hostname=host).close()
    finally:
        builtins.__import__ = imported
