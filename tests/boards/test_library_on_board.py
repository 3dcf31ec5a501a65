"""The device library is installed on the real rp2 port with mip, and passes its tests there."""

import functools
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from emulated_board import EmulatedBoard

from interpreters import DEVICE_TESTS, REPOSITORY, TEST_LIBRARY

_FILES = sorted(DEVICE_TESTS.glob("test_*.py"))
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

_RUN = """
import unittest
try:
    unittest.main({!r})
except SystemExit as status:
    print("exit", status.args)
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


@pytest.fixture
def board_for_tests(board: EmulatedBoard) -> EmulatedBoard:
    """The board with the runner and what the device tests share on its flash."""
    board.copy(TEST_LIBRARY / "unittest.py", *DEVICE_TESTS.glob("[!t]*.py"), to="/lib/")
    return board


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_device_tests(
    board_for_tests: EmulatedBoard, count_device_run: Callable[[str, int, int], None], file: Path
) -> None:
    """The device tests pass on the board, every one of the file reported."""
    board = board_for_tests
    board.copy(file, to="/")
    output = board.execute(_RUN.format(file.stem), fresh=True, timeout=170)
    reported = re.findall(rf"^(ok|skipped|FAILED) {file.stem}\.(\S+?):?(?:\s|$)", output, re.M)
    name = f"{board.firmware.release} on the emulated RP2040"
    count_device_run(name, len(reported), sum(kind == "skipped" for kind, _ in reported))
    assert "FAILED" not in output, output
    assert f"Ran {len(reported)} tests: 0 failed" in output, output
    board.execute(f"import os; os.remove('/{file.name}')")
