"""Arguments that several commands take, checked as they are parsed.

Rule: whatever is wrong with one is a UsageError (exit status 2) that names the option.
"""

from pathlib import Path

from ats_trust import endpoint
from ats_trust.errors import ConfigError

from .errors import UsageError
from .files import refuse_special


def endpoint_host(text: str) -> endpoint.Endpoint:
    """Return what follows --endpoint, understood."""
    try:
        found: endpoint.Endpoint = endpoint.parse(text)
    except ConfigError as error:
        raise UsageError(f"--endpoint: {error}") from None
    return found


def aws_lookalike(host: endpoint.Endpoint) -> list[str]:
    """Return a warning for a custom domain that a person could take for a name of AWS."""
    if host.kind != "custom" or "amazonaws.com" not in host.host:
        return []
    return [
        f"{host.host} is no name of AWS although amazonaws.com is in it, but somebody's custom "
        "domain; `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints the right one"
    ]


def output_file(text: str) -> Path:
    """Return what follows -o as a path; an empty one (an unset shell variable) is no name.

    A pipe is refused before anything is made: commands look first at what they would replace.
    """
    if not text:
        raise UsageError("-o: the name to write to is empty")
    refuse_special(Path(text))
    return Path(text)
