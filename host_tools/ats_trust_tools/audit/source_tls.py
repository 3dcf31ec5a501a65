"""How a Python file sets up TLS: contexts, wrap_socket, ssl=True, ssl_params, callbacks, hashes.

Rules: what a variable's context is given counts wherever it stands in the variable's scope,
between this assignment and the next; what is not known (a parameter, a `**` that leads nowhere) is
no finding. Servers' contexts are left alone. A file for a computer, where CPython's `ssl` verifies
by itself, is asked only for what switches that off.
"""

import ast
import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from .source_names import Key, Names, target_name

Found = tuple[int, str, str]  # Line, rule, detail.
_CONTEXTS = ("ssl.SSLContext", "tls.SSLContext")
_WRAPS = ("ssl.wrap_socket", "tls.wrap_socket")
_CA = ("cadata", "ca_certs", "cafile", "capath")
_MODES = {0: "CERT_NONE", 1: "CERT_OPTIONAL", 2: "CERT_REQUIRED"}
_WHOLE = ("getpeercert", "PEM_cert_to_DER_cert", "get_server_certificate")


@dataclass
class _Context:
    """What happens to one context."""

    line: int
    wrapper: bool
    modes: list[tuple[int, str]] = field(default_factory=list)
    roots: bool = False
    names_checked: bool = True


def read_tls(names: Names) -> Iterator[Found]:
    """Yield what is wrong with the TLS of a file."""
    callbacks = {
        target_name(node.value)
        for node in names.targets.get("verify_callback", ())
        if isinstance(node.value, ast.Name | ast.Attribute)
    }
    for node in ast.walk(names.tree):
        if isinstance(node, ast.Call):
            called = names.qualified(node.func)
            if called in _CONTEXTS and not _is_server(names, node):
                yield from _context(names, node, called.startswith("ssl."))
            elif called in _WRAPS and not _is_server(names, node):
                yield from _wrap_socket(names, node)
            elif called == "ssl.create_default_context":
                yield from _context(names, node, True)
            elif called == "ssl._create_unverified_context":
                yield node.lineno, "unverified-context", "a context that verifies nothing"
            yield from _arguments(names, node, called)
            if called.startswith("hashlib.") or _last(node) == "update":
                yield from _fingerprint(names, node, callbacks)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if target_name(target) == "ssl_params":
                    yield from _ssl_params(names, node.value)
                elif isinstance(target, ast.Subscript) and target_name(target) == "ssl":
                    yield from _ssl_true(names, node.value)


def _context(names: Names, call: ast.Call, wrapper: bool) -> Iterator[Found]:
    """A context from its making to its use."""
    starts_verified = names.on_computer or not wrapper
    if names.on_computer and wrapper:
        protocol = names.qualified(call.args[0]) if call.args else ""
        starts_verified = protocol.endswith("PROTOCOL_TLS_CLIENT")
    found = _Context(call.lineno, wrapper)
    if names.qualified(call.func) == "ssl.create_default_context":  # CPython's, with its roots.
        starts_verified = found.roots = True
    for event in _uses(names, call):
        yield from _use(names, event, found)
    bad = [(line, mode) for line, mode in found.modes if mode in ("CERT_NONE", "CERT_OPTIONAL")]
    for line, mode in bad:
        yield line, "unverified-context", f"the mode is {mode}"
    if not found.names_checked and not bad:
        yield call.lineno, "no-server-name", "check_hostname is switched off"
    if not found.modes and not starts_verified:
        yield call.lineno, "unverified-context", "no verify_mode is set, so it is CERT_NONE"
    elif not (bad or found.roots or names.on_computer or _leaves(names, call)):
        yield call.lineno, "no-trust-anchor", "nothing is loaded with load_verify_locations"


