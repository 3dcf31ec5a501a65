"""The first program of a user, as the documentation has it."""
# ruff: noqa: I001 - in the order of the documentation

import ats_trust
from umqtt.simple import MQTTClient

dev = ats_trust.load_device("device.bin")  # endpoint, client id, certificate, key
ats_trust.set_clock()  # NTP, never below the bundle's build time
client = MQTTClient(dev.client_id, dev.host, ssl=dev.context(), keepalive=60)
client.connect()  # TrustError, with a remedy, unless it is AWS
