"""Take new roots by AWS IoT Jobs with MQTT clients from PyPI, in the way of each.

"client" in the job: one of the functions here. "thing": the thing's name and client id. The report
has the status of each update of the job that was published.
"""

import json
import sys

from jobs import main, options, resolve

import ats_trust

_statuses = []


def _note(payload):
    status = json.loads(payload).get("status")
    if status:
        _statuses.append(status)


def _done():
    return "SUCCEEDED" in _statuses or "FAILED" in _statuses


def umqtt_simple2(job):
    """umqtt.simple2: subscriptions are confirmed later, callbacks get more arguments."""
    sys.modules["ussl"] = ats_trust.context(job["host"], **options(job))
    from umqtt.simple2 import MQTTClient

    client = MQTTClient(job["thing"], job["host"], ssl=True, keepalive=60)

    def publish(topic, payload):
        client.publish(topic, payload, qos=1)
        _note(payload)

    jobs = ats_trust.jobs.Jobs(job["thing"], publish)
    client.set_callback(lambda topic, message, retain, dup: jobs.handle(topic, message))
    while not _done():
        client.connect()
        for topic in jobs.topics:
            client.subscribe(topic)
        jobs.start()
        while not _done() and not jobs.reconnect:
            client.wait_msg()
        client.disconnect()


def aiomqttc(job):
    """aiomqttc: what is published is sent by a task, after the callback."""
    import asyncio

    from aiomqttc import MQTTClient

    async def run():
        context = ats_trust.context(job["host"], **options(job))
        tasks = []

        def publish(topic, payload):
            tasks.append(asyncio.create_task(client.publish(topic, payload)))
            _note(payload)

        async def on_message(client, topic, message, retain):
            jobs.handle(topic, message)

        jobs = ats_trust.jobs.Jobs(job["thing"], publish)
        while not _done():
            client = MQTTClient(job["thing"], job["host"], 8883, ssl=context)
            client.on_message = on_message
            if not await client.connect():
                raise OSError("not connected")
            for topic in jobs.topics:
                await client.subscribe(topic)
            jobs.start()
            while not _done() and not jobs.reconnect:
                await asyncio.sleep(0.01)
            while tasks:
                await tasks.pop()
            await client.disconnect()

    asyncio.run(asyncio.wait_for(run(), 40))


def work(job):
    resolve(job)
    globals()[job["client"]](job)
    return {"statuses": _statuses}


main(work)
