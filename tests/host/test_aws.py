"""What goes wrong between here and AWS: one sentence, in bounded time, without secrets."""

import argparse
import socket
import sys
import time
from pathlib import Path

import pytest

from ats_trust_tools.aws import Limits, add_aws_arguments, aws_failures, client
from ats_trust_tools.aws_endpoint import describe_endpoint
from ats_trust_tools.errors import ToolError
from aws_server import ACCESS_KEY, SECRET_KEY
from http_answers import Handler, answer
from shell import Shell
from tls_servers import serving

TOKEN = "made-up-session-token"
SECRETS = (ACCESS_KEY, SECRET_KEY, TOKEN)
HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"


def refusal(status: int, code: str, message: str = "") -> Handler:
    """AWS's own way of refusing (REST-JSON)."""
    return answer(status, {"message": message}, f"x-amzn-ErrorType: {code}")


def silent(sock: socket.socket) -> object:
    """Read the request and never answer; ends when the client goes."""
    while sock.recv(8192):
        pass
    return b""


def dropping(sock: socket.socket) -> object:
    """Close at once."""
    return b""


def stammering(sock: socket.socket) -> object:
    """Answer with what is not HTTP."""
    sock.recv(8192)
    sock.sendall(b"\x15\x03\x03\x00\x02\x02\x28" * 9)
    return b""


def legacy(sock: socket.socket) -> object:
    """Answer as AWS does, but with the legacy endpoint."""
    return answer(200, {"endpointAddress": HOST.replace("-ats", "")})(sock)


