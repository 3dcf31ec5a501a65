"""A program that takes new roots by AWS IoT Jobs, as the documentation has it."""
# ruff: noqa: I001 - in the order of the documentation

import time

import ats_trust
from umqtt.simple import MQTTClient

dev = ats_trust.load_device("device.bin")
client = MQTTClient(dev.client_id, dev.host, ssl=dev.context(), keepalive=60)
jobs = ats_trust.jobs.Jobs(dev.client_id, client.publish)  # the thing has the client's name


def received(topic, message):
    if not jobs.handle(topic, message):
        print("for the program:", topic, message)


client.set_callback(received)
while True:
    try:
        ats_trust.set_clock()
        client.connect()
        for topic in jobs.topics:
            client.subscribe(topic)
        jobs.start()
        while not jobs.reconnect:
            client.ping()
            for _ in range(20):
                client.check_msg()
                time.sleep(1)
        client.disconnect()
    except (OSError, ats_trust.TrustError) as error:
        print(repr(error))
        time.sleep(60)  # Then again, also after a refusal: so an update is gone back from.
