"""Which server a Python file, or a file of settings, talks to, and on which port.

Rules: a name counts as an endpoint of AWS only if `ats_trust.endpoint` says so; what is shown is
the kind of thing, not the account's prefix. Documentation in the source is not read.
"""

import ast
import re
from collections.abc import Iterator

from ats_trust import endpoint
from ats_trust.errors import ConfigError

from .source_names import Names
from .source_tls import Found

_HOST = re.compile(r"(?<![A-Za-z0-9.-])[A-Za-z0-9][A-Za-z0-9.-]{0,250}\.amazonaws\.com(?:\.cn)?\b")
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}")
_LONGEST = 4096
_DATA = ("data-ats", "data-legacy")
_HOST_WORDS = ("server", "host", "broker", "endpoint", "server_hostname", "hostname")


def read_endpoints(names: Names) -> Iterator[Found]:
    """Yield what is wrong with the endpoints and ports of a file."""
    mentions_aws = _mentions_aws(names)
    for node in ast.walk(names.tree):
        if isinstance(node, ast.Constant) and not names.is_documentation(node):
            text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            if isinstance(text, str):
                for _ in legacy_endpoints(text):
                    yield node.lineno, "legacy-endpoint", "the endpoint has no -ats"
        elif isinstance(node, ast.Call):
            yield from _call(names, node, mentions_aws)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _setting(names, node, target)


def legacy_endpoints(text: str) -> Iterator[int]:
    """Yield where in a text the name of a legacy data endpoint begins."""
    for found in _HOST.finditer(text[: 1 << 20]):
        if _kind(found[0]) == "data-legacy":
            yield found.start()


def _call(names: Names, call: ast.Call, mentions_aws: bool) -> Iterator[Found]:
    given = {one.arg: one.value for one in call.keywords if one.arg}
    word = names.qualified(call.func).rpartition(".")[2]
    mqtt = "mqtt" in word.lower()
    hosts = [given[name] for name in _HOST_WORDS if name in given]
    position = 1 if mqtt else 0  # MQTTClient(client_id, server, port); else connect(host, port).
    hosts += call.args[position : position + 1]
    host = next((names.text(one) for one in hosts if names.text(one)), "")
    ports = call.args[position + 1 : position + 2]
    port = names.constant(given["port"] if "port" in given else ports[0] if ports else None)
    secure = _secure(names, call, given, mqtt)
    called = names.qualified(call.func)
    if _ADDRESS.fullmatch(host) and (
        secure or "server_hostname" in given or called.startswith("ats_trust.")
    ):
        yield call.lineno, "endpoint-is-address", "an IP address in place of a name"
    aws = _kind(host) in _DATA
    if port == 443 and mqtt and (aws or (not host and secure and mentions_aws)):
        yield call.lineno, "mqtt-on-443", "MQTT on port 443"
    no_port = "port" not in given and (not ports or port == 0)
    if aws and (port == 1883 or (mqtt and no_port and not secure)):
        yield call.lineno, "mqtt-without-tls", "an endpoint of AWS without TLS"


def _setting(names: Names, node: ast.Assign, target: ast.AST) -> Iterator[Found]:
    """config["port"] = 443 beside config["server"] = ..., as of mqtt_as; ENDPOINT = "1.2.3.4"."""
    if isinstance(target, ast.Subscript) and names.text(target.slice) == "port":
        owner = names.key(target.value)
        servers = [
            names.text(other.value)
            for other in names.targets.get("server", ())
            for one in other.targets
            if isinstance(one, ast.Subscript) and names.key(one.value) == owner
        ]
        if any(_kind(server) in _DATA for server in servers):
            port = names.constant(node.value)
            if port == 443:
                yield node.lineno, "mqtt-on-443", "MQTT on port 443"
            elif port == 1883:
                yield node.lineno, "mqtt-without-tls", "an endpoint of AWS without TLS"
    name = getattr(target, "id", getattr(target, "attr", "")).lower()
    if ("endpoint" in name or "aws" in name) and _ADDRESS.fullmatch(names.text(node.value)):
        yield node.lineno, "endpoint-is-address", "an IP address in place of a name"


def _secure(names: Names, call: ast.Call, given: dict[str, ast.expr], mqtt: bool) -> bool:
    """Whether the call asks for TLS, or may do so."""
    switch = given.get("ssl")
    if switch is None and mqtt and len(call.args) > 6:
        switch = call.args[6]
    if switch is None:
        return "ssl_params" in given or any(not one.arg for one in call.keywords)
    constant = names.constant(switch)
    return bool(constant) or not isinstance(names.values(switch)[0], ast.Constant)


def _mentions_aws(names: Names) -> bool:
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "amazonaws.com" in node.value
        for node in ast.walk(names.tree)
    )


def _kind(host: str) -> str:
    if "amazon" not in host or len(host) > _LONGEST:
        return ""
    try:
        found: endpoint.Endpoint = endpoint.parse(host.strip("."))
    except ConfigError:
        return ""
    return str(found.kind)
