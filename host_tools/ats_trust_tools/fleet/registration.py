"""What AWS's bulk registration (StartThingRegistrationTask) takes, and the policy of a fleet.

Pure. Sources: AWS IoT Core developer guide, "Bulk registration", "Provisioning templates" and
"Thing policy variables". Rule: a device may connect with its own client id only, and publish and
subscribe below its own name only.
"""

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ats_trust import endpoint

from ..thing_policy import policy_document
from .things import Thing

PARAMETERS = "registration.jsonl"
TEMPLATE = "provisioning-template.json"
# The name of the thing whose certificate and client id a device connects with.
_OWN_NAME = "${iot:Connection.Thing.ThingName}"


def fleet_policy(
    region: str, account: str, partition: str = "aws", *, jobs: bool = False
) -> dict[str, Any]:
    """Return the policy document that all devices of a fleet share.

    region, account: "*" for any; a policy is of use in its own account and region only.
    jobs: a device may take the AWS IoT Jobs of its own thing.
    """
    arn = f"arn:{partition}:iot:{region}:{account}:"
    # Else the name would be whatever client id a device claims.
    attached = {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}
    resources = [f"{_OWN_NAME}/*"]
    if jobs:
        resources.append(f"$aws/things/{_OWN_NAME}/jobs/*")
    return policy_document(arn, _OWN_NAME, resources, attached)


def policy_name(document: dict[str, Any]) -> str:
    """Return the name that a policy gets at AWS: the same one for the same document."""
    text = json.dumps(document, sort_keys=True)
    return "ats-trust-fleet-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def place(host: str) -> tuple[str, str]:
    """Return (partition, region) of an endpoint of AWS; of a custom domain ("aws", "*")."""
    if endpoint.parse(host).kind == "custom":
        return "aws", "*"
    # PREFIX-ats.iot.REGION.amazonaws.com, PREFIX.ats.iot.REGION.amazonaws.com.cn and so on.
    labels = host.split(".")
    region = labels[max(labels.index(name) for name in ("iot", "iot-fips") if name in labels) + 1]
    first = region.partition("-")[0]
    if region.startswith("us-gov-"):
        return "aws-us-gov", region
    return {"cn": "aws-cn", "eusc": "aws-eusc"}.get(first, "aws"), region


def template(attributes: Sequence[str], policy: dict[str, str]) -> dict[str, Any]:
    """Return the provisioning template.

    attributes: their names, whose values are the parameters Attribute1 and so on.
    policy: {"PolicyDocument": JSON as text} or {"PolicyName": that of one which is there}.
    """
    names = [f"Attribute{number}" for number in range(1, len(attributes) + 1)]
    thing: dict[str, Any] = {"ThingName": {"Ref": "ThingName"}}
    if attributes:
        pairs = zip(attributes, names, strict=True)
        thing["AttributePayload"] = {aws_attribute(key): {"Ref": name} for key, name in pairs}
    return {
        "Parameters": {name: {"Type": "String"} for name in ("ThingName", *names, "CSR")},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": thing},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateSigningRequest": {"Ref": "CSR"}, "Status": "ACTIVE"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": policy},
        },
    }


def aws_attribute(column: str) -> str:
    """Return the name of a thing's attribute at AWS for that of a column."""
    return "serialNumber" if column == "serial" else column


def named_otherwise(things: Sequence[Thing]) -> list[str]:
    """Return the things whose client id is another than their name: the policy shuts them out."""
    return [thing.name for thing in things if thing.client_id != thing.name]


def commands(folder: Path) -> list[str]:
    """Return what to type for a bulk registration, line by line."""
    parameters, body = (shlex.quote(str(folder / name)) for name in (PARAMETERS, TEMPLATE))
    return [
        f"aws s3 cp {parameters} s3://BUCKET/{PARAMETERS}",
        f"aws iot start-thing-registration-task --template-body file://{body} "
        f"--input-file-bucket BUCKET --input-file-key {PARAMETERS} --role-arn ROLE-ARN",
        "aws iot describe-thing-registration-task --task-id TASK-ID",
        "aws iot list-thing-registration-task-reports --task-id TASK-ID --report-type RESULTS "
        "--query resourceLinks --output text | xargs -n 1 curl -s > results.jsonl",
        f"ats-trust device fleet --results results.jsonl -o {shlex.quote(str(folder))}",
    ]
