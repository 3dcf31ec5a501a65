"""Endpoint names: each known form to kind, port and roots; no other form."""

import unittest

from _made import refusal

from ats_trust.endpoint import ROLE_ATS, ROLE_LEGACY, ROLE_OWN, parse
from ats_trust.errors import ConfigError

_ID = "a1b2c3d4e5f6g7"
# name, kind, port
_KNOWN = (
    # Data endpoints that answer with Amazon Trust Services certificates.
    (_ID + "-ats.iot.us-east-1.amazonaws.com", "data-ats", 8883),
    (_ID + "-ats.iot.ap-southeast-5.amazonaws.com", "data-ats", 8883),
    ("data-ats.iot.eu-west-1.amazonaws.com", "data-ats", 8883),
    # China: Beijing has a dot before "ats", Ningxia a hyphen.
    (_ID + ".ats.iot.cn-north-1.amazonaws.com.cn", "data-ats", 8883),
    (_ID + "-ats.iot.cn-northwest-1.amazonaws.com.cn", "data-ats", 8883),
    # GovCloud is a partition of its own under the common suffix.
    (_ID + "-ats.iot.us-gov-west-1.amazonaws.com", "data-ats", 8883),
    # FIPS: one name for each region, with and without "-ats".
    ("data.iot-fips.us-east-1.amazonaws.com", "data-ats", 8883),
    ("data.iot-fips.ca-central-1.amazonaws.com", "data-ats", 8883),
    ("data.iot-fips.us-gov-east-1.amazonaws.com", "data-ats", 8883),
    ("data-ats.iot-fips.us-west-2.amazonaws.com", "data-ats", 8883),
    # Dual stack.
    ("data-ats.iot.eu-central-1.api.aws", "data-ats", 8883),
    ("data-ats.iot.us-gov-west-1.api.aws", "data-ats", 8883),
    ("data-ats.iot.cn-north-1.api.amazonwebservices.com.cn", "data-ats", 8883),
    ("data-ats.iot.eusc-de-east-1.api.amazonwebservices.eu", "data-ats", 8883),
    ("data-ats.iot.us-iso-east-1.api.aws.ic.gov", "data-ats", 8883),
    ("data-ats.iot.us-isob-east-1.api.aws.scloud", "data-ats", 8883),
    ("data-ats.iot.eu-isoe-west-1.api.cloud-aws.adc-e.uk", "data-ats", 8883),
    ("data-ats.iot.us-isof-south-1.api.aws.hci.ic.gov", "data-ats", 8883),
    (_ID + ".iot.eu-west-1.api.aws", "data-ats", 8883),  # Younger than the old chains.
    # EU Sovereign Cloud and the isolated partitions.
    (_ID + "-ats.iot.eusc-de-east-1.amazonaws.eu", "data-ats", 8883),
    (_ID + "-ats.iot.us-iso-east-1.c2s.ic.gov", "data-ats", 8883),
    (_ID + "-ats.iot.us-isob-east-1.sc2s.sgov.gov", "data-ats", 8883),
    (_ID + "-ats.iot.eu-isoe-west-1.cloud.adc-e.uk", "data-ats", 8883),
    (_ID + "-ats.iot.us-isof-south-1.csp.hci.ic.gov", "data-ats", 8883),
    # Other services of AWS IoT.
    (_ID + ".credentials.iot.eu-west-1.amazonaws.com", "credentials", 443),
    (_ID + ".credentials.iot.cn-north-1.amazonaws.com.cn", "credentials", 443),
    (_ID + ".jobs.iot.us-west-2.amazonaws.com", "jobs", 443),
    ("data.jobs.iot.us-west-2.amazonaws.com", "jobs", 443),
    ("data.jobs.iot-fips.us-east-2.amazonaws.com", "jobs", 443),
    ("api.tunneling.iot.eu-west-2.amazonaws.com", "tunneling", 443),
    ("greengrass-ats.iot.us-east-1.amazonaws.com", "greengrass", 8443),
    ("iot.us-east-1.amazonaws.com", "control", 443),
    ("iot-fips.us-gov-west-1.amazonaws.com", "control", 443),
)
_LEGACY = (
    "ap-northeast-1 ap-northeast-2 ap-southeast-1 ap-southeast-2 eu-central-1 eu-west-1 eu-west-2"
    " us-east-1 us-east-2 us-west-2"
).split()
_LATER = (
    "ap-south-1 us-west-1 ca-central-1 eu-north-1 eu-west-3 sa-east-1 me-south-1 us-gov-west-1"
    " us-gov-east-1 ap-east-1"
).split()

