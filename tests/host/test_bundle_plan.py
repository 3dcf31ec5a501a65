"""The plan of a bundle: sizes, heap, order, reproducibility, endpoints."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_trust import bundle as board_bundle
from ats_trust import endpoint
from ats_trust_tools import der_writer
from ats_trust_tools.bundle import (
    LEAF_BITS,
    MAX_BYTES,
    ROLE_BITS,
    Anchor,
    encode_bundle,
)
from ats_trust_tools.certificate import fields
from ats_trust_tools.errors import ToolError
from ats_trust_tools.heap_model import anchor_heap
from ats_trust_tools.plan import Choice, make_plan
from ats_trust_tools.roots import load_manifest
from ats_trust_tools.trim import trim
from interpreters import REPOSITORY
from made_certificates import DAY, NOW, certificate
from shell import Shell

RECOMMENDED = {f"amazon-root-ca-{number}" for number in (1, 2, 3, 4)} | {"starfield-services-g2"}
LEGACY_HOST = "a1b2c3d4e5f6g7.iot.eu-central-1.amazonaws.com"
ATS_HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"

# Bytes of heap of one loaded root on a 32-bit Arm build of MicroPython with Mbed TLS 3.6.6 on the
# GC heap, by the size of its DER: full, trimmed with issuer = subject, trimmed as here.
MEASURED_HEAP = {
    "amazon-root-ca-1": [(837, 1440), (482, 1088), (437, 944)],
    "amazon-root-ca-2": [(1349, 2208), (738, 1600), (693, 1456)],
    "amazon-root-ca-3": [(442, 896), (279, 720), (232, 576)],
    "amazon-root-ca-4": [(502, 976), (308, 784), (262, 640)],
    "starfield-services-g2": [(1011, 1808), (674, 1472), (533, 1136)],
}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def names(result: object) -> list[str]:
    """Return the names of a plan's anchors, in order."""
    # JSON that the test's own subject printed: a wrong shape fails the test, and should.
    return [anchor["name"] for anchor in result["anchors"]]  # type: ignore[index]


def test_all_recommended_roots_fit_in_2400_bytes(shell: Shell) -> None:
    """A board's bundle holds the five recommended roots in 2,400 bytes, one flash block."""
    plan = shell.ok("bundle --board RPI_PICO_W -o roots.bin --json").json

    assert set(names(plan)) == RECOMMENDED
    assert shell.path("roots.bin").stat().st_size == plan["bytes"] <= 2400
    assert plan["flash_blocks"] == 1
    assert shell.files() == ["roots.bin"]


def test_an_rsa_and_an_ecdsa_root_fit_in_800_bytes(shell: Shell) -> None:
    """Amazon Root CA 1 and 3 together take at most 800 bytes."""
    plan = shell.ok("bundle --roots amazon-root-ca-1,amazon-root-ca-3 --dry-run --json").json

    assert plan["bytes"] <= 800


def test_the_plan_says_what_each_root_costs(shell: Shell) -> None:
    """People see key, full and trimmed bytes, heap and days left of each root, and the total."""
    out = shell.ok("bundle --board RPI_PICO_W -o roots.bin").out
    row = next(line.split() for line in out.splitlines() if "amazon-root-ca-1" in line)
    days = (datetime(2038, 1, 17, tzinfo=UTC) - datetime.now(UTC)).days

    assert row == f"1 amazon-root-ca-1 RSA 2048 RSA ats 837 437 944 {days}".split()
    assert "1 flash block of 4096 bytes" in out
    assert "Written to roots.bin" in out


@pytest.mark.parametrize("board", ["RPI_PICO_W", "ESP32_GENERIC", "ESP32_GENERIC_C3"])
def test_the_device_library_reads_the_bundle_of_each_board(board: str, shell: Shell) -> None:
    """What the host writes, the device's reader takes, in the order of the plan."""
    plan = shell.ok(f"bundle --board {board} -o roots.bin --json").json
    manifest = load_manifest()

    bundle = board_bundle.Bundle(str(shell.path("roots.bin")))

    assert bundle.version == plan["version"]
    assert list(bundle.anchors()) == [
        (manifest.find(name).anchor.use, trim(manifest.find(name).certificate))
        for name in names(plan)
    ]


