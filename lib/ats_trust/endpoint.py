"""What an AWS IoT Core host name is: kind of endpoint, partition, region, port, root roles.

Pure: no network, no files. Sources: AWS IoT Core developer guide ("Server authentication",
"Connecting devices", "Connecting to AWS IoT FIPS endpoints") and the endpoint rule sets and
partition table of botocore 1.44.5. Only names that follow a known form are accepted below an
AWS suffix; any other public name is a custom domain.
"""

from .errors import ConfigError

# Root roles, as bits; a bundle marks each anchor with the same bits (docs/bundle-format.md).
ROLE_ATS = 0x10
ROLE_LEGACY = 0x20
ROLE_OWN = 0x40

_SUFFIXES = (
    ("amazonaws.com", "aws"),
    ("amazonaws.com.cn", "aws-cn"),
    ("api.aws", "aws"),  # Dual-stack names, here and below.
    ("api.amazonwebservices.com.cn", "aws-cn"),
    ("api.amazonwebservices.eu", "aws-eusc"),
    ("api.aws.ic.gov", "aws-iso"),
    ("api.aws.scloud", "aws-iso-b"),
    ("api.cloud-aws.adc-e.uk", "aws-iso-e"),
    ("api.aws.hci.ic.gov", "aws-iso-f"),
    ("amazonaws.eu", "aws-eusc"),
    ("c2s.ic.gov", "aws-iso"),
    ("sc2s.sgov.gov", "aws-iso-b"),
    ("cloud.adc-e.uk", "aws-iso-e"),
    ("csp.hci.ic.gov", "aws-iso-f"),
)

# The regions of AWS IoT before 2018-05-09, when Mumbai became the first that serves only Amazon
# Trust Services certificates. Source: the endpoint table of botocore 1.10.16 (May 2018).
_LEGACY_REGIONS = (
    "ap-northeast-1 ap-northeast-2 ap-southeast-1 ap-southeast-2 cn-north-1 eu-central-1 "
    "eu-west-1 eu-west-2 us-east-1 us-east-2 us-west-2"
)


class Endpoint:
    """A host name, understood.

    host: str, lower case. kind: "data-ats", "data-legacy", "credentials", "jobs", "greengrass",
    "tunneling", "control" or "custom". partition, region: str, "" for a custom domain.
    port: int, the usual TCP port for the kind. roles: int, bits of the root roles that may answer.
    """

    def __init__(self, host, kind, partition, region, port, roles):
        self.host = host
        self.kind = kind
        self.partition = partition
        self.region = region
        self.port = port
        self.roles = roles

    def ats_host(self):
        """The name of the same account's ATS endpoint; only a legacy endpoint has another one."""
        if self.kind != "data-legacy":
            return self.host
        prefix, rest = self.host.split(".", 1)
        return prefix + (".ats." if self.region == "cn-north-1" else "-ats.") + rest


def parse(host):
    """Return the Endpoint that a host name stands for.

    host: str, a bare DNS name as `aws iot describe-endpoint` prints it.
    Raises ConfigError("bad_endpoint") for anything else, with what to pass instead.
    """
    name = _checked(host)
    for suffix, partition in _SUFFIXES:
        if name == suffix or name.endswith("." + suffix):
            head = name[: -len(suffix)].rstrip(".")
            if not head:
                _refuse(host, "names no endpoint, only AWS's domain")
            return _aws(name, head.split("."), partition, not suffix.startswith("api."))
    return Endpoint(name, "custom", "", "", 8883, ROLE_OWN | ROLE_ATS)


def _aws(name, labels, partition, older):
    region = labels[-1]
    service = labels[-2] if len(labels) > 1 else ""
    front = labels[:-2]
    if service not in ("iot", "iot-fips") or region.count("-") < 2 or len(front) > 2:
        _refuse(name, "is an AWS name, but not of an AWS IoT endpoint")
    if region.startswith("us-gov-"):
        partition = "aws-us-gov"
    kind = "data-ats"
    port = 8883
    last = front[-1] if front else ""
    if not front:
        kind, port = "control", 443
    elif len(front) == 2:
        if last == "ats":
            pass  # Beijing's form: a dot before "ats".
        elif last in ("credentials", "jobs", "tunneling"):
            kind, port = last, 443
        else:
            _refuse(name, "is an AWS name, but not of an AWS IoT endpoint")
    elif last == "greengrass-ats":
        kind, port = "greengrass", 8443
    elif older and service == "iot" and not last.endswith("-ats"):
        if region in _LEGACY_REGIONS.split():
            kind = "data-legacy"
    roles = ROLE_ATS | ROLE_LEGACY if kind == "data-legacy" else ROLE_ATS
    return Endpoint(name, kind, partition, region, port, roles)


def _checked(host):
    if not isinstance(host, str) or not host:
        _refuse(host, "is not a host name")
    if "/" in host:
        _refuse(host, "is a URL: leave out the scheme and the path")
    if ":" in host:
        _refuse(host, "has a colon: give the port by itself")
    if len(host) > 253:
        _refuse(host[:40], "... is longer than a host name can be")
    digits_only = True
    for label in host.split("."):
        if not label:
            _refuse(host, "has an empty label (a dot too many)")
        if len(label) > 63 or label[0] == "-" or label[-1] == "-":
            _refuse(host, "has a label that DNS does not allow")
        for char in label:
            # Before lower(): it would turn the Kelvin sign into a letter k.
            if not ("a" <= char <= "z" or "A" <= char <= "Z" or "0" <= char <= "9" or char == "-"):
                _refuse(host, "has a character that a host name can not have")
        # The last label decides: an IPv4 address ends in a number, a top-level domain is none.
        digits_only = label.isdigit()
    if digits_only:
        _refuse(host, "is an IP address: a certificate is checked against a name")
    return host.lower()


def _refuse(host, why):
    raise ConfigError("bad_endpoint", repr(host) + " " + why)
