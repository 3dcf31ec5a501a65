"""The short programs that `ats-trust flash` runs on a board, as source text.

Rules: they run on every MicroPython since 1.25 and in little memory; what they have to say is in
lines of JSON behind MARK, since a board may print what it likes between them; no byte of a private
key is ever in one. STAGING holds what has been copied and not been put into its place yet.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from .installation import DEVICE, LIBRARY

MARK = "ats_trust:"
STAGING = "/lib/.ats_trust.new"
UPDATE = "/lib/.ats_trust.update"  # A signed bundle, until it is installed or refused.
# In place of the library while its files are moved: of old and new ones nothing is imported.
STOP = b"""raise ImportError("ats_trust is half installed: run `ats-trust flash` again")\n"""
STOP_NAME = "__stop__.py"
_CHUNK = 2304  # Bytes; as text about 3 KB, which a board with little memory can still compile.


def probe() -> str:
    """What board is it, what can it do, what is on it?"""
    return _PROBE.format(mark=MARK, library=LIBRARY, staging=STAGING, device=DEVICE)


def prepare(keep: Iterable[str]) -> str:
    """Make the folders; of what an earlier run staged, keep only these names."""
    return _PREPARE.format(library=LIBRARY, staging=STAGING, keep=sorted(keep))


def copies(files: Mapping[str, bytes]) -> Iterator[str]:
    """One program after the other, in this order, that write {name: content} into STAGING."""
    for name, data in files.items():
        for start in range(0, len(data), _CHUNK):
            chunk = data[start : start + _CHUNK]
            opened = f"f=open({STAGING + '/' + name!r},'wb')\n" if start == 0 else ""
            closed = "f.close()\n" if start + _CHUNK >= len(data) else ""
            yield (
                "from binascii import a2b_base64\n"
                f"{opened}f.write(a2b_base64({base64.b64encode(chunk)!r}))\n{closed}"
                f"print({MARK + json.dumps({'copied': len(chunk)})!r})\n"
            )


def move(staged: Mapping[str, str], places: Iterable[str], removals: Iterable[str]) -> str:
    """Check what is staged, {name: SHA-256}, and put it into its places: paths on the board.

    The order is what an interruption at any moment asks for. If a part of the library changes,
    STOP first takes the place of its __init__.py, which MicroPython takes before an __init__.mpy;
    then everything else; at the end the new __init__.
    """
    moves = []
    initial = None
    for place in places:
        origin = f"{STAGING}/{staged_name(place)}"
        if PurePosixPath(place).stem == "__init__":
            initial = (origin, place)
        else:
            moves.append((origin, place))
    stop = f"{LIBRARY}/__init__.py"
    first: list[tuple[str, str]] = []
    last: list[tuple[str, str]] = []
    dropped = set(removals)
    if initial:
        first = [(f"{STAGING}/{STOP_NAME}", stop)]
        last = [initial]
        if initial[1] != stop:
            dropped.discard(stop)
    return _MOVE.format(
        mark=MARK,
        staging=STAGING,
        staged=dict(staged),
        moves=first + moves,
        removals=sorted(dropped),
        last=last,
        stopped=stop if initial and initial[1] != stop else "",
    )


def staged_name(place: str) -> str:
    """The name in STAGING of what goes to this path."""
    return PurePosixPath(place).name


def discard() -> str:
    """Give up what is staged."""
    return _DISCARD.format(staging=STAGING)


def check(now: datetime) -> str:
    """The self-test, with the clock set; and what the library says of bundle and device file.

    now: aware. Boards with a clock of their own, as computers, keep that.
    """
    return _CLOCK.format(now=_clock(now)) + _CHECK.format(mark=MARK, device=DEVICE)


def update(now: datetime) -> str:
    """Install what was copied to UPDATE, and delete that; the clock is set as for `check`."""
    return _CLOCK.format(now=_clock(now)) + _UPDATE.format(mark=MARK, path=UPDATE)


def drop_update() -> str:
    """Delete what was copied to UPDATE."""
    return _DROP_UPDATE.format(path=UPDATE)


def _clock(now: datetime) -> tuple[int, ...]:
    t = now.astimezone(UTC)
    return (t.year, t.month, t.day, t.weekday(), t.hour, t.minute, t.second, 0)


_DIGEST = """\
def digest(path):
    h = hashlib.sha256()
    b = memoryview(bytearray(512))
    size = 0
    with open(path, "rb") as f:
        while n := f.readinto(b):
            h.update(b[:n])
            size += n
    return size, binascii.hexlify(h.digest()).decode()
"""

_PROBE = (
    """\