def _use(names: Names, node: ast.AST, found: _Context) -> Iterator[Found]:
    """Note one use of the context's variable."""
    if isinstance(node, ast.Assign):
        attribute = node.targets[0]
        kind = attribute.attr if isinstance(attribute, ast.Attribute) else ""
        if kind == "verify_mode":
            found.modes += [(node.lineno, mode) for mode in _modes(names, node.value)]
        elif kind == "check_hostname" and names.constant(node.value) is False:
            found.names_checked = False
        elif kind == "verify_callback" and found.wrapper and not names.on_computer:
            yield node.lineno, "callback-ignored", "verify_callback on a context of `ssl`"
    elif isinstance(node, ast.Call):
        kind = _last(node)
        if kind in ("load_verify_locations", "load_default_certs", "set_default_verify_paths"):
            found.roots = True
        elif kind == "wrap_socket" and not names.on_computer and not _is_server(names, node):
            keywords = {one.arg for one in node.keywords}
            if not keywords & {None, "server_hostname"} and len(node.args) < 3:
                yield node.lineno, "no-server-name", "wrap_socket without server_hostname"


def _uses(names: Names, call: ast.Call) -> Iterator[ast.AST]:
    """Yield each assignment to an attribute, and call of a method, of this context's variable."""
    direct = next(names.parents(call), None)
    if isinstance(direct, ast.Attribute):  # ssl.SSLContext(...).wrap_socket(...)
        yield from (one for one in names.parents(direct) if _method_of(one) is call)
        return
    if not isinstance(direct, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        return
    for target in direct.targets if isinstance(direct, ast.Assign) else [direct.target]:
        key = names.key(target)
        if key:
            start, end = _reach(names, key, call)
            yield from (use for use in names.uses[key] if start <= use.lineno < end)


def _leaves(names: Names, call: ast.Call) -> bool:
    """Whether the context goes to where it may get its roots: returned, or to our own function."""
    direct = next(names.parents(call), None)
    if not isinstance(direct, ast.Assign):
        return isinstance(direct, ast.Return)
    keys = [names.key(target) for target in direct.targets]
    return any(key in names.handed_on for key in keys if key)


def _reach(names: Names, key: Key, call: ast.Call) -> tuple[int, float]:
    """The lines in which the variable is this context; of self.x the order is not known.

    Another assignment in the same block, or in one around it, ends it; one in a branch may not be
    reached.
    """
    assigned = names.assigned(key)
    if key[1].startswith("self.") or len(assigned) < 2:
        return 0, float("inf")
    around = set(names.parents(call))
    after = bisect.bisect_right(assigned, call.lineno, key=lambda pair: pair[0])
    for line, value in assigned[after : after + 8]:
        block = list(islice(names.parents(value), 2))[-1]
        if block in around and not isinstance(block, ast.If | ast.Try):
            return call.lineno, line
    return call.lineno, float("inf")


def _wrap_socket(names: Names, call: ast.Call) -> Iterator[Found]:
    given = _keywords(names, call.keywords)
    if given is None:
        return
    missing = _what_is_missing(names, given)
    if missing:
        yield call.lineno, "unverified-wrap-socket", missing
    if "server_hostname" not in given and not names.on_computer:
        yield call.lineno, "no-server-name", "wrap_socket without server_hostname"


def _arguments(names: Names, call: ast.Call, called: str) -> Iterator[Found]:
    """ssl=True and ssl_params= of a call, as umqtt's MQTTClient and asyncio's have them."""
    if called.startswith("ats_trust.") or called.endswith("start_server"):
        return
    given = {one.arg: one.value for one in call.keywords if one.arg}
    parameters = given.get("ssl_params")
    if parameters is not None:
        yield from _ssl_params(names, parameters)
    verify = given.get("verify") if called.startswith(("requests.", "httpx.")) else None
    if verify is not None and names.constant(verify) is False:
        yield call.lineno, "unverified-context", "verify=False"
    switch = given.get("ssl")
    if switch is None and _last(call) == "MQTTClient" and len(call.args) > 6:
        switch = call.args[6]  # Of umqtt.simple: after the keepalive.
    if switch is not None and parameters is None and not any(not one.arg for one in call.keywords):
        yield from _ssl_true(names, switch, _last(call))


def _ssl_true(names: Names, value: ast.expr, where: str = "") -> Iterator[Found]:
    if names.on_computer or names.constant(value) is not True:
        return
    if not where and "ssl_params" in names.targets:
        return  # Settings in two lines, as mqtt_as has them: the parameters are judged.
    yield value.lineno, "ssl-true", f"ssl=True for {where or 'a client'}, without a context"


def _ssl_params(names: Names, value: ast.expr) -> Iterator[Found]:
    for one in names.values(value):
        given = None
        if isinstance(one, ast.Dict):
            given = _items(names, one)
        elif isinstance(one, ast.Call) and names.qualified(one.func) == "dict" and not one.args:
            given = _keywords(names, one.keywords)
        if given is None:
            continue
        key = names.key(value)
        for node in names.subscripts[key] if key else ():  # params["cadata"] = ...
            given.setdefault(target_name(node), _assigned_to(names, node))
        missing = _what_is_missing(names, given)
        if missing:
            yield one.lineno, "unverified-ssl-params", missing
        elif "server_hostname" not in given:
            yield one.lineno, "no-server-name", "these parameters have no server_hostname"


def _what_is_missing(names: Names, given: dict[str, ast.expr]) -> str:
    """Say why parameters of wrap_socket verify nothing, "" when they do or it is not known."""
    if "cert_reqs" not in given:
        return "no cert_reqs=CERT_REQUIRED"
    for mode in _modes(names, given["cert_reqs"]):
        if mode in ("CERT_NONE", "CERT_OPTIONAL"):
            return f"cert_reqs is {mode}"
    return "" if any(name in given for name in _CA) else "no CA is given (cadata)"


def _fingerprint(names: Names, call: ast.Call, callbacks: set[str]) -> Iterator[Found]:
    """A hash over all of a certificate. callbacks: names of the file's verify_callbacks."""
    for argument in call.args:
        for value in names.values(argument):
            if isinstance(value, ast.Call) and _last(value) in _WHOLE:
                yield call.lineno, "certificate-fingerprint", "a hash over a whole certificate"
        if not isinstance(argument, ast.Name):
            continue
        for parent in names.parents(call):
            if isinstance(parent, ast.FunctionDef):
                first = [one.arg for one in parent.args.args if one.arg != "self"][:1]
                if parent.name.lower() in callbacks and first == [argument.id]:
                    yield call.lineno, "certificate-fingerprint", "a hash over a whole certificate"
                break


def _modes(names: Names, value: ast.expr) -> set[str]:
    """Return the names of the modes that a value can be; "?" for what is not known."""
    found = set()
    for one in names.values(value):
        number = names.constant(one)
        name = names.qualified(one).rpartition(".")[2]
        if isinstance(number, int):
            found.add(_MODES.get(number, "?"))
        else:
            found.add(name if name in _MODES.values() else "?")
    return found


def _keywords(names: Names, keywords: list[ast.keyword]) -> dict[str, ast.expr] | None:
    """Return the arguments by name, None when some are not known."""
    given: dict[str, ast.expr] = {}
    for one in keywords:
        if one.arg:
            given[one.arg] = one.value
            continue
        value = names.values(one.value)[0]
        more = _items(names, value) if isinstance(value, ast.Dict) else None
        if more is None:
            return None
        given |= more
    return given


def _items(names: Names, value: ast.Dict) -> dict[str, ast.expr] | None:
    given = {}
    for key, item in zip(value.keys, value.values, strict=True):
        name = names.text(key)
        if not name:
            return None
        given[name] = item
    return given


def _is_server(names: Names, call: ast.Call) -> bool:
    if call.args and names.qualified(call.args[0]).endswith("PROTOCOL_TLS_SERVER"):
        return True
    side = next((one.value for one in call.keywords if one.arg == "server_side"), None)
    return side is not None and names.constant(side) is True


def _assigned_to(names: Names, target: ast.Subscript) -> ast.expr:
    parent = next(names.parents(target), None)
    return parent.value if isinstance(parent, ast.Assign) else target


def _method_of(node: ast.AST) -> ast.expr | None:
    """What a method is called on."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value
    return None


def _last(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