def test_openssl_reads_the_bundle(shell: Shell) -> None:
    """`openssl asn1parse` shows the whole bundle, as the documentation says."""
    shell.ok("bundle --board RPI_PICO_W -o roots.bin --built-at 2026-11-23T12:00:00Z")

    command = ["openssl", "asn1parse", "-inform", "DER", "-in", str(shell.path("roots.bin"))]
    parsed = subprocess.run(command, capture_output=True, text=True, check=True)

    document = (REPOSITORY / "docs" / "bundle-format.md").read_text(encoding="utf-8")
    example = document.split("-in roots.bin | head -9\n")[1].split("```")[0].splitlines()
    assert [line.rstrip() for line in parsed.stdout.splitlines()[:9]] == example
    assert ":Amazon Root CA 4" in parsed.stdout
    assert "Error" not in parsed.stdout + parsed.stderr


def test_the_same_input_gives_the_same_bytes(shell: Shell) -> None:
    """With the build time given, by option or by SOURCE_DATE_EPOCH, the file is byte-identical."""
    moment = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    epoch = str(int(moment.timestamp()))
    shell.ok("bundle --board RPI_PICO_W -o a.bin --built-at 2026-11-01T08:30:00Z")
    shell.ok(f"bundle --board RPI_PICO_W -o b.bin --built-at {epoch}")
    shell.ok("bundle --board RPI_PICO_W -o c.bin", SOURCE_DATE_EPOCH=epoch)
    shell.ok("bundle --board RPI_PICO_W -o d.bin --built-at 2026-11-01T09:30:00+01:00")

    assert len({shell.path(f"{name}.bin").read_bytes() for name in "abcd"}) == 1
    assert board_bundle.Bundle(str(shell.path("a.bin"))).built_at == "20261101083000"
    assert board_bundle.Bundle(str(shell.path("a.bin"))).version == int(epoch)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9" * 30, "yesterday"]
)
def test_a_build_time_that_is_none_is_refused(moment: str, shell: Shell) -> None:
    """Also one that is a time where it was written, and beyond the calendar in UTC."""
    said = shell.refused(f"bundle --board RPI_PICO_W -o x.bin --built-at {moment}", status=2)

    assert said.startswith("--built-at: ") and "is no time" in said


def test_the_version_can_be_given(shell: Shell) -> None:
    """--bundle-version is what the board compares, up to 2**63 - 1."""
    shell.ok(f"bundle --board RPI_PICO_W -o roots.bin --bundle-version {2**63 - 1}")

    assert board_bundle.Bundle(str(shell.path("roots.bin"))).version == 2**63 - 1
    said = shell.refused(f"bundle --board RPI_PICO_W -o x.bin --bundle-version {2**63}", status=2)
    assert "not between 0 and 2**63 - 1" in said


def test_the_documented_sizes_are_the_measured_ones(shell: Shell) -> None:
    """docs/bundle-format.md gives the bytes that its own commands print."""
    document = (REPOSITORY / "docs" / "bundle-format.md").read_text(encoding="utf-8")
    board = shell.ok("bundle --board RPI_PICO_W --dry-run --json").json["bytes"]
    pair = shell.ok("bundle --roots amazon-root-ca-1,amazon-root-ca-3 --dry-run --json").json

    assert f"| the five roots that AWS recommends | {board:,} |" in document
    assert f"| Amazon Root CA 1 and 3 | {pair['bytes']:,} |" in document


def test_a_dry_run_writes_nothing(shell: Shell) -> None:
    """--dry-run shows the plan and leaves the folder as it was."""
    out = shell.ok("bundle --board RPI_PICO_W -o roots.bin --dry-run").out

    assert "Nothing was written" in out
    assert shell.files() == []


