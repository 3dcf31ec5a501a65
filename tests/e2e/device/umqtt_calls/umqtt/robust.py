"""What umqtt.robust does with a failure: it takes OSError for the network and tries for ever."""

import time

from . import simple


class MQTTClient(simple.MQTTClient):
    """simple's client, reconnecting."""

    DELAY = 2

    def delay(self, i):
        time.sleep(self.DELAY)

    def reconnect(self):
        i = 0
        while True:
            try:
                return super().connect(False)
            except OSError:
                i += 1
                self.delay(i)

    def publish(self, topic, msg, retain=False, qos=0):
        while True:
            try:
                return super().publish(topic, msg, retain, qos)
            except OSError:
                self.reconnect()
