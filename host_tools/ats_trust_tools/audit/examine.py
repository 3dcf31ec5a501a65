"""Every rule on every file: files in, findings out. Pure, but for who is asked about git.

Rules: a file that can not be understood is one finding and ends nothing; sources come first, since
they say what the other files are for.
"""

import ast
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePosixPath

from ats_trust.bundle import Bundle
from ats_trust.errors import BundleError

from ..installation import library_files
from ..roots import Manifest
from . import contents
from .certificate_rules import called_root, judge_certificates
from .pem_support import Target
from .project import Item
from .rules import Finding
from .source_endpoints import legacy_endpoints, read_endpoints
from .source_files import Given, given_to_tls, literals
from .source_names import Names
from .source_tls import read_tls

_MOST = 200  # Findings of one file.
_SETTINGS = (".json", ".toml", ".ini", ".cfg", ".conf", ".env", ".yaml", ".yml")
_CERTIFICATES = (".pem", ".crt", ".cer", ".cert", ".der")
_DOCUMENTS = (".md", ".rst", ".html", ".adoc")
_BUNDLE_NAMES = ("roots.bin", "roots_board.bin", "roots_field.bin")


@dataclass
class Project:
    """What is known while files are read one after the other.

    pem_keys: files that were not read since they hold one, in PEM.
    secret: name -> whether it is a device file, of all files that hold a private key.
    """

    target: Target
    manifest: Manifest
    now: datetime
    findings: list[Finding] = field(default_factory=list)
    given: dict[str, list[Given]] = field(default_factory=dict)
    secret: dict[str, bool] = field(default_factory=dict)
    uses_library: bool = False
    pem_keys: list[str] = field(default_factory=list)

    def add(self, file: str, line: int, rule: str, detail: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(file, line, rule, detail))


def examine(
    project: Project, items: Sequence[Item], tracked: Callable[[list[str]], set[str]]
) -> list[Finding]:
    """Return all findings, by file and line. tracked: which of these names are in git."""
    for item in items:
        if item.suffix == ".py":
            _source(project, item)
    roots = {
        PurePosixPath(one.path).name
        for every in project.given.values()
        for one in every
        if one.as_root and one.path
    }
    pem = set(project.pem_keys) | {
        item.name for item in items if item.suffix != ".py" and _file(project, item, roots)
    }
    told = _pem_given(project, items)
    if not project.uses_library and (project.target.board or project.target.platform):
        _pem_lying(project, {name for name in pem if PurePosixPath(name).name not in told})
    for item in items:
        if item.name in project.secret and item.mode is not None and item.mode & 0o077:
            what = "device-file" if project.secret[item.name] else "key"
            if item.suffix != ".py":
                project.add(item.name, 0, f"{what}-readable", f"its mode is {item.mode:03o}")
    for name in tracked(sorted(project.secret)):
        what = "device-file" if project.secret.get(name) else "key"
        project.add(name, 0, f"{what}-in-git", "git has it in its index")
    return sorted(set(project.findings))


def _source(project: Project, item: Item) -> None:
    """One Python file."""
    text = item.data.decode("utf-8", "replace")
    for line in contents.key_lines(text):
        project.add(item.name, line, "key-in-source", "a PEM private key")
        project.secret[item.name] = False
    for line in contents.credential_lines(text):
        project.add(item.name, line, "aws-access-key", "not shown")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = Names(ast.parse(item.data))
        for line, rule, detail in islice(
            (one for read in (read_tls, read_endpoints) for one in read(names)), _MOST
        ):
            if not (_is_library(item.name) and rule == "legacy-endpoint"):
                project.add(item.name, line, rule, detail)
        for line, data, variable in literals(names):
            _literal(project, item, line, data, variable)
        if not names.on_computer:
            project.given[item.name] = list(islice(given_to_tls(names), _MOST))
        project.uses_library |= any(name.split(".")[0] == "ats_trust" for name in names.imported())
    except SyntaxError as error:
        project.add(item.name, error.lineno or 0, "not-read", "it is no Python that can be parsed")
    except (ValueError, RecursionError, MemoryError):
        project.add(item.name, 0, "not-read", "it is no Python that can be parsed")


def _is_library(name: str) -> bool:
    """Whether a file is of `ats_trust`, whose self-test has a root and an endpoint of its own."""
    return PurePosixPath(name).parent.name == "ats_trust"