CASES: dict[str, tuple[Handler, int, str]] = {
    "hangs": (silent, 1, "did not answer in time"),
    "hangs twice": (silent, 2, "did not answer in time"),
    "closes": (dropping, 1, "broke off or answered what is not HTTP"),
    "no HTTP": (stammering, 1, "broke off or answered what is not HTTP"),
    "denied": (
        refusal(403, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized"),
        1,
        "AWS denies it to you; ask for the permission (AWS says: User: arn:aws:iam::1:user/x",
    ),
    "expired": (refusal(403, "ExpiredTokenException", TOKEN), 1, "credentials have expired"),
    "signature": (
        # What AWS's services say of one has the request in it, the session token too.
        refusal(403, "InvalidSignatureException", f"x-amz-security-token:{TOKEN}\n{SECRET_KEY}"),
        1,
        "AWS does not take your credentials (InvalidSignatureException)",
    ),
    "throttled": (refusal(429, "ThrottlingException"), 1, "AWS asks to slow down"),
    "fault": (refusal(500, "InternalFailureException"), 1, "a fault of its own (HTTP 500)"),
    "fault twice": (answer(503, "busy"), 2, "a fault of its own (HTTP 503)"),
    "invalid": (
        refusal(400, "InvalidRequestException", "Endpoint type\nnot recognized"),
        1,
        "AWS refuses it (InvalidRequestException): Endpoint type",
    ),
    "portal": (answer(403, "<html>Log in"), 1, "(HTTP 403) is not AWS"),
    "redirect": (
        answer(302, "", "Location: http://127.0.0.1:9/"),
        1,
        "(HTTP 302) is not AWS",
    ),
    "page": (answer(200, "<html>Welcome"), 1, "answered without any; that is not AWS"),
    "empty": (answer(200, ""), 1, "answered without any; that is not AWS"),
    "number": (answer(200, {"endpointAddress": 5}), 1, "answered without any; that is not AWS"),
    "list": (answer(200, "[1]"), 1, "not AWS"),
    "URL": (
        answer(200, {"endpointAddress": "https://" + HOST}),
        1,
        "with no host name ('https://" + HOST + "' is a URL",
    ),
    "legacy": (legacy, 1, "which is of the kind data-legacy"),
    "custom": (answer(200, {"endpointAddress": "iot.example.com"}), 1, "of the kind custom"),
    "region": (
        answer(200, {"endpointAddress": HOST.replace("central", "west")}),
        1,
        "which is in another region",
    ),
}


def options(*words: str) -> argparse.Namespace:
    """What a user typed, as a command gets it."""
    parser = argparse.ArgumentParser()
    add_aws_arguments(parser)
    return parser.parse_args(words)


def ask(port: int, attempts: int) -> str:
    """Ask for the ATS endpoint as the command does, with little patience; what it complains."""
    limits = Limits(connect=0.4, read=0.4, attempts=attempts)
    with pytest.raises(ToolError) as caught:
        iot = client(options("--endpoint-url", f"http://127.0.0.1:{port}"), limits=limits)
        with aws_failures():
            describe_endpoint(iot, "data-ats")
    return str(caught.value)


@pytest.mark.parametrize("case", CASES)
def test_a_failing_aws_gets_a_clear_sentence(case: str, no_aws: pytest.MonkeyPatch) -> None:
    """Slow, broken, refusing or no AWS at all: one sentence, as many attempts as allowed."""
    handle, attempts, sentence = CASES[case]
    no_aws.setenv("AWS_SESSION_TOKEN", TOKEN)
    with serving(handle, attempts) as (port, seen):
        before = time.monotonic()
        said = ask(port, attempts)
        took = time.monotonic() - before

    assert sentence in said
    assert "\n" not in said
    assert not [secret for secret in SECRETS if secret in said]
    assert len(seen) == attempts
    # Each attempt's time, and a second at most before the second one.
    assert took < 1.4 * attempts + 1


def test_nobody_there(no_aws: pytest.MonkeyPatch) -> None:
    """A closed port is an AWS that can not be reached, by its name."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert f"127.0.0.1:{port} can not be reached" in ask(port, 1)


def test_not_the_certificate_of_aws(no_aws: pytest.MonkeyPatch) -> None:
    """A server that speaks no TLS where https is asked for did not prove to be AWS."""
    with serving(stammering, 1) as (port, _), pytest.raises(ToolError) as caught:
        iot = client(
            options("--endpoint-url", f"https://127.0.0.1:{port}"), limits=Limits(1, 1, 1)
        )
        with aws_failures():
            describe_endpoint(iot, "data-ats")

    assert "did not prove to be AWS" in str(caught.value)


WRONG = {
    "no credentials": ("", {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, 1),
    "half of them": ("", {"AWS_SECRET_ACCESS_KEY": None}, 1),
    "no region": ("", {"AWS_DEFAULT_REGION": None}, 1),
    "no region's name": ("--region 'a b'", {}, 1),
    "no profile": ("--profile nobody", {}, 1),
    "broken configuration": ("", {"AWS_CONFIG_FILE": "broken"}, 1),
    "login over": ("--profile person", {"AWS_CONFIG_FILE": "login"}, 1),
    "no such program": ("--profile program", {"AWS_CONFIG_FILE": "login"}, 1),
    "no URL": ("--endpoint-url nonsense", {}, 2),
    "password in the URL": (f"--endpoint-url https://me:{TOKEN}@127.0.0.1", {}, 2),
    "password in no URL": (f"--endpoint-url me:{TOKEN}@127.0.0.1:99999", {}, 2),
    "plain HTTP": ("--endpoint-url http://aws.example.com", {}, 2),
    "plain HTTP by variable": ("", {"AWS_ENDPOINT_URL": "http://aws.example.com"}, 2),
    "empty": ("--region ''", {}, 2),
    "wrong type": ("--type mqtt", {}, 2),
}
SAID = {
    "no credentials": "no AWS credentials were found; run `aws configure`",
    "half of them": "the AWS credentials are incomplete",
    "no region": "no AWS region is set; give --region",
    "no region's name": "the AWS region is no region's name",
    "no profile": "there is no AWS profile called 'nobody'",
    "broken configuration": "the AWS configuration file",
    "login over": "your AWS login has expired",
    "no such program": "/nonexistent/program, which your AWS configuration names: No such",
    "no URL": "is no URL; write https://",
    "password in the URL": "holds a user's name",
    "password in no URL": "is no URL; write https://",
    "plain HTTP": "http:// to aws.example.com proves nothing",
    "plain HTTP by variable": "http:// to aws.example.com proves nothing",
    "empty": "--region: it is empty",
    "wrong type": "--type: invalid choice: 'mqtt'",
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_configuration_is_explained(
    case: str, no_aws: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What can not work is said before anything is sent."""
    line, environment, status = WRONG[case]
    (tmp_path / "broken").write_text("[default\nregion")
    (tmp_path / "login").write_text(
        "[profile person]\nsso_start_url = https://127.0.0.1/\nsso_region = eu-central-1\n"
        "sso_account_id = 1\nsso_role_name = x\n"
        "[profile program]\ncredential_process = /nonexistent/program\n"
    )
    no_aws.chdir(tmp_path)
    no_aws.setenv("HOME", str(tmp_path))
    for name, value in environment.items():
        if value is None:
            no_aws.delenv(name)
        else:
            no_aws.setenv(name, value)

    said = Shell(tmp_path).refused(f"endpoint {line}", status)

    assert SAID[case] in said
    assert not [secret for secret in SECRETS if secret in said]


def test_boto3_is_an_extra(no_aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without boto3 the command says how to get it."""
    no_aws.setitem(sys.modules, "boto3", None)

    assert "pip install 'ats-trust[aws]'" in Shell(tmp_path).refused("endpoint")
