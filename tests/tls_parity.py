"""Run a case on MicroPython and on the host, against the same server, and compare."""

import json
from pathlib import Path

import tls_servers as servers
from ats_trust_tools import micropython_tls
from tls_pki import HOST

PROBE = Path(__file__).with_name("tls_probe.py")
TALK = [["write", "question"], ["read", 11], ["cipher"]]


def outcomes(micropython, folder, handle, case):
    """(MicroPython's outcome, the host's, what the server saw of the two)."""
    micropython_tls.install()
    import tls_probe

    case = {"host": HOST, "steps": TALK, **case}
    with servers.serving(handle) as (port, saw):
        case["port"] = port
        path = folder / "case.json"
        path.write_text(json.dumps(case))
        done = micropython.run(PROBE, path)
        assert done.returncode == 0, done.stderr
        board = json.loads(done.stdout)
        host = json.loads(json.dumps(tls_probe.run(case)))
    assert len(saw) == 2
    return board, host, saw


def compare(micropython, folder, handle, case, *, same_view=True):
    """The outcome, which must be the same on both; `same_view`: so must what the server saw."""
    board, host, saw = outcomes(micropython, folder, handle, case)
    assert host == board
    if same_view:
        assert saw[1] == saw[0], "what the server saw of the host, and of MicroPython"
    return host
