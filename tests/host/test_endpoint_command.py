"""`ats-trust endpoint` and the data-plane client: what AWS answers, believed only if it fits."""

import socket
import ssl
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

from ats_trust.endpoint import parse
from ats_trust_tools.aws_endpoint import TYPES, data_plane_client
from ats_trust_tools.errors import ToolError
from ats_trust_tools.roots import load_manifest
from aws_server import REGION, AwsServer
from http_answers import Handler, answer, say
from made_certificates import certificate
from shell import Shell
from tls_servers import serving

HOST = f"a1b2c3d4e5f6g7-ats.iot.{REGION}.amazonaws.com"
LEGACY = HOST.replace("-ats", "")
RECOMMENDED = {root.name for root in load_manifest().roots if "data-ats" in root.endpoints}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path)


@pytest.mark.parametrize(
    ("kind", "is_kind", "port", "goes_on"),
    [
        ("data-ats", "data-ats", 8883, "ats-trust device create --endpoint {} --client-id NAME"),
        ("data", "data-legacy", 8883, "ats-trust endpoint --type data-ats"),
        ("credentials", "credentials", 443, "ats-trust bundle --board BOARD --endpoint {}"),
        ("jobs", "jobs", 443, "ats-trust bundle --board BOARD --endpoint {}"),
    ],
)
def test_each_kind_of_endpoint(
    kind: str, is_kind: str, port: int, goes_on: str, aws: AwsServer, shell: Shell
) -> None:
    """Name, kind, port, roots and the next command, for a script and for a person."""
    found = shell.ok(f"endpoint --type {kind} --json").json
    shown = shell.ok(f"endpoint --type {kind}").out

    assert found["kind"] == parse(found["endpoint"]).kind == is_kind
    assert (found["type"], found["port"], found["region"]) == (TYPES[kind], port, REGION)
    assert set(found["roots"]) >= RECOMMENDED
    assert found["next"].startswith(goes_on.format(found["endpoint"]))
    assert f"  kind   {is_kind}: " in shown
    assert f"  port   {port}" in shown
    assert all(f" {root}" in shown for root in found["roots"])
    assert "  next   " + goes_on.split(" {}")[0] in shown


def test_the_ats_endpoint_is_the_one_without_saying_so(aws: AwsServer, shell: Shell) -> None:
    """Without --type it is iot:Data-ATS, which needs no legacy root and no warning."""
    result = shell.ok("endpoint --json")

    assert result.json["type"] == "iot:Data-ATS"
    assert set(result.json["roots"]) == RECOMMENDED
    assert result.err == ""


def test_the_legacy_endpoint_is_warned_of(aws: AwsServer, shell: Shell) -> None:
    """It works, and the name to move to is said; the next command names the same account."""
    result = shell.ok(f"endpoint --type data --json --region us-east-1 --endpoint-url {aws.url}")

    found = result.json
    ats = found["endpoint"].replace(".iot.", "-ats.iot.")
    assert found["ats_endpoint"] == ats
    assert "verisign-class-3-g5" in found["roots"]
    assert f"{found['endpoint']} is a legacy endpoint" in result.err
    assert f"move to {ats}" in result.err
    assert found["next"].endswith(f"--region us-east-1 --endpoint-url {aws.url}")


def test_the_second_call_gives_the_same_endpoint(no_aws: pytest.MonkeyPatch, shell: Shell) -> None:
    """AWS keeps one endpoint of each type; asking twice is the same request, and changes nothing.

    moto makes up a new name for each call, so this server answers as AWS documents.
    """
    made: dict[str, str] = {}

    def keeping(sock: socket.socket) -> str:
        asked = sock.recv(8192).decode().splitlines()[0]
        host = made.setdefault(asked, HOST.replace("a1", f"a{len(made)}"))
        say(sock, 200, {"endpointAddress": host})
        return asked

    with serving(keeping, 2) as (port, seen):
        first, second = (
            shell.ok(f"endpoint --json --endpoint-url http://127.0.0.1:{port}").json
            for _ in range(2)
        )

    assert first == second
    assert seen == ["GET /endpoint?endpointType=iot%3AData-ATS HTTP/1.1"] * 2


def front_door(tls: ssl.SSLContext, behind: AwsServer) -> Handler:
    """An HTTPS proxy that leads every host name to moto, behind TLS of its own."""

    def handle(sock: socket.socket) -> str:
        asked = sock.recv(8192).split()[1].decode()
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with tls.wrap_socket(sock, server_side=True) as client:
            stream = client.makefile("rb")
            head = b"".join(iter(stream.readline, b"\r\n"))
            size = int(head.lower().split(b"content-length:")[1].split()[0])
            with socket.create_connection(("127.0.0.1", behind.port), timeout=10) as moto:
                moto.sendall(head + b"\r\n" + stream.read(size))
                while part := moto.recv(8192):  # moto closes behind its answer.
                    client.sendall(part)
            return f"{asked} {head.decode().splitlines()[0]}"

    return handle


def test_a_data_plane_client_on_the_ats_endpoint(
    aws: AwsServer, no_aws: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The client publishes to the endpoint that was described, and nowhere else; only a server
    with a certificate below a shipped root is spoken to, unless the caller names other roots."""
    # What boto3 trusts by itself decides nothing.
    no_aws.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    ca = certificate("Somebody's CA")
    leaf = certificate("x", number=3, issuer=ca, ca=False, host=f"*.iot.{REGION}.amazonaws.com")
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    (tmp_path / "server.pem").write_bytes(leaf.pem + leaf.key_bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    session = boto3.Session()

    with serving(front_door(tls, aws), 2) as (port, seen):
        config = Config(
            proxies={"https": f"http://127.0.0.1:{port}"}, retries={"total_max_attempts": 1}
        )
        client = data_plane_client(session, config=config)
        with pytest.raises(SSLError, match="certificate verify failed"):
            client.publish(topic="t", payload=b"x")
        told = data_plane_client(session, config=config, verify=str(tmp_path / "ca.pem"))
        done = told.publish(topic="sensors/1", qos=1, payload=b"on")

    assert done["ResponseMetadata"]["HTTPStatusCode"] == 200
    host = told.meta.endpoint_url.removeprefix("https://")
    assert parse(host).kind == "data-ats"
    assert "-ats." in host
    assert seen[0] == ["tls", "TLSV1_ALERT_UNKNOWN_CA"]
    assert seen[1] == f"{host}:443 POST /topics/sensors%2F1?qos=1 HTTP/1.1"


def test_a_data_plane_client_refuses_another_endpoint(no_aws: pytest.MonkeyPatch) -> None:
    """An answer that is no ATS endpoint gives no client."""
    with serving(answer(200, {"endpointAddress": LEGACY}), 1) as (port, _):
        no_aws.setenv("AWS_ENDPOINT_URL_IOT", f"http://127.0.0.1:{port}")
        with pytest.raises(ToolError, match=f"{LEGACY}, which is of the kind data-legacy"):
            data_plane_client(boto3.Session())
