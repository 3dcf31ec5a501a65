"""`device fleet`: what its CSV may say, what it leaves in the folder, what completes it."""

import csv
import fcntl
import json
import random
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ats_trust import credentials
from ats_trust_tools.device_key import KINDS, csr, key_der, new_key, public_der
from ats_trust_tools.fleet import journal as journals
from ats_trust_tools.fleet.registration import place
from fleet_answers import certify, result, results
from made_certificates import DAY, device
from shell import Shell

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
MAKE = f"device fleet --csv things.csv --endpoint {HOST} -o fleet"
COMPLETE = "device fleet --results results.jsonl -o fleet"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


def begin(shell: Shell, text: str | bytes) -> None:
    """Write things.csv."""
    content = text.encode() if isinstance(text, str) else text
    shell.path("things.csv").write_bytes(content)


def manifest(shell: Shell) -> list[dict[str, str]]:
    """Return the lines of the manifest."""
    with shell.path("fleet/manifest.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def requested(shell: Shell) -> dict[str, dict[str, str]]:
    """Return the lines for AWS's bulk registration by thing."""
    lines = shell.path("fleet/registration.jsonl").read_text().splitlines()
    return {line["ThingName"]: line for line in map(json.loads, lines)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_csr_is_one_that_cryptography_reads(kind: str) -> None:
    """The request is for the key, signed with it, and has the name, cut to what X.509 takes."""
    key = new_key(kind)
    expected = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    found = x509.load_der_x509_csr(csr(key, "x" * 65))

    assert found.is_signature_valid
    assert found.subject.rfc4514_string() == "CN=" + "x" * 64
    assert public_der(key) == public_der(key, key_der(key)) == expected


FORMS = {
    "commas": "thing,serial\na,1\nb,2\n",
    "semicolons": "thing;serial\na;1\nb;2\n",
    "tabs": "thing\tserial\na\t1\nb\t2\n",
    "CRLF": "thing,serial\r\na,1\r\nb,2\r\n",
    "byte order mark": "\ufeffthing,serial\na,1\nb,2\n",
    "empty lines": "\nthing,serial\n\na,1\n,\n  \nb,2\n\n",
    "quotes and spaces": 'Thing , "serial"\n"a", 1\n b ,2\n',
    "no newline at the end": "serial,thing\n1,a\n2,b",
    "columns after the last": "thing,serial,,\na,1,,\nb,2,,\n",
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_of_a_csv_file_says_the_same(form: str, shell: Shell) -> None:
    """Commas, semicolons, a byte order mark, CRLF, empty lines: the same two things."""
    begin(shell, FORMS[form])

    shell.ok(MAKE)

    assert {name: line["Attribute1"] for name, line in requested(shell).items()} == {
        "a": "1",
        "b": "2",
    }


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "things.csv is empty"),
    "blank": ("\n\n", "its first line names the columns"),
    "columns only": ("thing\n", "names no thing"),
    "no column of things": ("name\na\n", "no column is called thing"),
    "unknown column": ("thing,colour\na,red\n", "a column is called 'colour'"),
    "column twice": ("thing,thing\na,b\n", "two columns are called thing"),
    "bad name": ("thing\na\nb c\n", "line 3: 'b c' is no name of a thing"),
    "dots": ("thing\n../../x\n", "line 2: '../../x' is no name of a thing"),
    "long name": ("thing\n" + "x" * 129 + "\n", "line 2: "),
    "no name": ("thing,serial\n,5\n", "line 2: '' is no name"),
    "name twice": ("thing\na\n\na\n", "line 4: a is in line 2 already"),
    "names by case": ("thing\na\nA\n", "line 3: A and the name in line 2 differ by case only"),
    "client id twice": ("thing,client_id\na,x\nb,x\n", "line 3: client id x is in line 2"),
    "client id long": ("thing,client_id\na," + "x" * 129, "line 2: its client id is 129 bytes"),
    "bad endpoint": ("thing,endpoint\na,https://x\n", "line 2: endpoint: "),
    "key type": ("thing,key_type\na,DSA\n", "line 2: 'DSA' is no type of key"),
    "too many fields": ("thing\na\nb,c\n", "line 3: it has 2 fields, the first line 1"),
    "attribute missing": ("thing,serial\na\n", "line 2: serial is ''"),
    "attribute": ("thing,serial\na,1 2\n", "line 2: serial is '1 2'"),
    "four attributes": (
        "thing,serial,attribute:a,attribute:b,attribute:c\na,1,1,1,1\n",
        "4 columns are attributes",
    ),
    "quote": ('thing\n"a\n', "line 2: it is no CSV"),
    "latin": ("thing\na\nb\xe4\n".encode("latin-1"), "line 3: it is not UTF-8"),
    "UTF-16": ("thing\na\n".encode("utf-16"), "line 1: it is not UTF-8"),
    "zeros": (b"thing\n\0\n", "is no text"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_csv_file_with_a_mistake_is_refused(case: str, shell: Shell) -> None:
    """One sentence names the line, and nothing is made."""
    content, reason = REFUSED[case]
    begin(shell, content)

    assert reason in shell.refused(MAKE)
    assert shell.files() == ["things.csv"]


def test_things_can_be_added_and_not_changed(shell: Shell) -> None:
    """A second file with more lines makes what is new; another line for a thing is refused."""
    begin(shell, "thing\na\nb\n")
    shell.ok(MAKE)
    before = requested(shell)
    begin(shell, "thing\nc\nb\n")

    assert shell.ok(MAKE + " --json").json["made"] == 1

    assert [line["thing"] for line in manifest(shell)] == ["a", "b", "c"]
    assert {name: requested(shell)[name] for name in before} == before
    begin(shell, "thing,client_id\na,\nb,other\n")
    said = shell.refused(MAKE)
    assert "things.csv, line 3: b was begun with client_id b and now has other" in said
    begin(shell, "thing\nB\n")
    assert "line 2: B and b differ by case only" in shell.refused(MAKE)
    begin(shell, "thing\na\n")
    other = MAKE.replace("eu-central-1", "eu-west-1")
    assert "a was begun with endpoint " in shell.refused(other)


def test_two_at_once_are_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one runs, a second one in the same folder is told so."""
    begin(shell, "thing\na\n")
    shell.ok(MAKE)
    monkeypatch.setattr(journals, "PATIENCE", 0.1)
    with shell.path("fleet/journal.jsonl").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)

        assert "another `device fleet` is at work in fleet" in shell.refused(MAKE)


def test_a_folder_of_something_else_is_refused(shell: Shell) -> None:
    """No file is put among others, and none is taken for a journal that is not one."""
    begin(shell, "thing\na\n")
    shell.path("fleet").mkdir()
    shell.path("fleet/photo.jpg").write_bytes(b"x")
    assert "has other things in it" in shell.refused(MAKE)
    assert "is no folder of a fleet" in shell.refused(COMPLETE)
    shell.path("fleet/photo.jpg").rename(shell.path("fleet/journal.jsonl"))
    shell.path("fleet/journal.jsonl").write_text('{"fleet":2}\n')
    assert "line 1: the journal is damaged, or of another version" in shell.refused(MAKE)
    assert "File exists" in shell.refused(MAKE.replace("-o fleet", "-o things.csv"))


def test_a_journal_leads_nowhere_else(shell: Shell) -> None:
    """A folder that somebody else made can not name files outside of it."""
    begin(shell, "thing\na\n")
    shell.ok(MAKE)
    path = shell.path("fleet/journal.jsonl")
    path.write_text(path.read_text().replace('["a"', '["../../a"'))
    assert "the journal is damaged" in shell.refused(f"{MAKE} --csr-files")


def test_lost_or_damaged_keys_are_said(shell: Shell) -> None:
    """Keys that are gone are never made a second time in silence."""
    begin(shell, "thing\na\n")
    shell.ok(MAKE)
    shell.path("results.jsonl").write_text(results(shell.path("fleet"), random.Random(1)))
    keys = shell.path("fleet/keys/000001.tsv")
    content = keys.read_bytes()
    keys.write_bytes(content[:-9] + b"\n")
    assert "damaged" in shell.refused(COMPLETE)
    keys.unlink()
    assert "is missing, with the keys of a" in shell.refused(MAKE)
    assert not list(shell.path("fleet/devices").iterdir())


def test_certificates_are_matched_by_key(shell: Shell) -> None:
    """In any order, each thing gets its own; what AWS refused is listed and can be tried again."""
    begin(shell, "thing,client_id,key_type\na,x y,\nb,,RSA-2048\nc,,\n")
    shell.ok(MAKE + " --policy ours")
    lines = requested(shell)
    report = result("c", certify(lines["c"]["CSR"])) + result("a", certify(lines["a"]["CSR"]))
    error = json.dumps({"errorMessage": "Thing b: rate exceeded"})
    shell.path("results.jsonl").write_text(report + error + "\n")

    said = shell.ok(COMPLETE + " --policy ours").out

    assert "AWS reported 1 errors:" in said and "rate exceeded" in said
    assert "1 things have no certificate:\n  b\n" in said
    found = credentials.load_device(str(shell.path("fleet/devices/a.bin")))
    assert (found.host, found.port, found.client_id) == (HOST, 8883, "x y")
    assert [line["state"] for line in manifest(shell)] == ["complete", "requested", "complete"]
    assert list(requested(shell)) == ["b"]
    assert shell.ok(COMPLETE + " --policy ours --json").json["accepted"] == 0
    # Another certificate for the same key is not taken in place of the first.
    blob = shell.path("fleet/devices/a.bin").read_bytes()
    shell.path("results.jsonl").write_text(result("a", certify(lines["a"]["CSR"])))
    assert "a has a certificate already" in shell.ok(COMPLETE + " --policy ours").err
    assert shell.path("fleet/devices/a.bin").read_bytes() == blob
    # One of an own CA, in a folder, with the CA's beside it.
    shell.path("certs").mkdir()
    shell.path("certs/one.pem").write_text(certify(lines["b"]["CSR"]) + certify(lines["c"]["CSR"]))
    shell.path("certs/ca.pem").write_bytes(device("P-256").pem)
    said = shell.ok("device fleet --certs certs -o fleet --policy ours").err
    assert "ca.pem and 0 more hold no certificate for a key of this fleet" in said
    assert not shell.path("fleet/registration.jsonl").exists()
    assert credentials.load_device(str(shell.path("fleet/devices/b.bin"))).client_id == "b"


BAD_RESULTS = {
    "no JSON": (lambda pem: "thing\n", "line 2: it is no JSON"),
    "no object": (lambda pem: "[]\n", "line 2: it is no JSON object"),
    "no certificate": (lambda pem: '{"response": {}}\n', "line 2: it has neither"),
    "no PEM": (lambda pem: result("b", "x"), "line 2: it is neither PEM"),
    "another's key": (
        lambda pem: result("b", device().pem.decode()),
        "line 2: the certificate of",
    ),
    "swapped": (lambda pem: result("a", pem["b"]), "line 2: AWS gave a the certificate for the"),
    "expired": (lambda pem: result("b", pem["old"]), "line 2, the certificate of b: it expired"),
}


@pytest.mark.parametrize("case", sorted(BAD_RESULTS))
def test_a_report_with_a_mistake_is_refused(case: str, shell: Shell) -> None:
    """One sentence names the line, and no device file is made of the others."""
    begin(shell, "thing\na\nb\n")
    shell.ok(MAKE)
    lines = requested(shell)
    pem = {name: certify(lines[name]["CSR"]) for name in lines}
    pem["old"] = certify(lines["b"]["CSR"], starts=-9 * DAY, ends=-DAY)
    make, reason = BAD_RESULTS[case]
    shell.path("results.jsonl").write_text(result("a", pem["a"]) + make(pem))

    assert reason in shell.refused(COMPLETE)
    assert not list(shell.path("fleet/devices").iterdir())


def test_the_template_is_what_bulk_registration_takes(shell: Shell) -> None:
    """Every parameter is declared, referred to and given; the policy names no thing and no '*'."""
    begin(shell, "thing,serial,attribute:site\na,1,x\n")
    shell.ok(MAKE + " --account 123456789012 --csr-files")
    template = json.loads(shell.path("fleet/provisioning-template.json").read_text())
    text = json.dumps(template["Resources"])

    assert set(template["Parameters"]) == set(requested(shell)["a"])
    assert all(f'{{"Ref": "{name}"}}' in text for name in template["Parameters"])
    assert template["Resources"]["thing"]["Properties"]["AttributePayload"] == {
        "serialNumber": {"Ref": "Attribute1"},
        "site": {"Ref": "Attribute2"},
    }
    policy = json.loads(template["Resources"]["policy"]["Properties"]["PolicyDocument"])
    own = "${iot:Connection.Thing.ThingName}"
    assert [statement["Resource"] for statement in policy["Statement"]] == [
        [f"arn:aws:iot:eu-central-1:123456789012:{kind}/{own}{rest}"]
        for kind, rest in (("client", ""), ("topic", "/*"), ("topicfilter", "/*"))
    ]
    assert shell.path("fleet/csr/a.csr").read_text() == requested(shell)["a"]["CSR"]
    begin(shell, "thing,client_id\nd,other\n")
    said = shell.ok(MAKE.replace("-o fleet", "-o second")).err
    assert "another client id than their name" in said
    assert not shell.path("second/registration.jsonl").exists()


@pytest.mark.parametrize(
    "host, expected",
    [
        (HOST, ("aws", "eu-central-1")),
        ("a1b2c3d4e5f6g7.ats.iot.cn-north-1.amazonaws.com.cn", ("aws-cn", "cn-north-1")),
        ("a1b2c3d4e5f6g7-ats.iot.us-gov-west-1.amazonaws.com", ("aws-us-gov", "us-gov-west-1")),
        ("mqtt.example.com", ("aws", "*")),
    ],
)
def test_partition_and_region_follow_from_the_endpoint(
    host: str, expected: tuple[str, str]
) -> None:
    """The ARNs of the policy are in the partition and the region of the endpoint."""
    assert place(host) == expected


def test_no_key_is_shown(shell: Shell) -> None:
    """No output, and no file that is for others, holds a key."""
    begin(shell, "thing\na\n")
    said = shell.ok(MAKE)
    key = shell.path("fleet/keys/000001.tsv").read_text().split("\t")[2].strip()
    public = [shell.path("fleet") / name for name in ("manifest.csv", "registration.jsonl")]

    texts = [said.out, said.err, *(path.read_text() for path in public)]
    texts.append(shell.path("fleet/journal.jsonl").read_text())

    assert not any(key[20:60] in text for text in texts)


def test_aws_is_not_asked_for_what_can_not_be(no_aws: pytest.MonkeyPatch, shell: Shell) -> None:
    """Another region than the endpoint's is refused before anything is made."""
    begin(shell, "thing\na\n")
    shell.ok(MAKE.replace("eu-central-1", "eu-west-1"))

    said = shell.refused("device fleet --aws --yes -o fleet --endpoint-url http://127.0.0.1:9")

    assert "give --region eu-west-1" in said
