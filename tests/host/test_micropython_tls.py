"""The host's `tls` does what MicroPython's does: each case runs on both, against a real server."""

from functools import partial

import pytest

import tls_parity
from tls_cases import CASES


@pytest.fixture
def both(newest_micropython, tmp_path):
    """A function: run a case on MicroPython and here, and compare."""
    return partial(tls_parity.compare, newest_micropython, tmp_path)


@pytest.mark.parametrize("what", CASES)
def test_handshake(both, what):
    """The same verdict, exception, callbacks, data and alert as on MicroPython."""
    both(*CASES[what]())


REFUSED = ["good ECDSA", "good RSA", "wrong CA", "expired", "no CA", "for clients only"]
REFUSED += ["critical name constraint", "callback refuses at the leaf", "callback raises"]
REFUSED += ["client certificate, ECDSA", "CA loaded in mid-handshake", "callback gives a string"]


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("first", ["write", "read", "drive", "recv", "readline"])
def test_deferred_handshake(both, what, first):
    """The first read or write makes the handshake and raises what it raises; so does the next."""
    handle, told = CASES[what]()
    begin = [first, "question"] if first == "write" else [first]
    if first in ("read", "recv"):
        begin.append(4)
    # The server speaks only when asked, so a first read of a good connection comes last.
    asked = [] if first == "write" else [["write", "question"]]
    steps = [*asked, begin, ["write", "more"], ["read", 4], ["close"], ["read", 1]]
    both(handle, {**told, "deferred": True, "steps": steps}, same_view=False)


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("deferred", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_stream_that_would_block(both, what, deferred, stream):
    """With setblocking(False) calls give None until they can go on; the outcome is the same."""
    handle, told = CASES[what]()
    steps = [["patiently", "write", "question"], ["drive"], ["patiently", "read", 10], ["close"]]
    told = {**told, "nonblocking": True, "deferred": deferred, "stream": stream, "steps": steps}
    both(handle, told)


def test_too_many_faults_have_no_text(both):
    """MicroPython has room for 255 bytes of text; with more there is only the number."""
    outcome = both(*CASES["more faults than the text holds"]())
    assert outcome["error"] == ["OSError", -9984, "MBEDTLS_ERR_X509_CERT_VERIFY_FAILED"]
