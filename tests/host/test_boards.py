"""Board profiles: frozen facts, each with its source, and what is made from them."""

import shutil
from pathlib import Path

import factory_bundle
import pytest

from ats_trust.bundle import Bundle
from ats_trust_tools.board_meaning import meaning
from ats_trust_tools.boards import (
    FIELDS,
    HOW,
    all_boards,
    board_names,
    identify,
    load_board,
    refusal,
)
from ats_trust_tools.errors import ToolError, UsageError
from ats_trust_tools.files import data_folder
from ats_trust_tools.roots import load_manifest
from shell import Shell

_BOARDS = list(all_boards())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def test_every_board_has_a_profile() -> None:
    """The boards that can be flashed are there, with the variants of their firmware."""
    assert [board.name for board in _BOARDS] == (
        "ARDUINO_NANO_ESP32 ARDUINO_NANO_RP2040_CONNECT ESP32_GENERIC ESP32_GENERIC-SPIRAM "
        "ESP32_GENERIC-OTA ESP32_GENERIC-D2WD ESP32_GENERIC-UNICORE ESP32_GENERIC_C2 "
        "ESP32_GENERIC_C2-FLASH_2M ESP32_GENERIC_C3 ESP32_GENERIC_C5 ESP32_GENERIC_C6 "
        "ESP32_GENERIC_S2 ESP32_GENERIC_S3 ESP32_GENERIC_S3-SPIRAM_OCT ESP8266_GENERIC "
        "ESP8266_GENERIC-FLASH_1M ESP8266_GENERIC-FLASH_512K ESP8266_GENERIC-FLASH_2M_ROMFS "
        "ESP8266_GENERIC-OTA M5STACK_ATOM M5STACK_ATOMS3_LITE M5STACK_NANOC6 RPI_PICO2_W "
        "RPI_PICO2_W-RISCV RPI_PICO_W W5100S_EVB_PICO W5500_EVB_PICO"
    ).split()


def test_each_fact_has_its_source() -> None:
    """No fact is without a source and without saying how it came about."""
    for board in _BOARDS:
        assert len(board.facts) > 8
        for name, fact in board.facts.items():
            assert name == fact.name in FIELDS
            assert fact.how in HOW
            assert len(fact.source) > 10


def test_the_roots_of_a_profile_are_the_recommended_ones() -> None:
    """Each profile carries all roots that AWS recommends, and no legacy one."""
    recommended = {root.name for root in load_manifest().roots if root.role != "legacy"}
    for board in _BOARDS:
        assert refusal(board) or set(board.value("roots")) == recommended


def test_a_variant_says_what_differs() -> None:
    """A variant has the facts of its board but for those that it states, or that were found."""
    board, variant = load_board("ESP32_GENERIC"), load_board("esp32_generic-ota")
    assert variant.name == "ESP32_GENERIC-OTA"
    assert variant.folder == board.folder
    assert (board.value("file_system_size"), variant.value("file_system_size")) == (
        2 << 20,
        983040,
    )
    assert (board.value("system_heap_free"), variant.value("system_heap_free")) == (94256, None)
    differ = {name for name in board.facts if board.facts[name] != variant.facts.get(name)}
    assert differ == {"machine", "file_system_size", "system_heap_free"}


def test_a_fat_board_has_no_facts_of_littlefs() -> None:
    """What the port says of LittleFS is not said of a board whose file system is FAT."""
    for name, block in (("ARDUINO_NANO_ESP32", 512), ("ARDUINO_NANO_RP2040_CONNECT", 4096)):
        board = load_board(name)
        assert board.value("file_system") == "FAT"
        assert board.value("flash_block") == block
        assert not {"inline_size", "program_size"} & board.facts.keys()


