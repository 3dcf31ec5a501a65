"""What the host tools say about an endpoint beyond what a board needs to know of it."""

from ats_trust.endpoint import Endpoint


def ats_host(endpoint: Endpoint) -> str:
    """The name of the same account's ATS endpoint; only a legacy endpoint has another one."""
    name: str = endpoint.host
    if endpoint.kind != "data-legacy":
        return name
    prefix, rest = name.split(".", 1)
    # Beijing's ATS names have a dot before "ats".
    return prefix + (".ats." if rest.startswith("iot.cn-north-1.") else "-ats.") + rest
