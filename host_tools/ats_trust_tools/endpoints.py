"""What the host tools say about an endpoint beyond what a board needs to know of it."""

from ats_trust.endpoint import Endpoint

from .arguments import aws_lookalike


def ats_host(endpoint: Endpoint) -> str:
    """The name of the same account's ATS endpoint; only a legacy endpoint has another one."""
    name: str = endpoint.host
    if endpoint.kind != "data-legacy":
        return name
    prefix, rest = name.split(".", 1)
    # Beijing's ATS names have a dot before "ats".
    return prefix + (".ats." if rest.startswith("iot.cn-north-1.") else "-ats.") + rest


def legacy_warning(endpoint: Endpoint, meaning: str = "") -> str:
    """What to say of a legacy endpoint. meaning: what else follows from its being one."""
    return (
        f"{endpoint.host} is a legacy endpoint, which AWS no longer supports; {meaning}"
        f"move to {ats_host(endpoint)}: same account, same devices"
    )


def device_warnings(host: Endpoint, port: int) -> list[str]:
    """What the owner of a device that is to use this endpoint should know."""
    warnings = aws_lookalike(host)
    if host.kind == "data-legacy":
        needs = f"it needs a bundle made with --endpoint {host.host}; "
        warnings.append(legacy_warning(host, needs))
    if host.kind == "control":
        warnings.append(
            f"{host.host} is AWS's control plane, not a data endpoint: devices can not use MQTT "
            "there; `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints the right one"
        )
    if port == 443 and host.kind in ("data-ats", "data-legacy"):
        warnings.append(
            "port 443 of a data endpoint needs ALPN, which MicroPython does not have; use 8883"
        )
    return warnings
