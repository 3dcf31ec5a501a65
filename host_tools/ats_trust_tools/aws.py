"""AWS's own client, boto3: how commands reach an account, and what its failures mean.

Rules: boto3 is imported only when a command needs AWS. Every call has an end: time to connect,
time to answer and number of attempts are limited, for the calls that fetch credentials too. Every
failure is one ToolError that says what to do. No message holds a credential: of what AWS says only
the first line is passed on, and nothing when it speaks of signatures, which it explains with the
request that it got.
"""

import argparse
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from .errors import ToolError, UsageError


@dataclass(frozen=True)
class Limits:
    """How long to wait for AWS. connect, read: seconds for each attempt; connections: at once.

    A request that must not reach AWS twice has attempts=1.
    """

    connect: float = 5
    read: float = 15
    attempts: int = 3
    connections: int = 10


USUAL_LIMITS = Limits()


def add_aws_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which account, and where it answers."""
    add = parser.add_argument_group("AWS account").add_argument
    add("--profile", metavar="NAME", type=_not_empty, help="of your AWS configuration")
    add("--region", metavar="REGION", type=_not_empty, help="by default that of your profile")
    add("--endpoint-url", metavar="URL", type=_not_empty, help="an AWS elsewhere, for tests")


def session(args: argparse.Namespace, limits: Limits = USUAL_LIMITS) -> Any:
    """Return the boto3.Session that the options ask for. Raises ToolError."""
    try:
        import boto3
        import botocore.session
        from botocore.config import Config
    except ImportError:
        raise ToolError(
            "asking AWS needs boto3, which is not installed; "
            "run `pip install 'ats-trust[aws]'`, or `pip install boto3`"
        ) from None
    with aws_failures():
        core = botocore.session.Session(profile=args.profile)
        # For every client of the session: those that fetch credentials are not made here.
        core.set_default_client_config(
            Config(
                connect_timeout=limits.connect,
                read_timeout=limits.read,
                retries={"total_max_attempts": limits.attempts, "mode": "standard"},
                max_pool_connections=limits.connections,
            )
        )
        return boto3.Session(botocore_session=core, region_name=args.region)


def client(args: argparse.Namespace, service: str = "iot", limits: Limits = USUAL_LIMITS) -> Any:
    """Return a boto3 client of the account that the options name. Raises ToolError.

    Its calls belong into `with aws_failures():`.
    """
    with aws_failures():
        try:
            made = session(args, limits).client(service, endpoint_url=args.endpoint_url)
        except ValueError as error:
            if type(error) is not ValueError:
                raise
            # botocore, of whatever it takes for no URL; its text repeats it, passwords and all.
            raise UsageError(
                "--endpoint-url (or AWS_ENDPOINT_URL) is no URL; write https://HOST[:PORT]"
            ) from None
    _refuse_unsafe(made.meta.endpoint_url)
    return made


@contextmanager
def aws_failures() -> Iterator[None]:
    """Turn what boto3 raises inside the block into one ToolError that says what to do."""
    try:
        yield
    except KeyError as error:
        raise ToolError(
            f"the answer has no {error.args[0]}; whoever gave it is not AWS; check "
            "--endpoint-url, the proxy and the network"
        ) from None
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        raise ToolError(sentence) from None


def _sentence(error: Exception) -> str | None:
    """What a failure of boto3 means, or None for one that is not boto3's."""
    try:
        from botocore import exceptions
    except ImportError:
        return None
    if isinstance(error, exceptions.ClientError):
        return _refusal(error.response)
    if isinstance(error, OSError) and error.filename:
        return (
            f"{error.filename}, which your AWS configuration names: {error.strerror}; correct "
            "your AWS profile"
        )
    if not isinstance(error, exceptions.BotoCoreError):
        if not _raised_by_botocore(error):
            return None
        return (
            f"AWS's client, boto3, does not understand the answer ({type(error).__name__}); "
            "whoever gave it is not AWS; check --endpoint-url, the proxy and the network"
        )
    facts = error.kwargs
    url = facts.get("endpoint_url")
    host = _place(url) if isinstance(url, str) else "AWS"
    for kinds, sentence in _meanings(exceptions):
        if isinstance(error, kinds):
            return sentence.format(host=host, **{"profile": "", "path": "", **_words(facts)})
    return (
        f"AWS's client, boto3, failed ({type(error).__name__}); check your AWS configuration with "
        "`aws sts get-caller-identity`"
    )