import sys, os, gc, json, hashlib, binascii
"""
    + _DIGEST
    + """\
gc.collect()
i = sys.implementation
r = {{"name": i.name, "version": i.version[:3], "platform": sys.platform}}
r["build"] = getattr(i, "_build", None)
r["machine"] = getattr(i, "_machine", None)
r["mpy"] = getattr(i, "_mpy", None)
r["free"] = gc.mem_free()
try:
    s = os.statvfs("/")
    r["block"], r["blocks"], r["free_blocks"] = s[0], s[2], s[3]
except OSError:
    r["block"] = r["blocks"] = r["free_blocks"] = 0
r["tls"] = r["verifies"] = False
try:
    import tls
    r["tls"] = True
    r["mbedtls"] = getattr(tls, "MBEDTLS_VERSION", "")
    c = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    c.verify_mode = tls.CERT_REQUIRED
    r["verifies"] = c.verify_mode == tls.CERT_REQUIRED and hasattr(c, "load_verify_locations")
    c = None
except (ImportError, AttributeError):
    pass
path = sys.path[:]
sys.path[:] = [p for p in path if p.rstrip("/") != "/lib"]
sys.modules.pop("ats_trust", None)
try:
    import ats_trust
    r["hidden_by"] = getattr(ats_trust, "__file__", "ats_trust")
    sys.modules.pop("ats_trust", None)
    try:
        os.stat(r["hidden_by"])
    except OSError:
        r["hidden_by"] = ".frozen"
except ImportError:
    r["hidden_by"] = None
sys.path[:] = path
r["in_path"] = "/lib" in path
try:
    os.stat({staging!r})
    r["staging"] = True
except OSError:
    r["staging"] = False
print({mark!r} + json.dumps(r))
for folder in ({library!r}, {staging!r}):
    try:
        names = [e[0] for e in os.ilistdir(folder) if e[1] == 0x8000]
    except OSError:
        continue
    for name in names:
        print({mark!r} + json.dumps([folder + "/" + name, digest(folder + "/" + name)]))
try:
    print({mark!r} + json.dumps([{device!r}, digest({device!r})]))
except OSError:
    pass
"""
)

_PREPARE = """\
import os
for folder in ("/lib", {library!r}, {staging!r}):
    try:
        os.mkdir(folder)
    except OSError as error:
        if error.errno != 17:
            raise
for name in os.listdir({staging!r}):
    if name not in {keep!r}:
        os.remove({staging!r} + "/" + name)
"""

_MOVE = (
    """\
import os, json, hashlib, binascii
"""
    + _DIGEST
    + """\
def drop(path):
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != 2:
            raise
bad = [n for n, h in {staged!r}.items() if digest({staging!r} + "/" + n)[1] != h]
if not bad:
    print({mark!r} + json.dumps({{"moving": True}}))
    for origin, place in {moves!r}:
        os.rename(origin, place)
    for place in {removals!r}:
        drop(place)
    for origin, place in {last!r}:
        os.rename(origin, place)
    if {stopped!r}:
        drop({stopped!r})
    os.rmdir({staging!r})
print({mark!r} + json.dumps({{"damaged": bad}}))
"""
)

_CLOCK = """\
try:
    import machine
    machine.RTC().datetime({now!r})
except (ImportError, AttributeError):
    pass
"""

_CHECK = """\
import json
import ats_trust
r = {{"file": ats_trust.__file__}}
r["passed"] = bool(ats_trust.selftest())
try:
    from ats_trust.bundle import Bundle
    r["bundle"] = Bundle().path
except ats_trust.BundleError:
    pass
try:
    open({device!r}, "rb").close()
    try:
        d = ats_trust.load_device({device!r})
        r["device"] = {{"host": d.host, "port": d.port, "client_id": d.client_id}}
    except ats_trust.TrustError as error:
        r["device_error"] = str(error)
except OSError:
    pass
print({mark!r} + json.dumps(r))
"""

_UPDATE = """\
import json, os
r = {{}}
try:
    import ats_trust
    try:
        r["version"] = ats_trust.update.install({path!r})
        r["waiting"] = ats_trust.update.status()["waiting"]
    except ats_trust.TrustError as error:
        r["refused"] = str(error)
finally:
    os.remove({path!r})
print({mark!r} + json.dumps(r))
"""

_DROP_UPDATE = """\
import os
try:
    os.remove({path!r})
except OSError:
    pass
"""

_DISCARD = """\
import os
for name in os.listdir({staging!r}):
    os.remove({staging!r} + "/" + name)
os.rmdir({staging!r})
"""