_NONSENSE = (
    "",
    " ",
    ".",
    "..",
    "localhost.",
    "a..b",
    ".a.b",
    "abc-ats.iot.us-east-1.amazonaws.com.",
    "abc-ats.iot.us-east-1.amazonaws.com ",
    " abc-ats.iot.us-east-1.amazonaws.com",
    "abc-ats.iot.us-east-1.amazonaws.com\n",
    "abc-ats.iot.us-east-1.amazonaws.com\x00",
    "abc_ats.iot.us-east-1.amazonaws.com",
    "*.iot.us-east-1.amazonaws.com",
    "mqtt://abc-ats.iot.us-east-1.amazonaws.com",
    "https://abc-ats.iot.us-east-1.amazonaws.com/",
    "abc-ats.iot.us-east-1.amazonaws.com/topic",
    "abc-ats.iot.us-east-1.amazonaws.com:8883",
    "-ats.iot.us-east-1.amazonaws.com",
    "abc-.iot.us-east-1.amazonaws.com",
    "127.0.0.1",
    "10.1",
    "8883",
    "::1",
    "[::1]",
    "a" * 64 + ".example.org",
    "a." * 130 + "example",
    ("a" * 49 + ".") * 5 + "exam",
    "ex\u00e4mple.org",
    "example.or\u212a",  # The Kelvin sign, whose lower case is the letter k.
    "arn:aws:iot:us-east-1:123456789012:thing/x",
    b"abc-ats.iot.us-east-1.amazonaws.com",
    None,
    8883,
    ["example.org"],
)
_AWS_BUT_NOT_IOT = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "api.aws",
    "us-east-1.amazonaws.com",
    "iot.amazonaws.com",
    "abc-ats.iot.amazonaws.com",
    "abc-ats.iot.useast1.amazonaws.com",
    "s3.us-east-1.amazonaws.com",
    "bucket.s3.us-east-1.amazonaws.com",
    "abc-ats.iott.us-east-1.amazonaws.com",
    "abc.def.iot.us-east-1.amazonaws.com",
    "x.abc.ats.iot.cn-north-1.amazonaws.com.cn",
    "x.y.credentials.iot.us-east-1.amazonaws.com",
    "ec2-1-2-3-4.us-west-2.compute.amazonaws.com",
)


class TestEndpoint(unittest.TestCase):
    def test_known_forms(self):
        """Every known form gives kind and port, and only ATS roots answer."""
        for name, kind, port in _KNOWN:
            with self.subTest(name=name):
                found = parse(name)
                self.assertEqual((found.host, found.kind, found.port), (name, kind, port))
                self.assertEqual(found.roles, ROLE_ATS)

    def test_legacy(self):
        """Without -ats, in a region older than 2018-05-09, the VeriSign root may answer too."""
        for region in _LEGACY:
            with self.subTest(region=region):
                found = parse("%s.iot.%s.amazonaws.com" % (_ID, region))
                self.assertEqual(found.kind, "data-legacy")
                self.assertEqual(found.roles, ROLE_ATS | ROLE_LEGACY)
                self.assertEqual(found.port, 8883)

    def test_legacy_in_beijing(self):
        """So is it in Beijing."""
        found = parse(_ID + ".iot.cn-north-1.amazonaws.com.cn")
        self.assertEqual((found.kind, found.roles), ("data-legacy", ROLE_ATS | ROLE_LEGACY))

    def test_later_regions(self):
        """A region that is younger serves ATS on every name, so the legacy root may not answer."""
        for region in _LATER:
            with self.subTest(region=region):
                found = parse("%s.iot.%s.amazonaws.com" % (_ID, region))
                self.assertEqual((found.kind, found.roles), ("data-ats", ROLE_ATS))

    def test_own_ca_never_answers_for_aws(self):
        """No name below an AWS suffix allows the role of an own CA."""
        for name, *_ in _KNOWN:
            self.assertEqual(parse(name).roles & ROLE_OWN, 0, name)
        for region in _LEGACY:
            self.assertEqual(parse("x.iot.%s.amazonaws.com" % region).roles & ROLE_OWN, 0)

    def test_custom(self):
        """Any other public name is a custom domain: ATS roots and own CAs may answer."""
        for name in (
            "iot.example.org",
            "localhost",
            "greengrass-core",
            "amazonaws.com.example.org",
            "notamazonaws.com",
            "x" * 63 + ".example",
            "4.example.4a",
            "abcdefghijklmnopqrstuvwxyz-0123456789.example",
            ("a" * 49 + ".") * 5 + "exa",  # 253 characters.
        ):
            with self.subTest(name=name):
                found = parse(name)
                self.assertEqual((found.host, found.kind, found.port), (name, "custom", 8883))
                self.assertEqual(found.roles, ROLE_OWN | ROLE_ATS)

    def test_capitals(self):
        """A name in capitals is the same name."""
        found = parse("ABC-ATS.IoT.US-East-1.AmazonAWS.com")
        self.assertEqual(found.host, "abc-ats.iot.us-east-1.amazonaws.com")
        self.assertEqual(found.kind, "data-ats")

    def test_nonsense(self):
        """What is not a bare host name is refused."""
        for name in _NONSENSE:
            with self.subTest(name=name):
                error = refusal(self, ConfigError, "bad_endpoint", parse, name)
                self.assertLess(len(error.detail), 400)

    def test_aws_but_not_iot(self):
        """A name below an AWS suffix that is no known form of AWS IoT is refused."""
        for name in _AWS_BUT_NOT_IOT:
            with self.subTest(name=name):
                refusal(self, ConfigError, "bad_endpoint", parse, name)

    def test_says_what_is_wrong(self):
        """A URL, a port, an address and an empty label are each called so."""
        for name, word in (
            ("mqtt://example.org", "URL"),
            ("example.org:8883", "port"),
            ("192.168.0.1", "IP address"),
            ("a..example.org", "empty label"),
            ("example.org ", "character"),
        ):
            error = refusal(self, ConfigError, "bad_endpoint", parse, name)
            self.assertIn(word, error.detail)
            self.assertIn("describe-endpoint", str(error))


if __name__ == "__main__":
    unittest.main()
