"""What an AWS IoT Core host name is: kind of endpoint, port, root roles.

Pure: no network, no files. Sources: AWS IoT Core developer guide ("Server authentication",
"Connecting devices", "Connecting to AWS IoT FIPS endpoints") and the endpoint rule sets and
partition table of botocore 1.44.5. Only names that follow a known form are accepted below an
AWS suffix; any other public name is a custom domain.
"""

from collections import namedtuple

from .errors import ConfigError

# Root roles, as bits; a bundle marks each anchor with the same bits (docs/bundle-format.md).
ROLE_ATS = 0x10
ROLE_LEGACY = 0x20
ROLE_OWN = 0x40

# A host name, understood.
#
# host: str, lower case. kind: "data-ats", "data-legacy", "credentials", "jobs", "greengrass",
# "tunneling", "control" or "custom". port: int, the usual TCP port for the kind. roles: int, bits
# of the root roles that may answer.
Endpoint = namedtuple("Endpoint", ("host", "kind", "port", "roles"))


def parse(host):
    """Return the Endpoint that a host name stands for.

    host: str, a bare DNS name as `aws iot describe-endpoint` prints it.
    Raises ConfigError("bad_endpoint") for anything else, with what to pass instead.
    """
    name = _checked(host)
    # By partition: aws and aws-us-gov, aws-cn, aws-eusc, aws-iso, its -b, -e and -f. Names below
    # .api are for dual stack.
    for suffix in (
        ".amazonaws.com .api.aws .amazonaws.com.cn .api.amazonwebservices.com.cn .amazonaws.eu "
        ".api.amazonwebservices.eu .c2s.ic.gov .api.aws.ic.gov .sc2s.sgov.gov .api.aws.scloud "
        ".cloud.adc-e.uk .api.cloud-aws.adc-e.uk .csp.hci.ic.gov .api.aws.hci.ic.gov"
    ).split():
        if ("." + name).endswith(suffix):
            return _aws(name, name[: -len(suffix)].split("."), ".api." in suffix)
    return Endpoint(name, "custom", 8883, ROLE_OWN | ROLE_ATS)


def _aws(name, labels, dual_stack):
    region = labels.pop()
    service = labels.pop() if labels else ""
    last = labels.pop() if labels else ""
    kind = "data-ats"
    port = 8883
    roles = ROLE_ATS
    # Beijing has a dot before "ats".
    known = len(labels) == 1 and last in ("ats", "credentials", "jobs", "tunneling")
    if service not in ("iot", "iot-fips") or region.count("-") < 2 or labels and not known:
        _refuse(name, "is an AWS name, but not of an AWS IoT endpoint")
    # The regions of AWS IoT before 2018-05-09, when Mumbai became the first that serves only
    # Amazon Trust Services certificates. Source: the endpoint table of botocore 1.10.16.
    legacy = (
        "ap-northeast-1 ap-northeast-2 ap-southeast-1 ap-southeast-2 cn-north-1 eu-central-1 "
        "eu-west-1 eu-west-2 us-east-1 us-east-2 us-west-2"
    )
    if not last:
        kind, port = "control", 443
    elif labels:
        if last != "ats":
            kind, port = last, 443
    elif last == "greengrass-ats":
        kind, port = "greengrass", 8443
    elif dual_stack or service != "iot" or last.endswith("-ats"):
        pass
    elif region in legacy.split():
        kind = "data-legacy"
        roles |= ROLE_LEGACY
    return Endpoint(name, kind, port, roles)


def _checked(host):
    if not isinstance(host, str) or not host:
        _refuse(host, "is not a host name")
    if "/" in host:
        _refuse(host, "is a URL: leave out the scheme and the path")
    if ":" in host:
        _refuse(host, "has a colon: give the port by itself")
    try:
        octets = host.encode()
    except UnicodeError:
        octets = b"?"
    why = oddity(octets)
    if why:
        _refuse(host, why)
    return host.lower()


def oddity(octets):
    """Return what keeps these bytes from being a DNS name, or "" when they are one.

    The preferred syntax of RFC 1034, 3.5, letters of both cases; and no IPv4 address.
    """
    for octet in octets:
        # Octets, since MicroPython keeps each character that it hands out for ever (2 KB in all),
        # and before lower(), which turns the Kelvin sign into a letter.
        if octet not in (45, 46) and not 48 <= octet <= 57 and not 97 <= octet | 32 <= 122:
            return "has a character that a host name can not have"
    for label in octets.split(b"."):
        if not label:
            return "has an empty label (a dot too many)"
        if len(label) > 63 or len(octets) > 253 or label[0] == 45 or label[-1] == 45:
            return "is too long, or has a hyphen at the end of a label"
    # The last label decides: an IPv4 address ends in a number, a top-level domain is none.
    return "is an IP address: a certificate is checked against a name" if label.isdigit() else ""


def _refuse(host, why):
    raise ConfigError("bad_endpoint", repr(host)[:260] + " " + why)