def _literal(project: Project, item: Item, line: int, data: bytes, variable: str) -> None:
    """A certificate or key that stands in the source."""
    if contents.is_key(data):
        project.add(item.name, line, "key-in-source", "a private key in DER")
        project.secret[item.name] = False
        return
    found = contents.certificates_of(data)
    for _ in found.broken:
        project.add(item.name, line, "unreadable-certificate", "a PEM block that does not decode")
    for _, rule, detail in judge_certificates(
        found.der, called_root(variable), project.manifest, project.now
    ):
        project.add(item.name, line, rule, detail)


def _file(project: Project, item: Item, roots: set[str]) -> bool:
    """One file that is no source; return whether it is PEM of a certificate or key."""
    name, data = item.name, item.data
    text = data.decode("latin-1")
    keys = [] if item.suffix in _DOCUMENTS else contents.key_lines(text)
    if keys or contents.is_key(data):
        project.secret[name] = False
    if contents.is_device_file(data):
        project.secret[name] = True
    if "\0" not in text:
        for line in contents.credential_lines(text):
            project.add(name, line, "aws-access-key", "not shown")
    if item.suffix in _SETTINGS or PurePosixPath(name).name.startswith(".env"):
        for place in islice(legacy_endpoints(text), _MOST):
            line = contents.line_of(text, place)
            project.add(name, line, "legacy-endpoint", "the endpoint has no -ats")
    if contents.is_bundle(data) or PurePosixPath(name).name in _BUNDLE_NAMES:
        if not _is_library(name) or name.endswith(_BUNDLE_NAMES):
            _bundle(project, item)
        return False
    if item.suffix in _DOCUMENTS:
        return False
    return _certificates(project, item, roots) or bool(keys)


def _certificates(project: Project, item: Item, roots: set[str]) -> bool:
    """Certificates in a file of their own; return whether they are PEM."""
    name = item.name
    found = contents.certificates_of(item.data)
    base = PurePosixPath(name).name
    as_roots = base in roots or called_root(base)
    for line in found.broken:
        project.add(name, line, "unreadable-certificate", "a PEM block that does not decode")
    for index, rule, detail in islice(
        judge_certificates(found.der, as_roots, project.manifest, project.now), _MOST
    ):
        project.add(name, found.lines[index], rule, detail)
    known = found.pem or found.der or name in project.secret or contents.is_der(item.data)
    if item.suffix in _CERTIFICATES and not known:
        project.add(name, 0, "unreadable-certificate", "it is neither PEM nor DER")
    return found.pem and bool(found.der)


def _pem_given(project: Project, items: Sequence[Item]) -> set[str]:
    """PEM that a source hands to the TLS; return the names of these files."""
    told: set[str] = set()
    where = project.target.without_pem()
    if not where:
        return told
    by_name: dict[str, list[Item]] = {}
    for item in items:
        by_name.setdefault(PurePosixPath(item.name).name, []).append(item)
    keys = {PurePosixPath(name).name for name in project.pem_keys}
    for file, every in project.given.items():
        for one in every:
            base = PurePosixPath(one.path).name
            if one.literal:
                pem = b"-----BEGIN " in one.literal
            elif base in by_name:
                pem = any(b"-----BEGIN " in item.data for item in by_name[base])
            else:
                pem = base in keys or base.endswith((".pem", ".pem.crt", ".pem.key"))
            if pem:
                what = "a PEM literal" if one.literal else f"{base} is PEM"
                project.add(file, one.line, "pem-not-readable", f"{what}: not for {where}")
                told.add(base)
    return told


def _pem_lying(project: Project, names: set[str]) -> None:
    """PEM on a board, where no `ats_trust` would read it."""
    where = project.target.without_pem()
    for name in names if where else ():
        project.add(name, 0, "pem-not-readable", f"it is PEM: not for {where}")


def _bundle(project: Project, item: Item) -> None:
    """A bundle of trust anchors."""
    try:
        found = _read_bundle(item.data)
    except BundleError:
        project.add(item.name, 0, "damaged-bundle", "a board would refuse it")
        return
    ours = _read_bundle(library_files(False)["roots.bin"])
    if found.not_after < f"{project.now:%Y%m%d%H%M%S}":
        project.add(item.name, 0, "old-bundle", "its last anchor has expired")
    elif found.version < ours.version:
        detail = f"version {found.version}; this release brings {ours.version}"
        project.add(item.name, 0, "old-bundle", detail)


def _read_bundle(data: bytes) -> Bundle:
    with tempfile.TemporaryDirectory(prefix="ats_trust.") as folder:
        path = Path(folder) / "roots.bin"
        path.write_bytes(data)
        return Bundle(str(path))
