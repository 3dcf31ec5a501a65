"""The emulated board behaves as a board: REPL, flash, resets, power, time."""

import time
from pathlib import Path

import pytest
from emulated_board import BoardHung, EmulatedBoard, ProgramFailed

WRITE = "with open('/kept', 'w') as file: file.write({})\n"
RESET_SOON = """
import machine
machine.Timer(mode=machine.Timer.ONE_SHOT, period=100, callback=lambda _: machine.reset())
"""


def test_is_the_real_port(empty_board: EmulatedBoard) -> None:
    """It runs MicroPython's rp2 port with Mbed TLS, on the heap and stack of such a board."""
    code = (
        "import sys, tls, gc\n"
        "print(sys.platform, sys.implementation._machine, tls.MBEDTLS_VERSION)\n"
        "gc.collect(); print(gc.mem_free())"
    )
    name, heap = empty_board.execute(code).splitlines()
    assert name.startswith("rp2 Emulated Pico with RP2040 Mbed TLS 3.")
    assert 200_000 < int(heap) < 264 * 1024


def test_files_survive_resets(empty_board: EmulatedBoard) -> None:
    """Files outlive a soft reset, a hard reset and machine.reset(); variables do not."""
    empty_board.execute(WRITE.format("'x' * 5000") + "kept = 1")
    assert empty_board.execute("print(kept)") == "1\n"
    code = "print('kept' in globals(), len(open('/kept').read()))"
    assert empty_board.execute(code, fresh=True) == "False 5000\n"
    empty_board.hard_reset()
    assert empty_board.execute(code) == "False 5000\n"
    boots = empty_board.state()["boots"]
    empty_board.execute(RESET_SOON)
    limit = time.monotonic() + 20
    while empty_board.state()["boots"] == boots:
        assert time.monotonic() < limit
        time.sleep(0.05)
    assert empty_board.execute(code) == "False 5000\n"


def test_flash_survives_the_instance(tmp_path: Path, empty_board: EmulatedBoard) -> None:
    """What was saved is there for the next instance in the same folder."""
    empty_board.execute(WRITE.format("'seed'"))
    empty_board.save()
    with EmulatedBoard(empty_board.flash.parent) as second:
        assert second.execute("print(open('/kept').read())") == "seed\n"


@pytest.mark.parametrize("operations", [0, 1, 3, 10])
def test_power_cut_while_writing(empty_board: EmulatedBoard, operations: int) -> None:
    """A power cut in the middle of a write leaves a file system with the old file in it."""
    empty_board.execute(WRITE.format("'old' * 1000"))
    empty_board.cut_power_after(operations)
    with pytest.raises(ProgramFailed):
        empty_board.execute(WRITE.format("'new' * 9000"), timeout=20)
    assert not empty_board.state()["powered"]
    empty_board.power_on()
    assert empty_board.execute("print(set(open('/kept').read()) <= set('oldnew'))") == "True\n"


def test_clock(empty_board: EmulatedBoard) -> None:
    """At power on it is 2021; set_clock sets it, and a soft reset keeps it."""
    year = "import time; print(time.gmtime()[0])"
    assert empty_board.execute(year) == "2021\n"
    empty_board.set_clock()
    assert int(empty_board.execute(year)) >= 2026
    assert int(empty_board.execute(year, fresh=True)) >= 2026
    empty_board.hard_reset()
    assert empty_board.execute(year) == "2021\n"


def test_emulated_time(empty_board: EmulatedBoard) -> None:
    """A sleep takes its time on the board's clock, and hardly any of the host's."""
    began, cycles = time.monotonic(), empty_board.seconds
    empty_board.execute("import time; time.sleep(60)")
    assert 60 < empty_board.seconds - cycles < 62
    assert time.monotonic() - began < 20


def test_hung_board(tmp_path: Path, empty_board: EmulatedBoard) -> None:
    """A program that does not end is reported, and its board is gone."""
    with pytest.raises(BoardHung, match="a program, for 3 s"):
        empty_board.execute("while True: pass", timeout=3)
    assert empty_board._process.poll() is not None


def test_program_that_fails(empty_board: EmulatedBoard) -> None:
    """An exception on the board is one here, with its text."""
    with pytest.raises(ProgramFailed, match="ZeroDivisionError"):
        empty_board.execute("1/0")
