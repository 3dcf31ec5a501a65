r"""A hostile name (ESC, newline, right-to-left) reaches the terminal as an escape, never raw."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_trust_tools.printable import printable, printable_json
from made_certificates import certificate
from shell import Result, Shell

HOSTILE = "Work\x1b[2Jshop\nats-trust: all is well\x9b1m\u202eRoot"
SHOWN = r"Work\x1b[2Jshop\nats-trust: all is well\x9b1m\u202eRoot"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in a folder with an own CA that has a hostile name, and limits to warn of."""
    shell = Shell(tmp_path)
    shell.path("ca.pem").write_bytes(certificate(HOSTILE, path_length=0).pem)
    return shell


def harmless(result: Result) -> bool:
    """Whether all prints, and no line begins as the certificate would have it."""
    lines = [*result.out.split("\n"), *result.err.split("\n")]
    return all(line.isprintable() for line in lines) and not any(
        line.startswith("ats-trust: all is well") for line in lines
    )


@pytest.mark.parametrize("option", ["", " --json"])
def test_a_bundle_with_a_hostile_name_is_shown_harmlessly(option: str, shell: Shell) -> None:
    """`bundle --ca`, with its warning, and `inspect` of the bundle."""
    made = shell.ok("bundle --roots none --ca ca.pem -o roots.bin" + option)
    shown = shell.ok("inspect roots.bin" + option)

    assert harmless(made) and harmless(shown)
    assert f"warning: {SHOWN}: its path length" in made.err
    if option:
        assert made.json["anchors"][0]["name"] == HOSTILE
    else:
        assert SHOWN in made.out and "\\x1b[2Jshop\\n" in shown.out


@pytest.mark.parametrize("option", ["", " --json"])
def test_a_certificate_with_a_hostile_name_is_shown_harmlessly(option: str, shell: Shell) -> None:
    """`inspect` of the certificate: fields, and warnings of its dates."""
    shown = shell.ok("inspect ca.pem" + option)

    assert harmless(shown)
    assert "1b[2Jshop" in shown.out


def test_a_complaint_about_a_hostile_name_is_harmless(shell: Shell) -> None:
    """A refusal that quotes the name, and one that quotes the command line."""
    below = certificate("below", issuer=certificate(HOSTILE), number=1)
    shell.path("ca.pem").write_bytes(below.pem)

    assert SHOWN in shell.refused("bundle --roots none --ca ca.pem -o roots.bin")
    assert "no\\x1bfile" in shell.refused("inspect no\x1bfile")


@given(st.text())
def test_whatever_the_text_is_it_prints(text: str) -> None:
    """Any text comes out printable; what printed before is unchanged; JSON keeps its meaning."""
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()
    assert printable_json(text).isprintable()
    assert json.loads(printable_json({text: [text]}, 2)) == {text: [text]}