@pytest.mark.parametrize(
    ("build", "machine", "name"),
    [
        ("RPI_PICO_W", None, "RPI_PICO_W"),
        ("RPI_PICO2_W-RISCV", "whatever", "RPI_PICO2_W-RISCV"),
        ("ESP32_GENERIC-SPIRAM", "Generic ESP32 module with ESP32", "ESP32_GENERIC-SPIRAM"),
        ("MY_BOARD", "Generic ESP32 module with ESP32", "ESP32_GENERIC"),
        (None, "Generic ESP32S3 module with ESP32S3", "ESP32_GENERIC_S3"),
        (None, "Generic ESP32S3 module with ESP32-S3", "ESP32_GENERIC_S3"),
        (
            None,
            "Generic ESP32S3 module with Octal-SPIRAM with ESP32-S3",
            "ESP32_GENERIC_S3-SPIRAM_OCT",
        ),
        (None, "ESP32 module with ESP32", "ESP32_GENERIC"),
        (None, "ESP32 module (spiram) with ESP32", "ESP32_GENERIC-SPIRAM"),
        (None, "Raspberry Pi Pico 2 W with RP2350-RISCV", "RPI_PICO2_W-RISCV"),
        ("ESP8266_GENERIC-FLASH_2M_ROMFS", None, "ESP8266_GENERIC-FLASH_2M_ROMFS"),
        (None, "ESP module (1M) with ESP8266", "ESP8266_GENERIC-FLASH_1M"),
        (None, "ESP module with ESP8266", "ESP8266_GENERIC"),
        (None, "Raspberry Pi Pico with RP2040", None),
        ("RPI_PICO_W-OTHER", None, None),
        ("rpi_pico_w", None, None),
        (None, None, None),
        ("", "", None),
    ],
)
def test_identified(build: str | None, machine: str | None, name: str | None) -> None:
    """A board is known by its build, exactly, or else by what it calls itself in any release."""
    assert identify(build, machine) == name


def test_no_two_boards_call_themselves_the_same() -> None:
    """Only a board and its own variants may share a name that they call themselves."""
    owners: dict[str, set[Path]] = {}
    for board in _BOARDS:
        for text in board.value("machine").values():
            owners.setdefault(text, set()).add(board.folder)
    assert {text for text, folders in owners.items() if len(folders) > 1} == set()


def test_refused() -> None:
    """Only a board that never verifies, and a release that is too old, are refused."""
    assert {board.folder.name for board in _BOARDS if refusal(board)} == {"ESP8266_GENERIC"}
    esp8266, pico = load_board("ESP8266_GENERIC"), load_board("RPI_PICO_W")
    assert "axTLS" in str(refusal(esp8266, "1.29.0"))
    for release in ("1.24.0", "1.24", "1.26.1", "v1.29.0-preview", "2.0.0"):
        assert refusal(pico, release) is None
    for release in ("1.23.0", "v1.9.4", "0.1"):
        assert "1.24 or newer on RPI_PICO_W" in str(refusal(pico, release))
    for release in ("", "latest", "1", "-1.24", "1." + "9" * 5000, "1.٢"):
        with pytest.raises(ToolError, match="no release of MicroPython"):
            refusal(pico, release)


def test_unknown_board() -> None:
    """An unknown board or variant is a wrong call, and what was meant is guessed."""
    for name, said in (
        ("RPI_PICO_X", "did you mean RPI_PICO_W"),
        ("ESP32_GENERIC-SPIRAN", "did you mean SPIRAM"),
        ("RPI_PICO_W-OTA", "there are none"),
        ("", "there are ARDUINO"),
        ("../boards/RPI_PICO_W", "RPI_PICO_W"),
    ):
        with pytest.raises(UsageError, match=said):
            load_board(name)


def test_table_and_detail(shell: Shell) -> None:
    """`boards` has a line for each board, `boards BOARD` what it means and each fact's source."""
    table = shell.ok("boards").out
    for board in _BOARDS:
        line = next(line for line in table.splitlines() if line.startswith(board.name + " "))
        assert ("refused" in line) == bool(refusal(board))
    out = shell.ok("boards rpi_pico_w").out
    assert "call ats_trust.set_clock()" in out
    row = next(line for line in out.splitlines() if line.startswith("file system size"))
    assert "868352 bytes" in row and "read" in row and "848 KiB" in row
    assert "Not known, or not of this board: Python heap at boot," in out
    assert len(shell.ok("boards --json").json) == len(_BOARDS)
    found = shell.ok("boards ESP32_GENERIC-OTA --json").json
    assert found["facts"]["platform"]["value"] == "esp32"
    assert (found["name"], found["refused"]) == ("ESP32_GENERIC-OTA", None)
    assert shell.ok("boards ESP8266_GENERIC --json").json["refused"]
    assert "did you mean" in shell.refused("boards RPI_PICO_X", status=2)


