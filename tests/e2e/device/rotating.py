"""Run the documentation's program for rotation until it is killed. MicroPython only.

sys.argv[1]: a JSON file with {"host", "port"}: where the name of the endpoint leads to. It is read
at each connection, so that a test can move the server. sys.argv[2]: QoS of what is published.
"""

import json
import socket
import sys


class _Doors:
    """What loopback/socket.py asks: whether it knows a name, and its port."""

    def _read(self):
        with open(sys.argv[1]) as file:
            return json.load(file)

    def __contains__(self, host):
        return self._read()["host"] == host

    def __getitem__(self, host):
        return self._read()["port"]


socket.DOORS = _Doors()
if sys.argv[2] == "1":
    from umqtt import simple

    class MQTTClient(simple.MQTTClient):
        """The same client, whose messages are acknowledged."""

        def publish(self, topic, msg, retain=False, qos=1):
            super().publish(topic, msg, retain, qos)

        def subscribe(self, topic, qos=1):
            super().subscribe(topic, qos)

    simple.MQTTClient = MQTTClient

import rotation  # noqa: E402, F401  It does not return.