def test_preferring_speed_puts_rsa_servers_first_and_memory_ecdsa(shell: Shell) -> None:
    """--prefer decides which leaf key type a board offers first."""
    speed = shell.ok("bundle --board RPI_PICO_W --prefer speed --dry-run --json").json
    memory = shell.ok("bundle --board RPI_PICO_W --prefer memory --dry-run --json").json

    assert names(speed)[0] == "amazon-root-ca-1"
    assert names(memory)[0] == "amazon-root-ca-3"
    assert set(names(speed)) == set(names(memory))


def test_roots_keep_the_order_in_which_they_are_listed(shell: Shell) -> None:
    """--roots without --prefer is taken as written, by name or by title."""
    plan = shell.ok("bundle --roots 'Amazon Root CA 3,amazon-root-ca-1' --dry-run --json").json

    assert names(plan) == ["amazon-root-ca-3", "amazon-root-ca-1"]


def test_an_ats_endpoint_needs_no_legacy_root(shell: Shell) -> None:
    """--endpoint with an ATS name takes the recommended roots, without a warning."""
    result = shell.ok(f"bundle --board RPI_PICO_W --endpoint {ATS_HOST} --dry-run --json")

    assert set(names(result.json)) == RECOMMENDED
    assert result.err == ""


def test_a_legacy_endpoint_brings_its_root_in_with_a_warning(shell: Shell) -> None:
    """--endpoint with a legacy name adds VeriSign, last, and names the ATS endpoint to move to."""
    line = f"bundle --board RPI_PICO_W --endpoint {LEGACY_HOST} --dry-run --json"
    result = shell.ok(line)

    assert names(result.json)[-1] == "verisign-class-3-g5"
    assert result.json["anchors"][-1]["roles"] == ["legacy"]
    assert "no longer supports" in result.err
    assert ATS_HOST in result.err
    assert result.json["warnings"][0] in result.err


@pytest.mark.parametrize("name", sorted({root.name for root in load_manifest().roots}))
def test_a_shipped_root_answers_exactly_for_the_kinds_in_the_manifest(name: str) -> None:
    """The manifest's endpoint kinds are those that the device library lets a role answer for."""
    root = load_manifest().find(name)
    hosts = {
        "data-ats": ATS_HOST,
        "data-legacy": LEGACY_HOST,
        "credentials": "prefix.credentials.iot.eu-central-1.amazonaws.com",
        "jobs": "prefix.jobs.iot.eu-central-1.amazonaws.com",
        "greengrass": "greengrass-ats.iot.eu-central-1.amazonaws.com",
        "tunneling": "api.tunneling.iot.eu-central-1.amazonaws.com",
        "control": "iot.eu-central-1.amazonaws.com",
        "custom": "devices.example.com",
    }
    answered = set()
    for kind, host in hosts.items():
        parsed = endpoint.parse(host)
        assert parsed.kind == kind
        if root.endpoints and root.anchor.use & parsed.roles:
            answered.add(kind)
    assert answered == set(root.endpoints)


@pytest.mark.parametrize("name", sorted(MEASURED_HEAP))
def test_the_heap_model_agrees_with_every_measurement(name: str) -> None:
    """The model of a root's heap is the measured number, to the byte, in all three forms."""
    whole = load_manifest().find(name).certificate
    trimmed = trim(whole)
    parts = fields(trimmed)
    algorithm, signature = parts.signature_algorithm, parts.signature
    tbs = der_writer.sequence(
        parts.serial, algorithm, parts.subject, parts.validity, parts.subject, parts.public_key
    )
    self_issued = der_writer.sequence(tbs, algorithm, signature)
    forms = (whole, self_issued, trimmed)
    assert [(len(form), anchor_heap(form)) for form in forms] == MEASURED_HEAP[name]


def test_a_lookalike_of_an_aws_name_is_warned_of(shell: Shell) -> None:
    """A custom domain with AWS's domain inside is a slip or a trap; "" is no name."""
    line = "bundle --board RPI_PICO_W --dry-run --endpoint"
    name = "x-ats.iot.us-east-1.amazonaws.com"

    assert f"{name}.example.com is no name of AWS" in shell.ok(f"{line} {name}.example.com").err
    assert "is no name of AWS" in shell.ok(f"{line} iotamazonaws.com").err
    assert shell.ok(f"{line} {name}").err == shell.ok(f"{line} iot.example.com").err == ""
    assert "'' is not a host name" in shell.refused(f"{line} ''", status=2)


