"""Makes exactly the calls that MicroPython's umqtt.simple makes on its socket, in their order.

Not that client: it answers nothing it need not, and exists because umqtt.simple is not on PyPI
as it is today. What matters: `ssl.wrap_socket(sock, server_hostname=...)` for a context, which of
the sockets is held when that fails, and how `write`, `read` and `setblocking` are called.
"""

import socket
import struct
import sys


class MQTTException(Exception):
    """The broker's answer to CONNECT was not 0."""


class MQTTClient:
    """The same constructor and methods as umqtt.simple's."""

    def __init__(
        self,
        client_id,
        server,
        port=0,
        user=None,
        password=None,
        keepalive=0,
        ssl=None,
        ssl_params=None,
    ):
        self.client_id = client_id
        self.server = server
        self.port = port or (8883 if ssl else 1883)
        self.keepalive = keepalive
        self.ssl = ssl
        self.ssl_params = ssl_params or {}
        self.sock = None
        self.cb = None
        self.pid = 0

    def set_callback(self, f):
        self.cb = f

    def connect(self, clean_session=True, timeout=None):
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        self.sock.connect(socket.getaddrinfo(self.server, self.port)[0][-1])
        if self.ssl is True:
            import ssl

            self.sock = ssl.wrap_socket(self.sock, **self.ssl_params)
        elif self.ssl:
            self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)
        header = bytearray(b"\x10\0\0\0\0\0")
        header[1] = 12 + len(self.client_id)
        self.sock.write(header, 2)
        flags = b"\x02" if clean_session else b"\0"
        self.sock.write(b"\0\x04MQTT\x04" + flags + struct.pack("!H", self.keepalive))
        self._send_str(self.client_id)
        answer = self.sock.read(4)
        assert answer[0] == 0x20 and answer[1] == 2  # As there; IndexError when it hung up.
        if answer[3] != 0:
            raise MQTTException(answer[3])
        return answer[2] & 1

    def disconnect(self):
        self.sock.write(b"\xe0\0")
        self.sock.close()

    def ping(self):
        self.sock.write(b"\xc0\0")

    def publish(self, topic, msg, retain=False, qos=0):
        packet = bytearray(b"\x30\0\0\0")
        packet[0] |= qos << 1 | retain
        size = 2 + len(topic) + len(msg) + (2 if qos else 0)
        count = 1
        while size > 127:
            packet[count] = size & 127 | 128
            size >>= 7
            count += 1
        packet[count] = size
        self.sock.write(packet, count + 1)
        self._send_str(topic)
        if qos:
            self.pid += 1
            pid = struct.pack("!H", self.pid)
            self.sock.write(pid)
        self.sock.write(msg)
        while qos:
            # Messages that come before the acknowledgement are handed over in here, as there.
            if self.wait_msg() == 0x40 and self.sock.read(3)[1:] == pid:
                return

    def subscribe(self, topic, qos=0):
        self.pid += 1
        packet = bytearray(b"\x82\0\0\0")
        struct.pack_into("!BH", packet, 1, 5 + len(topic), self.pid)
        self.sock.write(packet)
        self._send_str(topic)
        self.sock.write(bytes([qos]))
        while self.wait_msg() != 0x90:
            pass
        answer = self.sock.read(4)
        if answer[3] == 0x80:
            raise MQTTException(answer[3])

    def wait_msg(self):
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if first is None:
            return None
        if first == b"":
            raise OSError(-1)
        if first == b"\xd0":
            self.sock.read(1)
            return None
        if first[0] & 0xF0 != 0x30:
            return first[0]
        size = self._receive_length()
        length = struct.unpack("!H", self.sock.read(2))[0]
        topic = self.sock.read(length)
        size -= 2 + length
        if first[0] & 6:
            pid = self.sock.read(2)
            size -= 2
        self.cb(topic, self.sock.read(size))
        if first[0] & 6:
            self.sock.write(b"\x40\x02" + pid)  # Only after the callback has returned.
        return first[0]

    def check_msg(self):
        self.sock.setblocking(False)
        return self.wait_msg()

    def _receive_length(self):
        size = shift = 0
        while True:
            octet = self.sock.read(1)[0]
            size |= (octet & 127) << shift
            if octet < 128:
                return size
            shift += 7

    def _send_str(self, text):
        if isinstance(text, str) and sys.implementation.name == "cpython":
            text = text.encode()  # MicroPython's streams take text as it is.
        self.sock.write(struct.pack("!H", len(text)))
        self.sock.write(text)
