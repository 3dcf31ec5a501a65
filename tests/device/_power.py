"""Power that fails while a board's files are written.

On MicroPython the files lie on a real LittleFS, or FAT, on a block device in memory that stops at
an operation. CPython has no such file system: there what the modules do with files is cut off, and
a file that is opened to be written is empty at once, as on FAT.
"""

import os
import sys

from _field import Field
from _made import unused_path

from ats_trust import slots, update

_MICROPYTHON = sys.implementation.name == "micropython"
if _MICROPYTHON:
    import vfs

_BLOCK = 512
_BLOCKS = 128


class Power:
    """count: operations since the last `on`. left: how many more, then it fails; -1: it does not.

    torn: of the operation that it fails in, half is done; else nothing.
    """

    def __init__(self):
        self.on()

    def on(self):
        self.count = 0
        self.left = -1
        self.torn = self.failed = False

    def operation(self, size):
        """Return how many of `size` bytes of an operation are done."""
        if self.failed:
            raise OSError(5)
        self.count += 1
        if self.left == 0:
            self.failed = True
            return size // 2 if self.torn else 0
        self.left -= 1
        return size

    def check(self):
        if self.failed:
            raise OSError(5)


class Flash:
    """A block device for MicroPython."""

    def __init__(self, power, data):
        self.power = power
        self.data = data

    def readblocks(self, number, buffer, offset=0):
        self.power.check()
        start = number * _BLOCK + offset
        buffer[:] = self.data[start : start + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        start = number * _BLOCK + offset
        done = self.power.operation(len(buffer))
        self.data[start : start + done] = memoryview(buffer)[:done]
        self.power.check()

    def ioctl(self, what, argument):
        if what == 6:  # Erase: what it leaves on a flash is ones.
            start = argument * _BLOCK
            done = self.power.operation(_BLOCK)
            self.data[start : start + done] = b"\xff" * done
            self.power.check()
        return _BLOCKS if what == 4 else _BLOCK if what == 5 else 0


class _File:
    def __init__(self, power, path, mode):
        self._power = power
        power.check()
        if "w" in mode:
            power.operation(1)
            power.check()
        self._file = open(path, mode, buffering=0)
        self.readinto = self._file.readinto
        self.read = self._file.read

    def write(self, data):
        done = self._power.operation(len(data))
        self._file.write(bytes(data)[:done])
        self._power.check()
        return len(data)

    def close(self):
        self._file.close()
        self._power.check()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _Files:
    """In place of `os` and `open` in the modules that write."""

    def __init__(self, power):
        self._power = power
        self.statvfs = os.statvfs

    def remove(self, path):
        self._power.check()
        os.stat(path)  # Only what is there is an operation.
        if self._power.operation(1):
            os.remove(path)
        self._power.check()

    def open(self, path, mode):
        return _File(self._power, path, mode)


class PoweredField(Field):
    """A Field whose power can fail: self.power."""

    kind = "VfsLfs2"

    def mount(self):
        self.power = Power()
        if not _MICROPYTHON:
            self._replace(_Files(self.power))
            return super().mount()
        place = unused_path().replace("/tmp", "")
        self._flash = Flash(self.power, bytearray(_BLOCK * _BLOCKS))
        getattr(vfs, self.kind).mkfs(self._flash)
        vfs.mount(getattr(vfs, self.kind)(self._flash), place)
        self._place = place
        return place

    def unmount(self, place):
        if _MICROPYTHON:
            vfs.umount(place)
        else:
            self.reboot()
            for module in (slots, update):
                module.os = os
                del module.open
            super().unmount(place)

    def reboot(self):
        """Power again. What was in memory is gone: on MicroPython the flash is another object."""
        self.power.on()
        if _MICROPYTHON:
            vfs.umount(self._place)
            # A copy, since finalisers of files that were open still write to the old one.
            self.power = Power()
            self._flash = Flash(self.power, bytearray(self._flash.data))
            vfs.mount(getattr(vfs, self.kind)(self._flash), self._place)

    def _replace(self, files):
        for module in (slots, update):
            module.os = files
            module.open = files.open
