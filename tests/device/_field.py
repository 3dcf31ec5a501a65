"""A board in the field, for tests: a folder for a library's files, first in sys.path."""

import os
import sys

import data_roots as roots
from _made import trimmed, unused_path
from _pace import PacedCase
from _signed import signed_bundle

from ats_trust import signature, slots, update
from ats_trust.der import header

EC = trimmed(roots.EC_ROOT)
RSA = trimmed(roots.RSA_ROOT)


class Clock:
    """In place of the module `time` in `slots`: it stands still but for what a test adds."""

    def __init__(self):
        self.now = 1_800_000_000

    def time(self):
        return self.now


_verdicts = {}


def _check(key, algorithm, digest, value):
    """Check each signature once: on a board to do so again takes longer than all the rest."""
    name = key[1], digest, value
    if name not in _verdicts:
        if len(_verdicts) > 1000:
            _verdicts.clear()
        _verdicts[name] = signature.check(key, algorithm, digest, value)
    return _verdicts[name]


class Field(PacedCase):
    """folder: the library's folder of this board, with "/". clock: what `slots` takes for time."""

    def setUp(self):
        super().setUp()
        self.clock = Clock()
        before = slots.time
        slots.time = self.clock
        update.check = _check
        place = self.mount()
        os.mkdir(place + "/ats_trust")
        sys.path.insert(0, place)
        self.folder = place + "/ats_trust/"

        def cleanup():
            slots.time = before
            update.check = signature.check
            sys.path.remove(place)
            self.unmount(place)

        self.addCleanup(cleanup)

    def mount(self):
        """Make the folder that goes into sys.path, and return it."""
        place = unused_path()
        os.mkdir(place)
        return place

    def unmount(self, place):
        """Remove it."""
        for name in os.listdir(self.folder):
            os.remove(self.folder + name)
        os.rmdir(place + "/ats_trust")
        os.rmdir(place)

    def base(self, *anchors, **fields):
        """Bring a signed bundle by cable; version 1 where nothing else is said."""
        fields["version"] = fields.get("version", 1)
        self.put("roots_field.bin", signed_bundle(*(anchors or ((0x12, EC),)), **fields))

    def put(self, name, data):
        with open(self.folder + name, "wb") as file:
            file.write(data)

    @staticmethod
    def digest(data):
        """The digest of a bundle as update.status() has it."""
        start = header(data, 0, len(data))[1]
        start = header(data, start, len(data))[2]
        return data[start + 2 : start + 10].hex()

    def files(self):
        """Everything that is in the folder: {name: content}."""
        found = {}
        for name in os.listdir(self.folder):
            with open(self.folder + name, "rb") as file:
                found[name] = file.read()
        return found
