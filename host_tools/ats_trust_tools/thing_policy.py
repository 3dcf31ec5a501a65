"""The AWS IoT Core policy of one thing: connect as itself, and talk on its own topics; no more.

Pure. Source: AWS IoT Core developer guide, "AWS IoT Core policies". Rules: every resource names
account and region; nothing of what a user gives may act as a wildcard of a policy ("*", "?", "${")
but the "/#" that a topic ends in.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from .errors import UsageError

MAX_TOPIC = 256  # Bytes; AWS IoT Core quotas.


def check_names(thing: str, client_id: str, policy: str) -> None:
    """Raise UsageError for a name that AWS would refuse, or that would mean more than itself."""
    check_thing("--thing", thing)
    if not re.fullmatch(r"[\w+=,.@-]{1,128}", policy, re.ASCII):
        raise UsageError(
            f"--policy-name: {policy!r} is no name of a policy; take 1 to 128 of "
            "a-z A-Z 0-9 _ + = , . @ -"
        )
    if _WILD.search(client_id):
        raise UsageError(
            "--client-id: *, ? and $ would be wildcards in the policy; leave them out"
        )


def check_thing(option: str, thing: str) -> None:
    """Raise UsageError when what follows this option is not the name of a thing."""
    if not re.fullmatch(r"[a-zA-Z0-9:_-]{1,128}", thing):
        raise UsageError(
            f"{option}: {thing!r} is no name of a thing; take 1 to 128 of a-z A-Z 0-9 : _ -"
        )


def usual_policy_name(thing: str) -> str:
    """Return the name that a thing's policy gets when the user gives none."""
    return ("ats-trust-" + thing.replace(":", "_"))[:128]


def usual_topics(thing: str) -> list[str]:
    """Return the topics that a thing may use when the user gives none: those below its name."""
    return [f"{thing}/#"]


def job_topics(thing: str) -> list[str]:
    """Return the topics by which a thing takes AWS IoT Jobs, its own and no other's."""
    return [f"$aws/things/{thing}/jobs/#"]


def thing_policy(arn: str, client_id: str, topics: Sequence[str]) -> dict[str, Any]:
    """Return the policy document.

    arn: the beginning of all its resources, "arn:PARTITION:iot:REGION:ACCOUNT:". topics: names of
    topics; one that ends in "/#" means everything below it, as in MQTT. Raises UsageError.
    """
    return policy_document(arn, client_id, [_resource(topic) for topic in topics])


def policy_document(
    arn: str, client_id: str, resources: Sequence[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the document that lets a device connect as `client_id`, on a condition if any.

    resources: what it may publish, receive and subscribe to, as policies write topics.
    """
    connect: dict[str, Any] = {
        "Effect": "Allow",
        "Action": ["iot:Connect"],
        "Resource": [f"{arn}client/{client_id}"],
    }
    if condition:
        connect["Condition"] = condition
    return {
        "Version": "2012-10-17",
        "Statement": [
            connect,
            {
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive"],
                "Resource": [f"{arn}topic/{one}" for one in resources],
            },
            {
                "Effect": "Allow",
                "Action": ["iot:Subscribe"],
                "Resource": [f"{arn}topicfilter/{one}" for one in resources],
            },
        ],
    }


def same_policy(one: str, other: dict[str, Any]) -> bool:
    """Whether AWS's JSON of a policy says what a document does."""
    try:
        return bool(json.loads(one) == other)
    except ValueError:
        return False


def _resource(topic: str) -> str:
    """The resource of a topic: in a policy "*" stands for any characters, "#" and "+" for none."""
    stem = topic.removesuffix("/#")
    if not stem.strip("/") or len(topic.encode("utf-8", "surrogateescape")) > MAX_TOPIC:
        raise UsageError(f"--topic: {topic!r} is no topic of one thing; take as thing/status")
    plain = stem.removeprefix("$aws/things/")
    if _WILD.search(plain) or re.search(r"[#+\s]", plain) or not stem.isprintable():
        raise UsageError(
            f"--topic: {topic!r} may end in /# and hold no other wildcard (# + * ? $) or space"
        )
    return stem + ("/*" if stem != topic else "")


_WILD = re.compile(r"[*?$]")
