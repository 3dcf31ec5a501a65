"""The codes of the device library: each that is raised has a remedy, each remedy is raised."""

import ast
from pathlib import Path

import ats_trust
from ats_trust.explain import _REMEDIES

_LIBRARY = Path(ats_trust.__file__).parent
_TREES = {path.name: ast.parse(path.read_text()) for path in sorted(_LIBRARY.glob("*.py"))}
_RAISERS = ("Error", "Rejected", "Refused", "_reject")


def _codes_raised() -> set[str]:
    """The constant codes that stand first in a call that makes an error of the family."""
    found = set()
    for tree in _TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                first = node.args[0]
                if name.endswith(_RAISERS) and isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def test_every_code_has_a_remedy() -> None:
    """No error can be raised without something to do about it."""
    raised = {code for code in _codes_raised() if isinstance(code, str)}
    assert len(raised) > 25
    assert raised <= set(_REMEDIES)


def test_every_remedy_is_for_a_code_that_is_raised() -> None:
    """The table of remedies holds no code that the library never uses."""
    constants = [
        node.value
        for tree in _TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for code in _REMEDIES:
        # Once as a key of the table, and at least once where it is raised.
        assert constants.count(code) > 1, code
