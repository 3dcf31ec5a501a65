"""Talk MQTT to a real broker through an authenticated connection: subscribe, publish, receive.

"client" in the job: which MQTT client, one of CLIENTS.
"""

import sys

from jobs import main, options, resolve

import ats_trust

_TOPIC = b"greetings"
_MESSAGE = b"good morning"


def _talk(client, wait):
    """Subscribe, publish and receive with an umqtt client; returns what was received."""
    received = []
    client.set_callback(lambda topic, message, *_: received.append((topic, message)))
    client.subscribe(_TOPIC)
    client.publish(_TOPIC, _MESSAGE)
    while not received:
        wait()
    client.publish(_TOPIC, _MESSAGE, qos=1)
    while len(received) < 2:
        wait()
    client.ping()
    client.disconnect()
    return {"received": [message.decode() for _, message in received]}


def example(job):
    """The program of the documentation, then more with its client."""
    from example import client

    return _talk(client, client.wait_msg)


def umqtt_simple(job):
    """umqtt.simple's calls, with the device's files in place of a blob."""
    from umqtt.simple import MQTTClient

    context = ats_trust.context(job["host"], **options(job))
    client = MQTTClient("device", job["host"], ssl=context, keepalive=60)
    client.connect()
    return _talk(client, client.check_msg)


def umqtt_robust(job):
    """umqtt.robust's calls."""
    from umqtt.robust import MQTTClient

    context = ats_trust.context(job["host"], **options(job))
    client = MQTTClient("device", job["host"], ssl=context, keepalive=60)
    client.connect()
    return _talk(client, client.wait_msg)


def umqtt_simple2(job):
    """umqtt.simple2 from PyPI; it knows `ussl`, not contexts: the context is its `ussl`."""
    sys.modules["ussl"] = ats_trust.context(job["host"], **options(job))
    from umqtt.simple2 import MQTTClient

    client = MQTTClient("device", job["host"], ssl=True, keepalive=60)
    client.connect()
    return _talk(client, client.check_msg)


def aiomqttc(job):
    """aiomqttc from PyPI."""
    import asyncio

    from aiomqttc import MQTTClient

    received = []

    async def on_message(client, topic, message, retain):
        received.append(bytes(message).decode())

    async def run():
        context = ats_trust.context(job["host"], **options(job))
        client = MQTTClient("device", job["host"], 8883, ssl=context)
        client.on_message = on_message
        if not await client.connect():
            return {"class": "not connected"}
        await client.subscribe(_TOPIC)
        for qos in (0, 1):
            await client.publish(_TOPIC, _MESSAGE, qos=qos)
            while len(received) <= qos:
                await asyncio.sleep(0.01)
        await client.disconnect()
        return {"received": received}

    return asyncio.run(asyncio.wait_for(run(), 20))


def work(job):
    resolve(job)
    return globals()[job["client"]](job)


main(work)
