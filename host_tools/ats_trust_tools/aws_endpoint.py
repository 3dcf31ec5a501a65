"""An account's own AWS IoT endpoint, and a data-plane client that talks to no other.

Rules: the answer of DescribeEndpoint is believed only if it is a host name of the kind and region
that was asked for. AWS itself keeps the endpoint: it is made by the first call, and every later
call gives the same. boto3 comes in as an object, so that this module needs none.
"""

from typing import Any

from ats_trust import endpoint
from ats_trust.errors import ConfigError

from .errors import ToolError
from .files import data_folder, read_bounded
from .roots import certificate_store, load_manifest

# What a user types, and AWS's own name of it (AWS IoT API reference, DescribeEndpoint).
TYPES = {
    "data-ats": "iot:Data-ATS",
    "data": "iot:Data",
    "credentials": "iot:CredentialProvider",
    "jobs": "iot:Jobs",
}
_KINDS = {
    "data-ats": ("data-ats",),
    # Regions that are younger than the ATS certificates never had another endpoint.
    "data": ("data-legacy", "data-ats"),
    "credentials": ("credentials",),
    "jobs": ("jobs",),
}


def data_plane_client(session: Any, *, config: Any = None, verify: str | None = None) -> Any:
    """Return a boto3 "iot-data" client on the account's iot:Data-ATS endpoint.

        import boto3
        from ats_trust_tools.aws_endpoint import data_plane_client

        client = data_plane_client(boto3.Session(profile_name="factory"))
        client.publish(topic="sensors/1", qos=1, payload=b"on")

    It does what AWS's documentation does in Java ("Creating an IotDataPlaneClient"): describe the
    endpoint, then build the client on it. Without that boto3 takes an address of the region.

    session: boto3.Session. config: botocore.config.Config for both clients, such as time-outs.
    verify: file of the roots to accept (PEM). By default the shipped roots that answer at such an
    endpoint and no others, not even those of AWS_CA_BUNDLE; a proxy that opens TLS needs its own
    here. Raises ToolError for an answer that is no such endpoint; what boto3 raises passes.
    """
    found = describe_endpoint(session.client("iot", config=config), "data-ats")
    return session.client(
        "iot-data",
        endpoint_url=f"https://{found.host}",
        config=config,
        verify=verify or _ats_roots(),
    )


def describe_endpoint(iot: Any, kind: str) -> endpoint.Endpoint:
    """Ask AWS for the account's endpoint of one of TYPES. Raises ToolError for another answer."""
    asked = TYPES[kind]
    answer = iot.describe_endpoint(endpointType=asked)
    host = answer.get("endpointAddress") if isinstance(answer, dict) else None
    region: str = iot.meta.region_name
    wrong = f"whoever was asked for the {asked} endpoint of {region} answered"
    advice = "that is not AWS; check --endpoint-url and the network"
    if not isinstance(host, str):
        raise ToolError(f"{wrong} without any; {advice}")
    try:
        found: endpoint.Endpoint = endpoint.parse(host)
    except ConfigError as error:
        raise ToolError(f"{wrong} with no host name ({error.detail}); {advice}") from None
    if found.kind not in _KINDS[kind]:
        raise ToolError(f"{wrong} with {found.host}, which is of the kind {found.kind}; {advice}")
    if f".{region}." not in found.host:
        raise ToolError(f"{wrong} with {found.host}, which is in another region; {advice}")
    return found


def _ats_roots() -> str:
    """The file of roots; part of the installation, so it lasts as long as any client."""
    path = data_folder("certs_der") / "data-ats.pem"
    expected = certificate_store(load_manifest(), "data-ats")
    if read_bounded(path, "the roots of ATS endpoints") != expected:
        raise ToolError(f"{path} is not what the manifest says; install ats-trust again")
    return str(path)
