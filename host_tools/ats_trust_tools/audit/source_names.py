"""What names stand for in one Python file: imports and simple assignments, read and never run.

Rules: only what is plain is resolved: an assignment to a name or to self.attribute in this file;
a function's parameter, and what is computed, is not known. Several assignments give several
values. Each variable is followed once, so that `a = b; b = a` ends.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator

Key = tuple[ast.AST, str]
_SCOPES = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_MOST = 16
_STEPS = 4  # Of a text that is put together of others.
# MicroPython's older names of its modules.
_SAME = {"ussl": "ssl", "uasyncio": "asyncio", "uhashlib": "hashlib", "usocket": "socket"}
# Nothing of MicroPython has these: whoever imports one at its top runs on a computer.
_COMPUTER = frozenset(
    "subprocess multiprocessing ctypes concurrent dataclasses importlib tempfile socketserver "
    "sqlite3 tkinter pytest boto3 botocore cryptography awscrt awsiot AWSIoTPythonSDK paho "
    "http.server urllib.request".split()
)


class Names:
    """The names of one parsed file."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self._parent: dict[ast.AST, ast.AST] = {}
        self._imports: dict[str, str] = {}
        self._assigned: dict[Key, list[tuple[int, ast.expr]]] = defaultdict(list)
        # Of each variable: what is done with it. Of each last part of a target: the assignments.
        self.uses: dict[Key, list[ast.Assign | ast.Call]] = defaultdict(list)
        self.subscripts: dict[Key, list[ast.Subscript]] = defaultdict(list)
        self.targets: dict[str, list[ast.Assign]] = defaultdict(list)
        # Variables that are returned, or given to a function of this file.
        self.handed_on: set[Key] = set()
        self._functions: set[str] = set()
        self._global: set[Key] = set()
        self.on_computer = False
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                self._parent[child] = node
            if isinstance(node, ast.Global):
                scope = self._around(node)
                self._global |= {(scope, name) for name in node.names}
        for node in ast.walk(tree):
            self._note(node)
        for found in self._assigned.values():
            found.sort(key=lambda pair: pair[0])
        for node in ast.walk(tree):
            self._index(node)

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what `node` stands in, from inside to outside."""
        while node in self._parent:
            node = self._parent[node]
            yield node

    def imported(self) -> set[str]:
        """Return the full names of everything that is imported."""
        return set(self._imports.values())

    def qualified(self, node: ast.AST) -> str:
        """Return "ssl.CERT_NONE" for what stands for it in this file, "" for no plain name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        first = self._imports.get(node.id, node.id)
        return ".".join([first, *reversed(parts)])

    def key(self, node: ast.AST) -> Key | None:
        """Return what identifies the variable that a Name or self.attribute is."""
        if isinstance(node, ast.Name):
            return self._scope_of(node, node.id), node.id
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("self", "cls")
        ):
            for parent in self.parents(node):
                if isinstance(parent, ast.ClassDef):
                    return parent, "self." + node.attr
        return None

    def assigned(self, key: Key) -> list[tuple[int, ast.expr]]:
        """Return (line, value) of each assignment to a variable, by line."""
        return self._assigned.get(key, [])

    def values(self, node: ast.expr) -> list[ast.expr]:
        """Return what an expression can be, as far as it is plain; at least one."""
        found: list[ast.expr] = []
        seen: set[Key] = set()
        ahead = [node]
        while ahead and len(found) < _MOST:
            one = ahead.pop()
            if isinstance(one, ast.IfExp):
                ahead += [one.orelse, one.body]
                continue
            key = self.key(one)
            if key is None or key not in self._assigned:
                found.append(one)
            elif key not in seen:
                seen.add(key)
                ahead += [value for _, value in self._assigned[key][:_MOST]]
        return found or [node]

    def constant(self, node: ast.expr | None, steps: int = _STEPS) -> object:
        """Return the one constant that an expression is, None when that is not known."""
        if node is None or not steps:
            return None
        values = self.values(node)
        first = self._constant(values[0], steps - 1)
        same = all(self._constant(value, steps - 1) == first for value in values[1:])
        return first if same else None

    def text(self, node: ast.expr | None, steps: int = _STEPS) -> str:
        """Return the one string that an expression is, "" when that is not known."""
        found = self.constant(node, steps)
        if isinstance(found, bytes):
            return found.decode("latin-1")
        return found if isinstance(found, str) else ""

    def is_documentation(self, node: ast.Constant) -> bool:
        """Whether a literal is a statement by itself, as a docstring is."""
        return isinstance(self._parent.get(node), ast.Expr)

    def _constant(self, node: ast.expr, steps: int) -> object:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.JoinedStr):
            parts = [
                self.text(part.value if isinstance(part, ast.FormattedValue) else part, steps)
                for part in node.values
            ]
            return "".join(parts) if all(parts) else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.text(node.left, steps), self.text(node.right, steps)
            return left + right if left and right else None
        return None

    def _scope_of(self, node: ast.AST, name: str) -> ast.AST:
        """The function whose variable it is, else the module, or the class whose body it is in."""
        first = True
        for parent in self.parents(node):
            if isinstance(parent, _FUNCTIONS):
                if name in _parameters(parent) or (parent, name) in self._assigned:
                    return parent
            elif isinstance(parent, ast.ClassDef) and first and (parent, name) in self._assigned:
                return parent
            first = first and not isinstance(parent, _SCOPES)
        return self.tree

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                full = alias.name if alias.asname else alias.name.split(".")[0]
                self._import(node, alias.asname or full, full)
                self._import(node, "", alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            self._import(node, "", node.module)
            for alias in node.names:
                self._import(node, alias.asname or alias.name, f"{node.module}.{alias.name}")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._functions.add(node.name.lower())
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value:
            self._assign(node.target, node.value)
        elif isinstance(node, ast.withitem) and node.optional_vars:
            self._assign(node.optional_vars, node.context_expr)

    def _index(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            owner = self.key(node.func.value) if isinstance(node.func, ast.Attribute) else None
            if owner:
                self.uses[owner].append(node)
            if target_name(node.func) in self._functions:
                self.handed_on |= {key for key in map(self.key, node.args) if key}
        elif isinstance(node, ast.Return) and node.value:
            self.handed_on |= {key for key in [self.key(node.value)] if key}
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self.targets[target_name(target)].append(node)
                owner = self.key(target.value) if isinstance(target, ast.Attribute) else None
                if owner:
                    self.uses[owner].append(node)
        elif isinstance(node, ast.Subscript):
            owner = self.key(node.value)
            if owner:
                self.subscripts[owner].append(node)
        elif isinstance(node, ast.Attribute | ast.Name) and self.qualified(node) in (
            "ssl.create_default_context",
            "ssl.Purpose",
        ):
            self.on_computer = True

    def _import(self, node: ast.AST, name: str, full: str) -> None:
        root, dot, rest = full.partition(".")
        full = _SAME.get(root, root) + dot + rest
        in_try = any(isinstance(parent, ast.Try) for parent in self.parents(node))
        if not in_try and (root in _COMPUTER or full in _COMPUTER):
            self.on_computer = True
        # Of `ssl` and `tls` under one name the first decides, as it verifies less.
        if name and self._imports.get(name, "").split(".")[0] != "ssl":
            self._imports[name] = full
        elif not name:
            self._imports.setdefault(f"({full})", full)

    def _around(self, node: ast.AST) -> ast.AST:
        """The function, class or module that a statement is directly in."""
        return next((one for one in self.parents(node) if isinstance(one, _SCOPES)), self.tree)

    def _assign(self, target: ast.AST, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            scope = self._around(target)
            if (scope, target.id) in self._global:
                scope = self.tree
            self._assigned[scope, target.id].append((target.lineno, value))
        elif isinstance(target, ast.Attribute):
            key = self.key(target)
            if key:
                self._assigned[key].append((target.lineno, value))
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its in zip(target.elts, value.elts, strict=False):
                self._assign(one, its)


def target_name(target: ast.AST) -> str:
    """The last part of what is assigned to, in lower case: x, self.x and config["x"] are "x"."""
    if isinstance(target, ast.Subscript):
        key = target.slice
        return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
    return str(name).lower()


def _parameters(function: ast.AST) -> set[str]:
    arguments = getattr(function, "args", None)
    if not isinstance(arguments, ast.arguments):
        return set()
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one]
    return {one.arg for one in every}