def test_meaning() -> None:
    """What a board means for its user follows from its facts."""
    for board in _BOARDS:
        said = " ".join(meaning(board))
        usable = not refusal(board)
        assert usable == ("port 443 needs ALPN" in said)
        assert ("axTLS" in said) != usable
        assert ("from the Python heap" in said) == (usable and board.value("platform") == "rp2")
        assert ("esp32.idf_heap_info" in said) == (board.value("platform") == "esp32")
        assert ("is FAT" in said) == (board.value("file_system") == "FAT")
        assert ("ECDSA certificate" in said) == (board.value("mcu") == "ESP32-C2")


def test_no_bundle_for_a_refused_board(shell: Shell) -> None:
    """A board that can not verify gets no trust anchors, neither here nor on request."""
    refused = load_board("ESP8266_GENERIC")
    assert [path.name for path in refused.folder.iterdir()] == ["board.toml"]
    assert "axTLS" in shell.refused("bundle --board esp8266_generic -o roots.bin")
    assert shell.files() == []


def test_the_bundles_of_the_repository() -> None:
    """Each board's bundle has its profile's order and, as all of them, the library's version."""
    bundles = factory_bundle.bundles()
    assert len(bundles) == len(board_names())  # One refused, and the library's own.
    assert len({Bundle(str(path)).version for path in bundles}) == 1
    for path, name in bundles.items():
        first = {"speed": 1, "memory": 2}[load_board(name).value("prefer")]
        assert Bundle(str(path)).uses[0] & 3 == first


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("RPI_PICO_W/board", 'source = "ports/rp2/boards/RPI_PICO_W; in', 'note = "ports/rp2; in'),
        ("chips/rp2040", 'how = "read"', 'how = "guessed"'),
        ("chips/rp2040", 'prefer = "speed"', 'prefer = "luck"'),
        ("chips/rp2040", "ram = 270336", "ram = -1"),
        ("chips/rp2040", "ram = 270336", 'ram = "270336"'),
        ("chips/rp2040", "ram = 270336", "ram = true"),
        ("chips/rp2040", "ram = 270336", "raam = 270336"),
        ("chips/rp2040", "ram = 270336", 'ram = 270336\nprefer = "speed"'),
        ("chips/rp2040", "ram = 270336", "ram = " + "[" * 3000),
        ("chips/rp2040", 'mcu = "RP2040"', 'mcu = ""'),
        ("chips/rp2040", 'builds_on = "ports/rp2"', 'builds_on = "ports/none"'),
        ("chips/rp2040", 'builds_on = "ports/rp2"', 'builds_on = "chips/rp2040"'),
        ("chips/rp2040", 'builds_on = "ports/rp2"', 'title = "RP2040"'),
        ("ports/rp2", "flash_block = 4096", ""),
        ("ports/rp2", "flash_block = 4096", "flash_block ="),
        ("mbedtls", 'how = "read"', 'how = "inferred"'),
        ("mbedtls", 'oldest_release = "1.24"', 'oldest_release = "soon"'),
        ("mbedtls", '"amazon-root-ca-1"', "1"),
        ("RPI_PICO_W/board", "title =", "name ="),
        ("RPI_PICO_W/board", 'machine = { "1.20-"', 'machine = { "since 1.20"'),
        ("RPI_PICO_W/board", "[[facts]]", "[facts]"),
    ],
)
def test_a_damaged_profile(file: str, old: str, new: str, tmp_path: Path) -> None:
    """A profile that lacks something, or with a word or value that means nothing, is refused."""
    shutil.copytree(data_folder("boards"), tmp_path, dirs_exist_ok=True)
    path = tmp_path / f"{file}.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(ToolError, match=r"is damaged|can not read") as caught:
        load_board("RPI_PICO_W", tmp_path)
    assert str(tmp_path) in str(caught.value)