def _raised_by_botocore(error: Exception) -> bool:
    """Whether it was botocore's own code that stumbled, over an answer that is not AWS's."""
    places = [
        frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    return bool(places) and places[-1].startswith("botocore.")


def _meanings(kind: Any) -> tuple[tuple[tuple[type[Exception], ...], str], ...]:
    """The exceptions of botocore and what each asks of the user; the first that fits counts."""
    return (
        (
            (kind.ProfileNotFound,),
            "there is no AWS profile called {profile!r}; `aws configure list-profiles` lists them",
        ),
        (
            (kind.ConfigParseError, kind.ConfigNotFound),
            "the AWS configuration file {path} can not be read; correct it",
        ),
        (
            (kind.NoRegionError,),
            "no AWS region is set; give --region, as eu-central-1, or set one in your profile",
        ),
        (
            (kind.InvalidRegionError, kind.UnknownRegionError, kind.BaseEndpointResolverError),
            "the AWS region is no region's name; give --region, as eu-central-1",
        ),
        (
            (kind.NoCredentialsError,),
            "no AWS credentials were found; run `aws configure` or `aws sso login`, or choose "
            "others with --profile",
        ),
        (
            (kind.PartialCredentialsError,),
            "the AWS credentials are incomplete: access key and secret key belong together; run "
            "`aws configure`",
        ),
        (
            (
                kind.SSOError,
                kind.LoginError,
                kind.TokenRetrievalError,
                kind.NoAuthTokenError,
            ),
            "your AWS login has expired or is not valid; run `aws sso login` (or `aws login`), "
            "with your profile",
        ),
        (
            (
                kind.CredentialRetrievalError,
                kind.MetadataRetrievalError,
                kind.InvalidConfigError,
                kind.RefreshWithMFAUnsupportedError,
            ),
            "your AWS profile's credentials could not be fetched; see what "
            "`aws sts get-caller-identity` says of it",
        ),
        (
            (kind.ProxyConnectionError, kind.InvalidProxiesConfigError),
            "the proxy to AWS does not answer; check HTTPS_PROXY",
        ),
        (
            (kind.SSLError,),
            "{host} did not prove to be AWS (its TLS certificate was not accepted); is something "
            "between this computer and AWS, as a proxy with a CA of its own (AWS_CA_BUNDLE)?",
        ),
        (
            (kind.ConnectTimeoutError, kind.ReadTimeoutError),
            "{host} did not answer in time; check the network and the region, then try again",
        ),
        (
            (kind.EndpointConnectionError, kind.ConnectionError),
            "{host} can not be reached; check the network, and that AWS IoT is in that region",
        ),
        (
            (kind.HTTPClientError, kind.IncompleteReadError, kind.ResponseStreamingError),
            "{host} broke off or answered what is not HTTP; check --endpoint-url and the network, "
            "then try again",
        ),
    )


def _refusal(response: dict[str, Any]) -> str:
    """What an error that AWS itself answered with means."""
    error = response.get("Error", {})
    code = str(error.get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = str(error.get("Message", ""))
    said = message.splitlines()[0].strip()[:300] if message.strip() else ""
    if code in _EXPIRED:
        return "your AWS credentials have expired; log in again (`aws sso login`, `aws login`)"
    if code in _UNKNOWN_KEYS:
        return (
            f"AWS does not take your credentials ({code}); run `aws sts get-caller-identity`, "
            "which tells whose they are, and check this computer's clock"
        )
    if code in _DENIED:
        return "AWS denies it to you; ask for the permission" + (
            f" (AWS says: {said})" if said else " that the documentation names"
        )
    if "Throttl" in code or code in _BUSY or status == 429:
        return "AWS asks to slow down, after several attempts; wait a minute, then try again"
    if status >= 500:
        return f"AWS has a fault of its own (HTTP {status}); try again later"
    if not code or code.isdigit():
        # AWS names its errors: this was somebody else, such as a hotel's network.
        return (
            f"whoever answered in AWS's place (HTTP {status}) is not AWS; check --endpoint-url, "
            "the proxy and the network"
        )
    return f"AWS refuses it ({code})" + (f": {said}" if said else "")


_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN_KEYS = {
    "AuthFailure",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "ForbiddenException",
    "NotAuthorized",
    "OptInRequired",
    "UnauthorizedException",
    "UnauthorizedOperation",
}
_BUSY = {
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequestsException",
}


def _refuse_unsafe(url: str) -> None:
    """Refuse to speak with AWS where anyone on the way could read and change what is said."""
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise UsageError("--endpoint-url (or AWS_ENDPOINT_URL) holds a user's name; leave it out")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise UsageError(
            f"--endpoint-url (or AWS_ENDPOINT_URL): http:// to {_place(url)} proves "
            "nothing of who answers; write https://, or use a server on this computer (127.0.0.1)"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _place(url: str) -> str:
    """Host and port of a URL, without what else may be in it."""
    return urlsplit(url).netloc.rpartition("@")[2] or "AWS"


def _words(facts: dict[str, Any]) -> dict[str, str]:
    return {name: str(facts[name])[:200] for name in ("profile", "path") if name in facts}


def _not_empty(text: str) -> str:
    """An unset shell variable in its place must not mean another account than was meant."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text
