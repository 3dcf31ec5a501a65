"""The codes of the device library: each that is raised has a remedy, each remedy is raised."""

import ast
import re
from pathlib import Path

import ats_trust

_LIBRARY = Path(ats_trust.__file__).parent
_TREES = {path.name: ast.parse(path.read_text()) for path in sorted(_LIBRARY.glob("*.py"))}
_REMEDIES = {
    line.partition(": ")[0] for line in (_LIBRARY / "remedies.txt").read_text().splitlines()
}
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


def _constants(tree: ast.AST) -> set[str]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_code_has_a_remedy() -> None:
    """No error can be raised without something to do about it."""
    raised = {code for code in _codes_raised() if isinstance(code, str)}
    # What `explain` decides on stands in no call; its stages have the same form.
    decided = {text for text in _constants(_TREES["explain.py"]) if re.fullmatch("[a-z_]+", text)}
    raised |= decided - {"hello", "certificate", "handshake"}
    # And those that `judge` takes from a table.
    tables = [node for node in ast.walk(_TREES["judge.py"]) if isinstance(node, ast.Tuple)]
    in_tables = set().union(*map(_constants, tables))
    raised |= {text for text in in_tables if re.fullmatch("[a-z_]+", text)}
    assert {"expired", "not_yet_valid"} <= raised
    assert len(raised) > 30
    assert raised <= _REMEDIES


def test_every_remedy_is_for_a_code_that_is_raised() -> None:
    """The list of remedies holds no code that the library never uses."""
    assert set().union(*map(_constants, _TREES.values())) >= _REMEDIES
