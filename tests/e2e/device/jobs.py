"""What the device programs share: read jobs, report each as one line of JSON.

A job is {"host", "port", "options" (for ats_trust.context)} and what else a program wants.
Bytes stand in JSON as {"hex": "..."}. The same file runs under MicroPython and CPython.
"""

import binascii
import json
import sys

ADDRESS = "127.0.0.1"
# An MQTT CONNECT (MQTT 3.1.1, 3.1), as the first message of an application.
CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05hello"

MICROPYTHON = sys.implementation.name == "micropython"
if not MICROPYTHON:
    from ats_trust_tools import micropython_tls

    micropython_tls.install()


def main(work):
    """Report what `work(job)`, which returns a dictionary, does with each job."""
    with open(sys.argv[1]) as file:
        jobs = json.load(file)
    for job in jobs:
        print(json.dumps(attempt(work, job)))


def attempt(action, *args):
    """Return what `action(*args)` reports, or how it was refused."""
    from ats_trust import TrustError

    try:
        report = {"class": "accepted"}
        found = action(*args)
        report.update(found if isinstance(found, dict) else {})
        return report
    except TrustError as error:
        return refusal(error)
    except Exception as error:
        # What is of the network is an OSError; CPython has names of its own for some of them.
        name = "OSError" if isinstance(error, OSError) else type(error).__name__
        return {"class": name, "text": repr(error)[:200]}


def refusal(error):
    """Return a TrustError as a report."""
    return {
        "class": type(error).__name__,
        "code": error.code,
        "stage": error.stage,
        "detail": error.detail,
        "remedy": error.remedy,
    }


def options(job):
    """Return the job's options for ats_trust.context, ready to be passed on."""
    return decoded(job.get("options", {}))


def decoded(value):
    """Return a value of a job with {"hex": ...} turned into bytes."""
    if isinstance(value, dict):
        if list(value) == ["hex"]:
            return binascii.unhexlify(value["hex"])
        return {key: decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value


def resolve(job):
    """Make the name of the job's host lead to its door, whatever port is asked for."""
    import socket

    if MICROPYTHON:
        socket.DOORS[job["host"]] = job["port"]
        sys.modules["usocket"] = socket  # The name that older MQTT clients import.
        return
    genuine = socket.getaddrinfo

    def getaddrinfo(host, port, *rest, **named):
        if host == job["host"]:
            port = job["port"]
        elif host != ADDRESS:
            raise OSError(-2)  # No test asks a DNS server, see loopback/socket.py.
        return genuine(ADDRESS, port, *rest, **named)

    socket.getaddrinfo = getaddrinfo


def is_closed(raw):
    """Whether a socket was closed."""
    try:
        raw.setblocking(True)
    except OSError:
        return True
    return False


def raw_socket(job, timeout=5):
    """Return a socket that is connected to the job's door."""
    import socket

    raw = socket.socket()
    raw.settimeout(timeout)
    raw.connect(socket.getaddrinfo(ADDRESS, job["port"])[0][-1])
    return raw


def exchange(job, stream):
    """Send CONNECT over an authenticated stream, close it; return a report.

    With "answer" in the job the first bytes that come back are in it; else none are waited for,
    since a door without a broker says nothing.
    """
    report = {"suite": stream.cipher()[0]}
    stream.write(CONNECT)
    if job.get("answer"):
        report["answer"] = list(stream.read(4) or b"")
    stream.close()
    return report
