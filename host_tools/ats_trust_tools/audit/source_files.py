"""Which certificates and keys a Python file hands to the firmware's TLS, and in which form.

Rule: only what reaches the TLS itself counts; what `ats_trust` is given it reads in any form.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from .contents import decoded
from .source_names import Names, target_name

_CALLS = {
    "load_verify_locations": ("cafile", "cadata"),
    "load_cert_chain": ("certfile", "keyfile"),
}
_ROOTS = ("cafile", "cadata", "ca_certs")
_PARAMETERS = ("cert", "key", "certfile", "keyfile", *_ROOTS)


@dataclass(frozen=True)
class Given:
    """What the TLS is given. path: of a file, or ""; literal: what the source holds, or b""."""

    line: int
    as_root: bool
    path: str
    literal: bytes


def given_to_tls(names: Names) -> Iterator[Given]:
    """Yield what a file gives to the firmware's TLS, as far as it is plain."""
    for node in ast.walk(names.tree):
        if isinstance(node, ast.Call):
            called = names.qualified(node.func)
            name = called.rpartition(".")[2] or getattr(node.func, "attr", "")
            keywords = [(one.arg, one.value) for one in node.keywords if one.arg]
            if name in _CALLS:
                for parameter, value in [*zip(_CALLS[name], node.args, strict=False), *keywords]:
                    yield from _given(names, node.lineno, parameter, value)
            elif called in ("ssl.wrap_socket", "tls.wrap_socket"):
                for parameter, value in keywords:
                    yield from _given(names, node.lineno, parameter, value)
            for parameter, value in keywords:
                if parameter == "ssl_params":
                    yield from _parameters(names, value)
    for assigned in names.targets.get("ssl_params", ()):
        yield from _parameters(names, assigned.value)


def literals(names: Names) -> Iterator[tuple[int, bytes, str]]:
    """Yield (line, bytes, name of the variable) of literals that may be certificates or keys."""
    for node in ast.walk(names.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str | bytes):
            continue
        value = node.value
        if len(value) < 60 or names.is_documentation(node):
            continue
        data = value if isinstance(value, bytes) else value.encode("latin-1", "replace")
        if b"-----BEGIN " not in data and data[:1] != b"\x30":
            data = decoded(data.decode("latin-1"))
        elif data[:1] == b"\x30" and isinstance(value, str):
            data = decoded(value) or data
        if data:
            yield node.lineno, data, _variable(names, node)


def _given(names: Names, line: int, parameter: str, value: ast.expr) -> Iterator[Given]:
    if parameter not in _PARAMETERS:
        return
    as_root = parameter in _ROOTS
    for one in names.values(value):
        found = names.constant(one)
        if isinstance(found, str | bytes):
            text = found if isinstance(found, str) else found.decode("latin-1")
            if "-----BEGIN " in text or len(text) > 200 or text[:1] == "0":
                yield Given(line, as_root, "", text.encode("latin-1", "replace"))
            else:
                yield Given(line, as_root, text, b"")
        path = _opened(names, one)
        if path:
            yield Given(line, as_root, path, b"")


def _parameters(names: Names, value: ast.expr) -> Iterator[Given]:
    for one in names.values(value):
        if isinstance(one, ast.Dict):
            for key, item in zip(one.keys, one.values, strict=True):
                yield from _given(names, item.lineno, names.text(key), item)
    key_of = names.key(value)
    for node in names.subscripts[key_of] if key_of else ():
        parent = next(names.parents(node), None)
        if isinstance(parent, ast.Assign):
            yield from _given(names, node.lineno, target_name(node), parent.value)


def _opened(names: Names, value: ast.expr) -> str:
    """The path of open(path).read(), also through `with open(path) as f`; "" for another thing."""
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
        return ""
    if value.func.attr != "read":
        return ""
    for file in names.values(value.func.value):
        if isinstance(file, ast.Call) and names.qualified(file.func) in ("open", "io.open"):
            return names.text(file.args[0]) if file.args else ""
    return ""


def _variable(names: Names, node: ast.AST) -> str:
    for parent in names.parents(node):
        if isinstance(parent, ast.Assign):
            return target_name(parent.targets[0])
        if isinstance(parent, ast.keyword):
            return parent.arg or ""
    return ""