def test_a_build_time_to_come_is_refused(shell: Shell) -> None:
    """Boards would refuse their own right clock until then; clocks may differ by minutes."""
    later = int(datetime.now(UTC).timestamp()) + 15 * 60
    reason = "is in the future: boards would refuse their own right clock until then"
    line = "bundle --board RPI_PICO_W -o roots.bin"

    assert reason in shell.refused(f"{line} --built-at {later}", status=2)
    assert reason in shell.refused(line, status=2, SOURCE_DATE_EPOCH=str(later))
    assert shell.files() == []
    shell.ok(f"{line} --built-at {later - 12 * 60}")


def test_an_expired_root_is_refused() -> None:
    """A root whose time has passed is not bundled, whatever it was good for."""
    root = load_manifest().find("amazon-root-ca-1")
    later = root.not_after + DAY
    with pytest.raises(ToolError, match="amazon-root-ca-1 expired on 2038-01-17; leave it out"):
        make_plan([Choice(root.name, root.anchor)], host=None, version=1, built_at=NOW, now=later)


def test_a_root_that_ends_soon_is_warned_of() -> None:
    """In the last year of a root the plan says so."""
    root = load_manifest().find("amazon-root-ca-1")
    soon = root.not_after - 100 * DAY
    plan = make_plan(
        [Choice(root.name, root.anchor)], host=None, version=1, built_at=soon, now=soon
    )
    assert plan.warnings == ("amazon-root-ca-1 expires in 100 days",)


ANCHORS = st.lists(
    st.builds(
        Anchor,
        st.integers(0, 11).map(lambda n: certificate(f"Root {n}", kind="P-256", number=n % 3).der),
        st.sets(st.sampled_from(sorted(LEAF_BITS)), min_size=1).map(frozenset),
        st.sets(st.sampled_from(sorted(ROLE_BITS)), min_size=1).map(frozenset),
    ),
    min_size=1,
    max_size=16,
)


@given(
    anchors=ANCHORS,
    version=st.integers(0, 2**63 - 1),
    built_at=st.datetimes(datetime(1970, 1, 1), datetime(2030, 1, 1)),
)
def test_what_is_encoded_is_what_a_board_reads(
    tmp_path_factory: pytest.TempPathFactory,
    anchors: list[Anchor],
    version: int,
    built_at: datetime,
) -> None:
    """Every bundle that the host can write, the device library reads back unchanged."""
    moment = built_at.replace(microsecond=0, tzinfo=UTC)
    encoded = encode_bundle(anchors, version=version, built_at=moment)
    path = tmp_path_factory.mktemp("bundle") / "roots.bin"
    path.write_bytes(encoded)

    found = board_bundle.Bundle(str(path))

    assert found.version == version
    assert found.built_at == moment.strftime("%Y%m%d%H%M%S")
    ends = max(fields(anchor.certificate).not_after for anchor in anchors)
    assert found.not_after == ends.strftime("%Y%m%d%H%M%S")
    assert list(found.anchors()) == [(a.use, trim(a.certificate)) for a in anchors]
    assert len(encoded) <= MAX_BYTES


def test_the_limits_of_the_format_are_kept() -> None:
    """Too many anchors or too many bytes are refused before a board meets them."""
    anchor = load_manifest().find("amazon-root-ca-2").anchor
    with pytest.raises(ToolError, match="1 to 16 anchors, not 17"):
        encode_bundle([anchor] * 17, version=1, built_at=NOW)
    with pytest.raises(ToolError, match="1 to 16 anchors, not 0"):
        encode_bundle([], version=1, built_at=NOW)
    with pytest.raises(ToolError, match=f"boards read at most {MAX_BYTES}"):
        encode_bundle([anchor] * 12, version=1, built_at=NOW)
