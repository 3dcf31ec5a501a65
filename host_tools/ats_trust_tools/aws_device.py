"""One device registered at AWS IoT Core: thing, policy, and a certificate for a key of ours.

Rules: what is called `look_at` only reads. `register` is taken up by a second run where a first
was killed: a thing or policy that is there is used, a certificate for the same key is found and
used, never made twice. A certificate is inactive until thing and policy are attached to it. Where
a step fails, it is made inactive and deleted, and the error says what exists by then.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from ats_trust import endpoint

from .aws import aws_failures
from .aws_certificates import Description, every, find_certificates, retire
from .aws_endpoint import describe_endpoint
from .aws_policy import ensure_policy, has_policy
from .device_blob import Device
from .device_check import public_bytes
from .device_pending import request_pem
from .errors import ToolError


@dataclass(frozen=True)
class Place:
    """Where devices are registered. arn: "arn:PARTITION:iot:REGION:ACCOUNT:"."""

    endpoint: endpoint.Endpoint
    arn: str


@dataclass(frozen=True)
class Found:
    """What there is before anything is made. certificates: of the thing."""

    thing: bool
    policy: bool
    certificates: int


@dataclass(frozen=True)
class Registration:
    """What is to be registered. policy: document; device: one that waits for its certificate."""

    thing: str
    policy_name: str
    policy: dict[str, Any]
    device: Device


def look_at_account(iot: Any, sts: Any) -> Place:
    """Return the account's endpoint and the ARN of what is in it."""
    with aws_failures():
        found = describe_endpoint(iot, "data-ats")
        account = sts.get_caller_identity()["Account"]
    return Place(found, f"arn:{iot.meta.partition}:iot:{iot.meta.region_name}:{account}:")


def look_at_thing(iot: Any, thing: str, policy_name: str, policy: dict[str, Any]) -> Found:
    """Return what exists. Raises ToolError when the policy's name is that of another policy."""
    missing = iot.exceptions.ResourceNotFoundException
    there = has_policy(iot, policy_name, policy)
    with aws_failures():
        try:
            iot.describe_thing(thingName=thing)
            principals = every(iot, "list_thing_principals", "principals", thingName=thing)
        except missing:
            return Found(False, there, 0)
    return Found(True, there, len(principals))


def register(
    iot: Any, once: Any, plan: Registration, resumed: bool, keep: Callable[[str], None]
) -> str:
    """Register a device and return its certificate's id.

    once: a client that sends a request one time only. resumed: a run before may have made the
    certificate. keep: gets the certificate (PEM) and writes the device file; when it fails, the
    certificate is taken back.
    """
    made: list[str] = []
    certificate = None
    try:
        with aws_failures():
            _make_thing_and_policy(iot, plan, made)
            certificate = _certificate(iot, once, plan.device, resumed)
            made.append(f"certificate {certificate['certificateId']}")
            arn = certificate["certificateArn"]
            iot.attach_policy(policyName=plan.policy_name, target=arn)
            iot.attach_thing_principal(thingName=plan.thing, principal=arn)
            identity = str(certificate["certificateId"])
            iot.update_certificate(certificateId=identity, newStatus="ACTIVE")
        keep(certificate["certificatePem"])
        return identity
    except (ToolError, KeyboardInterrupt) as error:
        state = _taken_back(iot, certificate, made)
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        raise ToolError(f"{what}; {state}") from None


def _make_thing_and_policy(iot: Any, plan: Registration, made: list[str]) -> None:
    exists = iot.exceptions.ResourceAlreadyExistsException
    try:
        iot.create_thing(thingName=plan.thing)
    except exists:
        pass  # With attributes of its own, which are none of our business.
    made.append(f"thing {plan.thing}")
    ensure_policy(iot, plan.policy_name, plan.policy)  # One may have come since it was looked for.
    made.append(f"policy {plan.policy_name}")


def _certificate(iot: Any, once: Any, device: Device, resumed: bool) -> Description:
    """Find the certificate of the device's key, or have one made; inactive when it is new."""
    found = _certificates_of(iot, device) if resumed else []
    for surplus in found[1:]:
        retire(iot, surplus)
    if found:
        return found[0]
    answer: Description = once.create_certificate_from_csr(
        certificateSigningRequest=request_pem(device).decode(), setAsActive=False
    )
    return answer


def _certificates_of(iot: Any, device: Device) -> list[Description]:
    """The usable certificates of a device's key at AWS, an active one first."""
    public = public_bytes(x509.load_der_x509_csr(device.certificate).public_key())
    if device.created is None:
        raise ValueError("only a device that waits for its certificate can be looked for")
    key = hashlib.sha256(public).hexdigest()
    return find_certificates(iot, {key}, device.created).get(key, [])


def _taken_back(iot: Any, certificate: Description | None, made: list[str]) -> str:
    """Retire the certificate and say in words what exists at AWS by now."""
    again = "the key is kept: the same command again goes on from here"
    if certificate:
        name = f"certificate {certificate['certificateId']}"
        try:
            with aws_failures():
                retire(iot, certificate)
            made.remove(name)
            again = f"{name} was made inactive and deleted; {again}"
        except (ToolError, KeyboardInterrupt):
            again = f"{name} could not be taken back and may be active; {again} and uses it"
    exists = f"at AWS there is now: {', '.join(made)}" if made else "nothing was made at AWS"
    return f"{exists}; {again}"
