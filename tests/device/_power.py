"""Power that fails while a board's files are written.

On MicroPython the files lie on a real LittleFS, or FAT, on a block device in memory that stops at
an operation. CPython has no such file system: there what the modules do with files is cut off, and
a file that is opened to be written is empty at once, as on FAT.
"""

import gc
import os
import sys

from _field import Field
from _made import unused_path

from ats_trust import slots, update

_MICROPYTHON = sys.implementation.name == "micropython"
if _MICROPYTHON:
    import vfs

_BLOCK = 512
_BLOCKS = 64
_EIO = -5


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
            return 0
        self.count += 1
        if self.left == 0:
            self.failed = True
            return size // 2 if self.torn else 0
        self.left -= 1
        return size


class Flash:
    """A block device for MicroPython. blocks: list of what is in them, in small pieces."""

    def __init__(self, power, blocks):
        self.power = power
        self.blocks = blocks

    def readblocks(self, number, buffer, offset=0):
        if self.power.failed:
            return _EIO
        size = len(buffer)
        if offset + size <= _BLOCK:
            block = self.blocks[number]
            buffer[:] = block if size == _BLOCK else memoryview(block)[offset : offset + size]
            return 0
        buffer[:] = b"".join(self.blocks[number : number + size // _BLOCK])
        return 0

    def writeblocks(self, number, buffer, offset=0):
        view = memoryview(buffer)
        done = self.power.operation(len(buffer))
        for start in range(0, done, _BLOCK):
            size = min(_BLOCK, done - start)
            self.blocks[number][offset : offset + size] = view[start : start + size]
            number += 1
        return _EIO if self.power.failed else 0

    def ioctl(self, what, argument):
        if what == 6:  # Erase: what it leaves on a flash is ones.
            done = self.power.operation(_BLOCK)
            self.blocks[argument][:done] = b"\xff" * done
            return _EIO if self.power.failed else 0
        return _BLOCKS if what == 4 else _BLOCK if what == 5 else 0


class _Files:
    """In place of `os` and `open` in the modules that write."""

    def __init__(self, power):
        self._power = power
        self.statvfs = os.statvfs

    def remove(self, path):
        os.stat(path)  # Only what is there is an operation.
        if self.done(1):
            os.remove(path)
        self.check()

    def open(self, path, mode):
        self.check()
        if "w" in mode:
            self.done(1)
            self.check()
        return _File(self, open(path, mode, buffering=0))

    def done(self, size):
        self.check()
        return self._power.operation(size)

    def check(self):
        if self._power.failed:
            raise OSError(5)


class _File:
    def __init__(self, files, file):
        self._files = files
        self._file = file
        self.readinto = file.readinto
        self.read = file.read

    def write(self, data):
        done = self._files.done(len(data))
        self._file.write(bytes(data)[:done])
        self._files.check()
        return len(data)

    def close(self):
        self._file.close()
        self._files.check()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class PoweredField(Field):
    """A Field whose power can fail: self.power."""

    kind = "VfsLfs2"

    def mount(self):
        self.power = Power()
        # Hundreds of rounds: garbage is collected when memory asks for it, and not before.
        self._tidy = slots.tidy
        slots.tidy = update.tidy = lambda: None
        if not _MICROPYTHON:
            self._replace(_Files(self.power))
            return super().mount()
        place = unused_path().replace("/tmp", "")
        # Two, of which one is in use.
        self._blocks = [[bytearray(_BLOCK) for _ in range(_BLOCKS)] for _ in range(2)]
        self._flash = Flash(self.power, self._blocks[0])
        self._vfs().mkfs(self._flash)
        vfs.mount(self._made(), place)
        self._place = place
        return place

    def unmount(self, place):
        slots.tidy = update.tidy = self._tidy
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
            self._start(self._flash.blocks)

    def _start(self, blocks):
        """Boot with this in the flash."""
        vfs.umount(self._place)
        # Files that were open when the power went are closed when nobody knows of them any more,
        # and then still write: to a flash that is no longer in use.
        used, spare = self._blocks
        for number in range(_BLOCKS):
            spare[number][:] = blocks[number]
        gc.collect()
        self._blocks = spare, used
        self.power = Power()
        self._flash = Flash(self.power, spare)
        vfs.mount(self._made(), self._place)

    def _vfs(self):
        return getattr(vfs, self.kind)

    def _made(self):
        # LittleFS with the sizes of rp2 boards.
        sizes = {"readsize": 256, "progsize": 256} if self.kind == "VfsLfs2" else {}
        return self._vfs()(self._flash, **sizes)

    def snapshot(self):
        """Return what `restore` brings back: all that is on flash now."""
        if _MICROPYTHON:
            return [bytes(block) for block in self._flash.blocks]
        return self.files()

    def restore(self, snapshot):
        """Bring the flash back to what it was, with power."""
        if _MICROPYTHON:
            self._start(snapshot)
            return
        self.power.on()
        for name in os.listdir(self.folder):
            os.remove(self.folder + name)
        for name in snapshot:
            self.put(name, snapshot[name])

    def _replace(self, files):
        for module in (slots, update):
            module.os = files
            module.open = files.open
