"""The device library is installed on the real rp2 port with mip."""

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from emulated_board import EmulatedBoard

from interpreters import REPOSITORY

_HASHES = """
import hashlib, os
for name in os.listdir('/lib/ats_trust'):
    digest = hashlib.sha256()
    with open('/lib/ats_trust/' + name, 'rb') as file:
        while True:
            data = file.read(512)
            if not data: break
            digest.update(data)
    print('ats_trust/' + name, digest.digest().hex())
"""
_USE = """
import ats_trust
from ats_trust import bundle
print(ats_trust.__file__, len(bundle.Bundle().uses))
"""


@pytest.fixture
def served() -> Iterator[str]:
    """The checkout over HTTP on loopback, as a web server would offer a release."""
    handler = functools.partial(_Quiet, directory=str(REPOSITORY))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("origin", ["path", "http"])
def test_mip_install(empty_board: EmulatedBoard, served: str, origin: str) -> None:
    """mip puts every file of the manifest on the flash, byte for byte, and it can be imported."""
    base = "./" if origin == "path" else f"{served}/"
    done = empty_board.mpremote("mip", "install", f"{base}package.json", timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    found = dict(line.split() for line in empty_board.execute(_HASHES).splitlines())
    manifest = json.loads((REPOSITORY / "package.json").read_text())
    assert found == {
        place: hashlib.sha256((REPOSITORY / origin).read_bytes()).hexdigest()
        for place, origin in manifest["urls"]
    }
    where, anchors = empty_board.execute(_USE, fresh=True).split()
    assert where == "/lib/ats_trust/__init__.py"
    assert int(anchors) == 5
