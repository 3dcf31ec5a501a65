"""Board profiles: frozen facts, each with its source."""

from pathlib import Path

import pytest

from ats_trust_tools.boards import HOW, board_names, load_board
from ats_trust_tools.errors import ToolError
from ats_trust_tools.files import data_folder
from ats_trust_tools.roots import load_manifest
from shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def test_the_first_boards_have_a_profile() -> None:
    """The three boards that the README names are there."""
    assert {"ESP32_GENERIC", "ESP32_GENERIC_C3", "RPI_PICO_W"} <= set(board_names())


@pytest.mark.parametrize("name", board_names())
def test_each_number_of_a_profile_has_its_source(name: str) -> None:
    """No figure is without a source and without saying how it came about."""
    board = load_board(name)

    assert board.figures
    for figure in board.figures:
        assert figure.how in HOW
        assert len(figure.source) > 10
        assert figure.unit in ("bytes", "bits", "seconds")
    assert board.figure("flash_block") == 4096


@pytest.mark.parametrize("name", board_names())
def test_the_roots_of_a_profile_are_the_recommended_ones(name: str) -> None:
    """Each profile carries all roots that AWS recommends, and no legacy one."""
    recommended = {root.name for root in load_manifest().roots if root.role != "legacy"}

    assert set(load_board(name).roots) == recommended


def test_a_board_is_found_in_any_case() -> None:
    """Case does not matter in a board's name."""
    assert load_board("rpi_pico_w").name == "RPI_PICO_W"


def test_list_and_show_give_the_facts(shell: Shell) -> None:
    """`boards list` has a line for each board, `boards show` each number with its source."""
    for name in board_names():
        assert name in shell.ok("boards list").out
    out = shell.ok("boards show RPI_PICO_W").out
    row = next(line for line in out.splitlines() if line.startswith("handshake_time_rsa"))
    assert "1.05" in row
    assert "measured" in row
    assert "emulated RP2040" in row
    assert shell.ok("boards show RPI_PICO_W --json").json["platform"] == "rp2"
    assert len(shell.ok("boards list --json").json) == len(board_names())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('source = "Pico W data sheet: 2 MB"', 'source = ""'),
        ('how = "read"', 'how = "guessed"'),
        ('prefer = "speed"', 'prefer = "luck"'),
        ('name = "RPI_PICO_W"', 'name = "OTHER"'),
        ("[figures.flash_block]", "[figures.block]"),
        ("value = 4096", "value ="),
    ],
)
def test_a_profile_that_lacks_something_is_damaged(old: str, new: str, tmp_path: Path) -> None:
    """A figure without a source, or a word that means nothing, is refused."""
    text = (data_folder("boards") / "RPI_PICO_W" / "board.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "RPI_PICO_W").mkdir()
    (tmp_path / "RPI_PICO_W" / "board.toml").write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(ToolError, match="is damaged"):
        load_board("RPI_PICO_W", tmp_path)
