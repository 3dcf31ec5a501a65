"""Runs on the emulated board: what it takes to check one signature, made in one of several ways.

`costs` wants a board that was just reset. A way is "rsa", "ecdsa" (ats_trust.signature) or "pss".
"""

import gc
import json
from binascii import unhexlify

import hostlink
from ballast import occupy

_LEAST_EVER, _STEP = 2 * 1024, 256


def costs(way, cases, roomy, tight):
    """Return bytes and emulated microseconds for JSON.

    cases: the path of a file by the host, name -> case; "good" is the only good one.
    held: heap kept by the code and what it imports. good: the time of a good signature; roomy,
    tight: the same with so much free heap as these say. wrong: the time of the slowest of all
    others; slowest: its name. least: the free heap, in one piece, that a good one needs.
    """
    with open(cases) as file:
        known = json.load(file)
    begin = _free()
    check = _ready(way)
    result = {"held": begin - _free()}
    result["good"] = _timed(check, known["good"])
    result["wrong"], result["slowest"] = max(
        (_timed(check, known[name]), name) for name in known if name != "good"
    )
    good = _parts(known["good"])
    del known
    # Upward: what fails does so at once, and what just suffices takes by far the longest.
    result["least"] = _LEAST_EVER
    while not _micros(check, good, result["least"]):
        result["least"] += _STEP
    result["roomy"] = _micros(check, good, roomy)
    result["tight"] = _micros(check, good, tight)
    return result


def _ready(way):
    if way == "pss":
        from pss import check

        return check
    from ats_trust.signature import check

    return lambda key, digest, signature: check(key, way + "-sha256", digest, signature)


def _timed(check, case):
    """Microseconds, with all memory there is; the answer must be the right one."""
    parts = _parts(case)
    gc.collect()
    start = hostlink.micros()
    answer = check(*parts)
    micros = hostlink.micros() - start
    if answer is not case["holds"]:
        raise ValueError("the check says %r" % answer)
    return micros


def _micros(check, parts, free):
    """Microseconds of a check with so much heap, or 0 if that is too little."""
    held = occupy(free, "one piece")
    start = hostlink.micros()
    try:
        check(*parts)
        micros = hostlink.micros() - start
    except MemoryError:
        held, micros = None, 0
    del held
    return micros


def _parts(case):
    """The arguments: key, digest, signature."""
    kind, *numbers = case["key"]
    key = [unhexlify(number) for number in numbers]
    if kind == "rsa":
        key = [int.from_bytes(number, "big") for number in key]
    key.insert(0, kind)
    return tuple(key), unhexlify(case["digest"]), unhexlify(case["signature"])


def _free():
    gc.collect()
    return gc.mem_free()
