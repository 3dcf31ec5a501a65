"""The device's side of `make demo`: what a user's own program on a board looks like.

It runs on MicroPython. It reads what to do from stdin, a list in JSON, and prints each outcome as
a line of JSON. A real program would have one of these functions and no more.
"""

import asyncio
import json
import sys
import time

import aiomqttc  # An MQTT client from PyPI, unchanged.

import ats_trust

aiomqttc.log = lambda *_: None  # It prints each step,
aiomqttc.TimeoutError = asyncio.TimeoutError  # and knows this by CPython's name only.


async def publish(task):
    """Authenticate the endpoint, then send a message to a topic and get it back."""
    dev = ats_trust.load_device(task["device"])
    ats_trust.set_clock(bundle=task["bundle"])
    context = dev.context(bundle=task["bundle"])

    received = []

    async def on_message(client, topic, message, *_):
        received.append(bytes(message).decode())

    client = aiomqttc.MQTTClient(
        client_id=dev.client_id, server=dev.host, port=dev.port, ssl=context
    )
    client.on_message = on_message
    started = time.ticks_ms()
    if not await client.connect():
        return {"outcome": "no connection"}
    took = time.ticks_diff(time.ticks_ms(), started)
    suite = client.protocol.stream.writer.s.cipher()[0]
    topic = "demo/" + dev.client_id
    await client.subscribe(topic)
    await asyncio.sleep(0.1)
    await client.publish(topic, task["message"], qos=0)
    for _ in range(100):
        if received:
            break
        await asyncio.sleep(0.05)
    await client.disconnect()
    return {
        "outcome": "message back" if received == [task["message"]] else "no message",
        "suite": suite,
        "ms": took,
    }


def meet(task):
    """Connect to whoever is there and say one word; a refusal is an exception."""
    options = {"credentials": ats_trust.load_device(task["device"]).credentials}
    if not task["with_certificate"]:
        options = {}
    stream = ats_trust.connect(
        task["host"], task["port"], task["address"], timeout=5, bundle=task["bundle"], **options
    )
    # MQTT 3.1.1 CONNECT, client id "demo".
    stream.write(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04demo")
    answer = stream.read(4)
    stream.close()
    return {"outcome": "accepted", "answer": bool(answer)}


def main():
    """Do each task; one line of JSON for each."""
    for task in json.loads(sys.stdin.read()):
        try:
            result = asyncio.run(publish(task)) if task["do"] == "publish" else meet(task)
        except ats_trust.TrustError as error:
            result = {
                "outcome": type(error).__name__,
                "code": error.code,
                "detail": error.detail,
                "remedy": error.remedy,
            }
        except OSError as error:
            result = {"outcome": "OSError", "detail": str(error)}
        print(json.dumps(result))


main()
