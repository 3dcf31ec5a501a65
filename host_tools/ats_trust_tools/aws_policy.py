"""A policy of ours at AWS IoT Core.

Rule: AWS knows a policy by its name alone, so one that is there is read before it is used; what
says something else is neither used nor changed.
"""

import json
from typing import Any

from .aws import aws_failures
from .errors import ToolError
from .thing_policy import same_policy


def has_policy(client: Any, name: str, document: dict[str, Any]) -> bool:
    """Whether the policy is there. Raises ToolError when its name is that of another one."""
    with aws_failures():
        try:
            found = client.get_policy(policyName=name)["policyDocument"]
        except client.exceptions.ResourceNotFoundException:
            return False
    if not same_policy(found, document):
        raise ToolError(
            f"AWS has a policy {name} that says something else; look at it (`aws iot get-policy "
            f"--policy-name {name}`), and give the name of another one (see --help)"
        )
    return True


def ensure_policy(client: Any, name: str, document: dict[str, Any]) -> None:
    """Make the policy unless it is there. Raises ToolError as `has_policy` does."""
    with aws_failures():
        try:
            client.create_policy(policyName=name, policyDocument=json.dumps(document))
            return
        except client.exceptions.ResourceAlreadyExistsException:
            pass
    has_policy(client, name, document)
