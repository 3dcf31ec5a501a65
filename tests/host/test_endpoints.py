"""The ATS name of an endpoint: where AWS moved it, and the same name everywhere else."""

import pytest

from ats_trust.endpoint import parse
from ats_trust.errors import ConfigError
from ats_trust_tools.endpoints import ats_host

_REGIONS = (
    "ap-northeast-1 ap-northeast-2 ap-southeast-1 ap-southeast-2 eu-central-1 eu-west-1 eu-west-2"
    " us-east-1 us-east-2 us-west-2"
).split()


@pytest.mark.parametrize("region", _REGIONS)
def test_legacy(region: str) -> None:
    """A legacy endpoint's ATS name has -ats behind the account's own part."""
    found = parse(f"a1b2c3d4e5f6g7.iot.{region}.amazonaws.com")
    assert ats_host(found) == f"a1b2c3d4e5f6g7-ats.iot.{region}.amazonaws.com"
    assert parse(ats_host(found)).kind == "data-ats"


def test_legacy_in_beijing() -> None:
    """In Beijing the ATS name of a legacy endpoint has a dot before ats."""
    found = parse("a1b2c3d4e5f6g7.iot.cn-north-1.amazonaws.com.cn")
    assert ats_host(found) == "a1b2c3d4e5f6g7.ats.iot.cn-north-1.amazonaws.com.cn"
    assert parse(ats_host(found)).kind == "data-ats"


@pytest.mark.parametrize(
    "name",
    [
        "a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com",
        "a1b2c3d4e5f6g7.ats.iot.cn-north-1.amazonaws.com.cn",
        "a1b2c3d4e5f6g7.iot.ap-south-1.amazonaws.com",
        "a1b2c3d4e5f6g7.jobs.iot.us-west-2.amazonaws.com",
        "data-ats.iot.eu-central-1.api.aws",
        "iot.us-east-1.amazonaws.com",
        "iot.example.org",
        "localhost",
    ],
)
def test_others(name: str) -> None:
    """Any other name is its own ATS name."""
    assert ats_host(parse(name)) == name


def test_half_a_character() -> None:
    """A host name with what no encoding has, as from a damaged argument, is refused as one."""
    with pytest.raises(ConfigError, match="a character that a host name can not have"):
        parse("a\udcffb.example.com")
