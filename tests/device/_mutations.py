"""Random damage to valid bytes, the same on every interpreter for the same seed."""

_TELLING = (
    b"\x00\x01\x02\x03\x04\x05\x06\x0c\x17\x18\x30\x31\x7f\x80\x81\x82\x83\x84\xa0\xa1\xa3\xff"
)


class Mutator:
    """A source of numbers (xorshift32), and of damaged copies made with them."""

    def __init__(self, seed):
        self._state = seed or 1

    def below(self, limit):
        """A number from 0 to limit - 1."""
        x = self._state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._state = x
        return x % limit

    def bytes(self, size):
        return bytes([self.below(256) for _ in range(size)])

    def damaged(self, data):
        """A copy with one to four changes: bytes changed, lost, added, moved or cut off."""
        for _ in range(1 + self.below(4)):
            if not data:
                return data
            at = self.below(len(data))
            more = 1 + self.below(8)
            kind = self.below(8)
            if kind < 2:
                data = data[:at] + bytes([data[at] ^ 1 << self.below(8)]) + data[at + 1 :]
            elif kind < 4:
                telling = _TELLING[self.below(len(_TELLING))]
                data = data[:at] + bytes([telling]) + data[at + 1 :]
            elif kind == 4:
                data = data[:at] + data[at + more :]
            elif kind == 5:
                data = data[:at] + self.bytes(more) + data[at:]
            elif kind == 6:
                source = self.below(len(data))
                data = data[:at] + data[source : source + 4 * more] + data[at + more :]
            elif self.below(4) == 0:
                data = data[:at]
        return data
