"""Runs on the emulated board: one connection over its link, the library's way or by hand.

Every function prints nothing and returns a dictionary for JSON: `outcome` is "authenticated" or
the name of the exception; `micros` is emulated time from the call to the authenticated stream.
"""

import gc

import hostlink


def leave(count):
    """Take memory until `count` bytes of the heap are free; hold what is returned."""
    gc.collect()
    surplus = gc.mem_free() - count
    return bytearray(surplus) if surplus > 0 else None


def holes(size, gap, count):
    """Fragment the heap: `count` holes of `size` bytes between blocks of `gap`; hold the result."""
    blocks = []
    spaces = []
    for _ in range(count):
        spaces.append(bytearray(size))
        blocks.append(bytearray(gap))
    return blocks


def trusted(host, port, free=0, message=b"hello", timeout=None, fragmented=False, **options):
    """Connect with ats_trust. free: bytes of heap to leave; options: TrustedContext's."""
    from ats_trust import context

    def call(raw):
        return context(host, **options).wrap_socket(raw, server_hostname=host)

    return _meet(call, port, free, message, timeout, fragmented)


def by_hand(host, port, free=0, message=b"hello", timeout=None, fragmented=False, root="/root.der"):
    """The shortest correct code: the C module, one root, CERT_REQUIRED, the host's name."""
    import tls

    def call(raw):
        inner = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        inner.verify_mode = tls.CERT_REQUIRED
        with open(root, "rb") as file:
            inner.load_verify_locations(file.read())
        return inner.wrap_socket(raw, server_hostname=host)

    return _meet(call, port, free, message, timeout, fragmented)


def _meet(call, port, free, message, timeout, fragmented):
    raw = hostlink.Link(port)
    if timeout is not None:
        raw.settimeout(timeout)
    held = [holes(256, 512, 40) if fragmented else None]
    held.append(leave(free) if free else None)
    gc.collect()
    before = gc.mem_free()
    result = {"free": before}
    stream = None
    try:
        start = hostlink.micros()
        stream = call(raw)
        result["micros"] = hostlink.micros() - start
        peak_garbage = gc.mem_free()
        gc.collect()
        result["kept"] = before - gc.mem_free()
        result["suite"] = stream.cipher()[0]
        stream.write(message)
        result["outcome"] = "authenticated"
        result["garbage"] = gc.mem_free() - peak_garbage
    except Exception as error:
        held.clear()
        result["outcome"] = type(error).__name__
        result["detail"] = str(error)
        result["code"] = getattr(error, "code", None)
    if stream is not None:
        stream.close()
    raw.close()
    held.clear()
    stream = None
    gc.collect()
    result["after"] = gc.mem_free()
    return result
