"""Runs on the emulated board: one connection over its link, with the library.

Every function prints nothing and returns a dictionary for JSON: `outcome` is "authenticated" or
the name of the exception; `micros` is emulated time from the call to the authenticated stream.
"""

import gc

import hostlink


def leave(count, whole=True):
    """Take memory until `count` bytes of the heap are free; hold what is returned.

    whole: they are one piece. Otherwise the holes that are there stay, and count.
    """
    gc.collect()
    if not whole:
        return _largest(gc.mem_free() - count)
    held = [None] * 401
    held[0] = _largest(gc.mem_free())
    # With the largest piece taken, what can still be had is the holes.
    size = 4096
    filled = 0
    while size >= 16 and filled < 400:
        try:
            held[1 + filled] = bytearray(size)
            filled += 1
        except MemoryError:
            size //= 2
    size = len(held[0])
    held[0] = None
    gc.collect()
    held[0] = bytearray(max(size - count, 0))
    return held


def _largest(limit):
    """The largest bytearray of at most `limit` bytes that can be had."""
    step = limit
    size = 0
    while step >= 16:
        try:
            bytearray(size + step)
            size += step
        except MemoryError:
            pass
        gc.collect()
        step = min(step // 2, limit - size)
    return bytearray(size)


def trusted(
    host, port, free=0, message=b"hello", timeout=None, whole=True, answer=False, **options
):
    """Connect with ats_trust. free: bytes of heap left at the call; options: TrustedContext's.

    answer: wait for an answer to the message, too.
    """
    from ats_trust import context

    raw = hostlink.Link(port)
    if timeout is not None:
        raw.settimeout(timeout)
    held = leave(free, whole) if free else None
    gc.collect()
    before = gc.mem_free()
    result = {"free": before}
    stream = None
    try:
        start = hostlink.micros()
        stream = context(host, **options).wrap_socket(raw, server_hostname=host)
        result["micros"] = hostlink.micros() - start
        left = gc.mem_free()
        gc.collect()
        result["garbage"] = gc.mem_free() - left
        result["kept"] = before - gc.mem_free()
        result["suite"] = stream.cipher()[0]
        stream.write(message)
        if answer:
            stream.read(1)
        result["outcome"] = "authenticated"
    except Exception as error:
        held = None
        result["outcome"] = type(error).__name__
        result["detail"] = str(error)
        result["code"] = getattr(error, "code", None)
    if stream is not None:
        stream.close()
    raw.close()
    del held, stream
    gc.collect()
    result["after"] = gc.mem_free()
    return result
