"""AWS on loopback: moto's real server as a process, and an environment that leads nowhere else.

    with AwsServer() as aws:
        subprocess.run([...], env={**os.environ, **aws.environment()})

Rules: the server listens on 127.0.0.1 only, on a port that was free, and ends when the process
that started it does, however that ends. A command in `isolated()` environment sees none of this
machine's AWS configuration and no credentials but made-up ones.

The fixtures `aws` (a clean account for one test) and `no_aws` (no server at all) set it for a
test; both are in conftest.py.
"""

import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping
from typing import Self

REGION = "eu-central-1"
ACCESS_KEY = "AKIAMADEUPFORTESTS00"
SECRET_KEY = "made-up/secret/of/the/tests"
_START_SECONDS = 60


class AwsServer:
    """moto's server; use it in a `with` statement. its port is `port`."""

    port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **isolated()},
        )
        assert self._process.stdout is not None
        # A server that does not start is ended, and then the line is empty.
        late = threading.Timer(_START_SECONDS, self._process.kill)
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        if not line:
            self.__exit__()
            raise RuntimeError("moto's server does not start: run `python tests/aws_server.py`")
        self.port = int(line)
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait(timeout=10)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    @property
    def url(self) -> str:
        """What --endpoint-url takes."""
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget every thing, certificate and policy: a new account."""
        request = urllib.request.Request(self.url + "/moto-api/reset", method="POST")
        # Without the machine's proxy, which has no way to here.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=30).close()

    def environment(self) -> dict[str, str]:
        """The environment of a command that shall talk to this server."""
        return {**isolated(), "AWS_ENDPOINT_URL": self.url}


def isolated() -> dict[str, str]:
    """Variables that lead AWS's tools to no account and to no file of this machine."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def foreign(environment: Mapping[str, str]) -> list[str]:
    """The names of variables that would lead AWS's tools elsewhere than `isolated` means."""
    return [name for name in environment if name.startswith("AWS_") and name not in isolated()]


def _serve() -> None:
    """Serve on a free port, which is printed, until standard input ends."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    _certify_requests()
    _keep_endpoints()
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


def _certify_requests() -> None:
    """Let moto make the certificate for the key of the CSR, as AWS does, and not for a new one."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from moto.iot.models import FakeCertificate, IoTBackend

    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "AWS IoT stand-in")])
    signer = ec.generate_private_key(ec.SECP256R1())

    def create(self: IoTBackend, csr: str, set_as_active: bool) -> FakeCertificate:
        request = x509.load_pem_x509_csr(csr.encode())
        if not request.is_signature_valid:
            raise ValueError("the CSR is not signed with its key")
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(issuer)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=2))
            .not_valid_after(now + timedelta(days=10000))
            .sign(signer, hashes.SHA256())
        )
        pem = made.public_bytes(Encoding.PEM).decode()
        active = str(set_as_active).lower() == "true"  # moto passes on the text of the URL.
        return self.register_certificate(pem, None, active, "INACTIVE")

    IoTBackend.create_certificate_from_csr = create  # type: ignore[method-assign]


def _keep_endpoints() -> None:
    """Let moto give the same endpoint to each call, as AWS does."""
    from functools import cache

    from moto.iot.models import FakeEndpoint, IoTBackend

    made = cache(FakeEndpoint)
    IoTBackend.describe_endpoint = (  # type: ignore[method-assign]
        lambda self, endpoint_type: made(endpoint_type, self.region_name)
    )


if __name__ == "__main__":
    _serve()
