"""Ways to go on with a connection that was refused. "way" in the job is one of WAYS.

"tls" in the job: "ats_trust"; or, to show what it prevents, "required", MicroPython's own TLS
with CERT_REQUIRED and the right root loaded.
"""

import select
import sys
import time

from jobs import CONNECT, attempt, is_closed, main, options, raw_socket, refusal, resolve

import ats_trust


def context(job):
    if job.get("tls", "ats_trust") == "ats_trust":
        return ats_trust.context(job["host"], **options(job))
    import tls

    # What a careful program writes by hand, for want of anything better.
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    with open(job["root"], "rb") as file:
        made.load_verify_locations(file.read())
    return made


def umqtt_simple(job):
    """umqtt.simple's calls: connect, and when that fails, on with everything else."""
    from umqtt.simple import MQTTClient

    client = MQTTClient("device", job["host"], ssl=context(job), keepalive=60)
    client.set_callback(print)
    report = attempt(client.connect, True, job.get("timeout", 5))
    report["later"] = _go_on(client)
    return report


def _go_on(client):
    """Use a client after a refused connect; returns what each call came to."""
    later = [attempt(client.publish, b"topic", b"secret")["class"]]
    # A close with bytes unread resets the connection, and a reset takes back what was just sent.
    time.sleep(0.1)
    later.append(attempt(client.subscribe, b"topic")["class"])
    later.append(attempt(client.ping)["class"])
    later.append(attempt(client.check_msg)["class"])
    later.append(attempt(client.disconnect)["class"])
    return later


def umqtt_simple2(job):
    """umqtt.simple2 from PyPI; it knows `ussl`, not contexts: the context is its `ussl`."""
    sys.modules["ussl"] = context(job)
    from umqtt.simple2 import MQTTClient

    client = MQTTClient("device", job["host"], ssl=True, keepalive=60)
    client.set_callback(print)
    report = attempt(client.connect)
    report["later"] = _go_on(client)
    return report


class EnoughTries(Exception):
    """It would have gone on for ever."""


def umqtt_robust(job):
    """umqtt.robust's loop."""
    from umqtt.robust import MQTTClient

    def delay(i):
        if i == 5:
            raise EnoughTries

    client = MQTTClient("device", job["host"], ssl=context(job), keepalive=60)
    client.delay = delay
    return attempt(client.reconnect)


def aiomqttc(job):
    """aiomqttc from PyPI, over asyncio.open_connection(ssl=context)."""
    import asyncio

    from aiomqttc import MQTTClient

    async def run():
        client = MQTTClient("device", job["host"], 8883, ssl=context(job), keepalive=60)
        connected = await asyncio.wait_for(client.connect(timeout_sec=3), 5)
        return {"class": "accepted" if connected else "not connected"}

    return asyncio.run(run())


def read_first(job):
    """A deferred handshake that a read starts, on a blocking socket."""
    stream = context(job).wrap_socket(raw_socket(job), do_handshake_on_connect=False)
    stream.read(1)


def write_first(job):
    """A deferred handshake that a write starts, on a blocking socket."""
    stream = context(job).wrap_socket(raw_socket(job), do_handshake_on_connect=False)
    while not stream.write(CONNECT):
        pass


def poll_first(job):
    """A deferred handshake on a non-blocking socket, driven by select.poll."""
    raw = raw_socket(job)
    raw.setblocking(False)
    stream = context(job).wrap_socket(raw, do_handshake_on_connect=False)
    poller = select.poll()
    poller.register(stream, select.POLLIN)
    while True:
        if not poller.poll(5000):
            return {"class": "nothing happened"}
        if stream.read(1) == b"":
            return {"class": "end"}


class Recorder:
    """A socket that notes the first byte of all that is written to it: a TLS record's type."""

    def __init__(self, raw):
        self.raw = raw
        self.types = []
        self.readinto = raw.readinto if hasattr(raw, "readinto") else raw.recv_into
        self.close = raw.close

    def write(self, buf):
        self.types.append(buf[0])
        return self.raw.write(buf) if hasattr(self.raw, "write") else self.raw.send(buf)


def later_calls(job):
    """Every call after a refusal raises the same error, and both sockets are closed."""
    recorder = Recorder(raw_socket(job))
    raw = recorder.raw
    stream = context(job).wrap_socket(recorder, do_handshake_on_connect=False)
    first = None
    try:
        stream.write(CONNECT)
    except ats_trust.TrustError as error:
        first = error
    same = []
    for call in (
        lambda: stream.read(1),
        lambda: stream.read(),
        lambda: stream.readinto(bytearray(1)),
        lambda: stream.readline(),
        lambda: stream.write(CONNECT),
        lambda: stream.write(CONNECT, 1),
        lambda: stream.cipher(),
        lambda: stream.handshake(),
        lambda: stream.close() or stream.write(CONNECT),
    ):
        try:
            call()
            same.append(False)
        except ats_trust.TrustError as error:
            same.append(refusal(error) == refusal(first))
    return {
        "same": same,
        "closed": is_closed(raw),
        "code": first.code,
        "types": sorted(set(recorder.types)),
    }


def poll_after(job):
    """select.poll says at once that a refused stream is ready, so that nobody waits for it."""
    stream = context(job).wrap_socket(raw_socket(job), do_handshake_on_connect=False)
    attempt(stream.read, 1)
    poller = select.poll()
    poller.register(stream, select.POLLIN | select.POLLOUT)
    return {"ready": [flags for _, flags in poller.poll(2000)]}


def asyncio_stock_write(job):
    """asyncio.open_connection with the context as `ssl`, as an MQTT client does it; writes."""
    return _asyncio_stock(job, True)


def asyncio_stock_read(job):
    """The same, but the first thing it does is to read."""
    return _asyncio_stock(job, False)


def _asyncio_stock(job, write):
    import asyncio

    async def run():
        made = context(job)
        reader, writer = await asyncio.open_connection(job["host"], 8883, ssl=made)
        if write:
            writer.write(CONNECT)
            await asyncio.wait_for(writer.drain(), 5)
        await asyncio.wait_for(reader.read(1), 5)

    return asyncio.run(run())


def asyncio_own(job):
    """ats_trust.open_connection: it returns only what is authenticated."""
    import asyncio

    async def run():
        await asyncio.wait_for(
            ats_trust.open_connection(job["host"], port=job["port"], **options(job)), 5
        )

    return asyncio.run(run())


def interrupted(job):
    """Exceptions that no `except Exception` stops, in the middle of the handshake."""
    from ats_trust.judge import Judge

    see = Judge.see
    found = []
    for error in (KeyboardInterrupt, SystemExit):
        for blocking in (True, False):

            def interrupt(judge, data, depth, error=error):
                raise error

            Judge.see = interrupt
            raw = raw_socket(job)
            try:
                stream = context(job).wrap_socket(raw, do_handshake_on_connect=blocking)
                stream.write(CONNECT)
                found.append("accepted")
            except (KeyboardInterrupt, SystemExit) as caught:
                found.append("%s %s" % (type(caught) is error, is_closed(raw)))
            finally:
                Judge.see = see
    return {"found": found}


def work(job):
    resolve(job)
    return globals()[job["way"]](job)


main(work)
