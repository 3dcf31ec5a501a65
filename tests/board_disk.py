"""A board's flash for MicroPython's unix port: a real LittleFS or FAT in a file of the host.

The port's own view of the host's files has no limits of a flash, and can not rename below a folder
that is mounted as `/`. This one is as small as it is said to be, and its power can fail: a file
`DISK.cut` holds how many more blocks may be written before the interpreter is killed.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    """One file system. kind: "LittleFS 2" or "FAT"; blocks: of 4096 bytes, FAT of 512."""

    path: Path
    kind: str = "LittleFS 2"
    blocks: int = 128

    def mount(self) -> str:
        """A program that mounts it at `/`, made first if it is not there yet."""
        return _MOUNT.format(
            path=str(self.path.resolve()),
            block=512 if self.kind == "FAT" else 4096,
            blocks=self.blocks,
            vfs="VfsFat" if self.kind == "FAT" else "VfsLfs2",
        )

    def cut_power_after(self, writes: int) -> None:
        """Kill the interpreter that uses it instead of the write after so many more."""
        self._cut.write_text(str(writes))

    @property
    def has_power(self) -> bool:
        """Whether the cut that was ordered has not happened; and order no more."""
        left = self._cut.exists()
        self._cut.unlink(missing_ok=True)
        return left

    @property
    def _cut(self) -> Path:
        return self.path.with_name(self.path.name + ".cut")


_MOUNT = """\
import os, sys, vfs
class Flash:
    def __init__(self, path):
        self.cut = path + ".cut"
        try:
            self.file = open(path, "r+b")
        except OSError:
            open(path, "wb").close()
            self.file = open(path, "r+b")
        try:
            with open(self.cut) as file:
                self.left = int(file.read())
        except OSError:
            self.left = -1
    def readblocks(self, number, buffer, offset=0):
        self.file.seek(number * {block} + offset)
        self.file.readinto(buffer)
    def writeblocks(self, number, buffer, offset=0):
        if self.left == 0:
            os.system("rm " + self.cut + "; kill -9 $PPID")
        self.left -= 1
        self.file.seek(number * {block} + offset)
        self.file.write(buffer)
    def ioctl(self, what, argument):
        return {blocks} if what == 4 else {block} if what == 5 else 0
flash = Flash({path!r})
os.umount("/")
try:
    if flash.file.seek(0, 2) == 0:
        vfs.{vfs}.mkfs(flash)
    os.mount(vfs.{vfs}(flash), "/")
except OSError as error:
    print("no file system:", error)
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
del os, sys, vfs, flash, Flash
"""
