"""The objects of the host's `tls`: calls, attributes, streams, and what it does with secrets."""

import errno
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

import tls_parity
import tls_pki as pki
import tls_servers as servers
from ats_trust_tools import micropython_tls
from ats_trust_tools.micropython_tls import path, records, verdict
from ats_trust_tools.micropython_tls.codes import Flag
from tls_cases import EC, RSA, client_certificate, simple
from tls_pki import HOST


@pytest.fixture
def both(newest_micropython, tmp_path):
    """A function: run a case on MicroPython and here, and compare."""
    return partial(tls_parity.compare, newest_micropython, tmp_path)


@pytest.fixture
def tls():
    micropython_tls.install()
    return sys.modules["tls"]


READS = {
    "to the end": [["write", "q"], ["read"]],
    "lines": [["write", "q"], ["readline"], ["readline"], ["readline"]],
    "in parts": [["write", "q"], ["read", 2], ["recv", 100], ["recv", 100], ["readinto", 10]],
    "filled": [["write", "q"], ["readinto", 10], ["readinto", 2]],
    "sent": [["send", "q"], ["sendall", "r"], ["read", 4], ["write", ""], ["read", 0]],
    "cut": [["write", "query", 3], ["write", "query", 1, 2], ["read", 6]],
    "closed": [["write", "q"], ["close"], ["close"], ["cipher_"]],
    "unknown": [["getpeercert", True], ["nothing"]],
}


@pytest.mark.parametrize("what", READS)
def test_reading_and_writing(both, what):
    """read, readinto, readline, write and their aliases give what MicroPython's give."""
    handle, told = simple()
    # Closing with unread data resets the connection, sooner or later.
    both(handle, {**told, "steps": READS[what]}, same_view=what != "closed")


@pytest.mark.parametrize("reads", [[["read"]], [["read", 9]], [["readinto", 9]], [["readline"]]])
def test_connection_that_only_stops(both, reads):
    """Without a close_notify the end of the connection is an end all the same."""
    root, middle, leaf = pki.chain()
    tls = servers.context(leaf, middle)

    def stop(sock):
        connection = tls.wrap_socket(sock, server_side=True)
        connection.sendall(b"hi " + connection.recv(64))
        os.close(connection.detach())
        return ["stopped"]

    steps = [["write", "q"], *reads, *reads]
    both(stop, {"anchors": [root.der.hex()], "steps": steps})


def test_more_than_a_buffer(both):
    """Long writes are cut to Mbed TLS's buffer and still arrive in one call."""
    root, middle, leaf = pki.chain()
    tls = servers.context(leaf, middle)

    def echo(sock):
        with tls.wrap_socket(sock, server_side=True) as connection:
            data = b""
            while len(data) < 40000:
                data += connection.recv(65536)
            connection.sendall(data)
            return ["data", len(data), len(set(data))]

    steps = [["write", "0123456789" * 4000], ["read", 40000], ["send", "x" * 5000]]
    outcome = both(echo, {"anchors": [root.der.hex()], "steps": steps})
    assert outcome["results"][0] == 40000
    assert outcome["results"][2] == 4096


CALLS = {
    "a protocol is needed": "tls.SSLContext()",
    "the protocol is a number": "tls.SSLContext('x')",
    "verify_mode to begin with": "context().verify_mode",
    "verify_callback to begin with": "context().verify_callback",
    "constants": "[tls.PROTOCOL_TLS_CLIENT, tls.CERT_NONE, tls.CERT_OPTIONAL, tls.CERT_REQUIRED]",
    "another attribute": "setattr(context(), 'ca', 1)",
    "ciphers as a string": "context().set_ciphers('TLS-RSA-WITH-AES-128-CBC-SHA')",
    "no ciphers": "context().set_ciphers([])",
    "an unknown cipher": "context().set_ciphers(['AES'])",
    "good ciphers": "context().set_ciphers(('TLS-RSA-WITH-AES-128-CBC-SHA',))",
    "a cipher that is a number": "context().set_ciphers([1])",
    "anchor by name": "context().load_verify_locations(cadata=der)",
    "anchor as bytearray": "context().load_verify_locations(bytearray(der))",
    "anchor as memoryview": "context().load_verify_locations(memoryview(der))",
    "no anchor": "context().load_verify_locations(b'')",
    "text as anchor": "context().load_verify_locations('nothing')",
    "a cut anchor": "context().load_verify_locations(der[:-1])",
    "a long anchor": "context().load_verify_locations(der + b'more')",
    "a good anchor": "context().load_verify_locations(der)",
    "no credentials": "context().load_cert_chain(b'', b'')",
    "one credential": "context().load_cert_chain(der)",
    "no certificate": "context().load_cert_chain(b'', key)",
    "no key": "context().load_cert_chain(der, b'')",
    "good credentials": "context().load_cert_chain(der, key)",
    "no stream": "context().wrap_socket(1, server_hostname='x')",
    "no argument": "context().wrap_socket()",
    "two arguments": "context().wrap_socket(stream, 'x')",
    "no name": "context().wrap_socket(stream)",
    "deferred": "type(context().wrap_socket(stream, server_hostname='x',"
    " do_handshake_on_connect=False)).__name__",
}

_EVALUATE = """
import io, sys, tls
class Quiet(io.IOBase):
    def readinto(self, buf): return None
    def write(self, buf): return len(buf)
    def ioctl(self, request, argument): return 0
def context(): return tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
def evaluate(call, der, key):
    try:
        return eval(call, {"tls": tls, "context": context, "stream": Quiet(),
                           "der": der, "key": key})
    except Exception as error:
        name = type(error).__name__
        return [name] + ([] if name in ("TypeError", "AttributeError") else list(error.args))
"""


@pytest.mark.parametrize("what", CALLS)
@pytest.mark.parametrize("kind", [EC, RSA])
def test_calls(newest_micropython, tls, tmp_path, what, kind):
    """The same arguments are taken and the same are refused."""
    ca = pki.issue(pki.name("Root"), pki.key(kind, 1), ca=True)
    arguments = (CALLS[what], ca.der, ca.private_der)
    script = tmp_path / "evaluate.py"
    script.write_text(f"{_EVALUATE}\nprint(repr(evaluate(*{arguments!r})))")
    done = newest_micropython.run(script)
    assert done.returncode == 0, done.stderr
    space: dict = {}
    exec(_EVALUATE, space)
    assert repr(space["evaluate"](*arguments)) == done.stdout.strip()


def test_offered_suites(newest_micropython, tls):
    """get_ciphers lists MicroPython's suites in its order, but for those with pre-shared keys."""
    code = "import tls; print(' '.join(tls.SSLContext(0).get_ciphers()))"
    board = newest_micropython.run_code(code).stdout.split()
    assert tls.SSLContext(0).get_ciphers() == [name for name in board if "-PSK-" not in name]


@pytest.mark.parametrize("suite", micropython_tls.SSLContext(0).get_ciphers())
def test_every_suite(both, suite):
    """Each suite makes a connection and cipher() gives its name."""
    handle, told = simple(EC if "ECDSA" in suite else RSA, {"ciphers": [suite]})
    assert both(handle, told)["results"][2] == [suite, "TLSv1.2"]


@pytest.mark.parametrize("kind", [EC, RSA])
@pytest.mark.parametrize("give, known", [(False, True), (True, False)])
def test_client_certificate_refused(newest_micropython, tmp_path, kind, give, known):
    """A missing or unknown client certificate ends the handshake after the chain was seen.

    The server's alert races with our writes: it is read (-30592), or a write fails first.
    """
    handle, told = client_certificate(kind, give, known)
    board, host, saw = tls_parity.outcomes(newest_micropython, tmp_path, handle, told)
    for outcome in (board, host):
        assert outcome["error"][0] == "OSError"
        assert outcome["error"][1] in (-30592, errno.EPIPE, errno.ECONNRESET)
        assert outcome["results"] == []
    assert host["seen"] == board["seen"]
    assert saw[1] == saw[0]


def test_private_key_stays_in_memory(tls, monkeypatch):
    """OpenSSL gets the private key without any file that could be left behind."""
    if not hasattr(os, "memfd_create"):
        pytest.skip("this system has no anonymous files; a 0600 file is used and removed")

    def no_file(*arguments, **named):
        raise AssertionError("a file was made")

    monkeypatch.setattr(tempfile, "mkstemp", no_file)
    _use_credentials(tls)


def test_private_key_in_a_file_that_goes_away(tls, monkeypatch, tmp_path):
    """Elsewhere the file is its owner's alone and is gone when the call returns."""
    seen = []
    load = ssl.SSLContext.load_cert_chain

    def watch(self, name, *more):
        seen.append((Path(name).stat().st_mode & 0o777, Path(name).read_bytes()))
        return load(self, name, *more)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watch)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create", raising=False)
    _use_credentials(tls)
    [(mode, content)] = seen
    assert mode == 0o600
    assert b"PRIVATE KEY" in content
    assert list(tmp_path.iterdir()) == []


def _use_credentials(tls):
    device = pki.issue(pki.name("device"), pki.key(EC, 5), ca=True)
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(device.der, device.private_der)
    context.wrap_socket(Written(), server_hostname=HOST, do_handshake_on_connect=False)


def test_key_of_another_certificate(tls):
    """A key that is not the certificate's is an error before anything is sent."""
    device = pki.issue(pki.name("device"), pki.key(EC, 5), ca=True)
    other = pki.issue(pki.name("device"), pki.key(EC, 6), ca=True)
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(device.der, other.private_der)
    quiet = Written()
    with pytest.raises(OSError) as raised:
        context.wrap_socket(quiet, server_hostname=HOST)
    assert not isinstance(raised.value, ssl.SSLError)
    assert quiet.data == b""


def test_memoryview_ends_with_the_callback(tls):
    """Keeping the callback's memoryview is an error here, where it is a crash on a board."""
    kept = []
    root, middle, leaf = pki.chain()
    with servers.serving(servers.answering(servers.context(leaf, middle)), 1) as (port, _):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(root.der)
        context.verify_callback = lambda certificate, depth: kept.append(certificate) or 0
        connection = context.wrap_socket(_connected(port), server_hostname=HOST)
        connection.close()
    assert len(kept) == 3
    with pytest.raises(ValueError):
        bytes(kept[0])


def accept_everything(presented, suite, context, host, now):
    """In place of the verdict: any chain is good, up to the first anchor."""
    return [*map(path.Step, [*presented, *context.anchors], [Flag(0)] * 9)]


def test_openssl_has_the_second_vote(tls, monkeypatch):
    """Were Mbed TLS's verdict rebuilt wrongly, OpenSSL still refuses the chain."""
    _, middle, leaf = pki.chain()
    other = pki.issue(pki.name("Root"), pki.key(EC, 9), ca=True)
    monkeypatch.setattr(verdict, "judge", accept_everything)
    with servers.serving(servers.answering(servers.context(leaf, middle)), 1) as (port, saw):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(other.der)
        with _connected(port) as sock, pytest.raises(OSError) as raised:
            context.wrap_socket(sock, server_hostname=HOST)
    assert raised.value.args == (-31232, "MBEDTLS_ERR_SSL_BAD_CERTIFICATE")
    assert not isinstance(raised.value, ssl.SSLError)
    assert saw[0][0] == "tls"  # an alert, and no data


def test_judged_certificate_is_the_one_used(tls, monkeypatch):
    """The certificate that was judged and the one whose key was proved must be the same."""
    root, middle, leaf = pki.chain()
    genuine = pki.issue(pki.name("leaf"), pki.key(EC, 7), middle, sans=[x509.DNSName(HOST)])
    monkeypatch.setattr(records, "certificates", lambda _: [genuine.der, middle.der])
    with servers.serving(servers.answering(servers.context(leaf, middle)), 1) as (port, _):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(root.der)
        with _connected(port) as sock, pytest.raises(OSError) as raised:
            context.wrap_socket(sock, server_hostname=HOST)
    assert raised.value.args == (-31232, "MBEDTLS_ERR_SSL_BAD_CERTIFICATE")


def test_anchors_of_another_connection(tls):
    """What one handshake taught OpenSSL is forgotten with it; only the context's anchors stay."""
    root, middle, leaf = pki.chain()
    other = pki.issue(pki.name("Other"), pki.key(EC, 9), ca=True)
    with servers.serving(servers.answering(servers.context(leaf, middle)), 2) as (port, _):
        for anchor in (root, other):
            context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(anchor.der)
            with _connected(port) as sock:
                if anchor is root:
                    context.wrap_socket(sock, server_hostname=HOST)
                else:
                    with pytest.raises(ValueError):
                        context.wrap_socket(sock, server_hostname=HOST)


def test_install_is_idempotent(tls):
    """A second install() changes nothing; what it made is the module that `import tls` gives."""
    micropython_tls.install()
    assert sys.modules["tls"] is tls
    assert tls.SSLContext is micropython_tls.SSLContext
    assert "OpenSSL" in tls.MBEDTLS_VERSION


def test_install_leaves_a_real_module_alone():
    """A `tls` that is there already stays."""
    code = (
        "import sys, types; sys.modules['tls'] = real = types.ModuleType('tls');"
        "from ats_trust_tools import micropython_tls; micropython_tls.install();"
        "assert sys.modules['tls'] is real"
    )
    folder = Path(micropython_tls.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=30)


class Written:
    """A stream that has nothing to read and keeps what is written."""

    data = b""

    def readinto(self, buf):
        return None

    def write(self, buf):
        self.data += bytes(buf)
        return len(buf)


def _connected(port):
    sock = socket.create_connection(("127.0.0.1", port))
    sock.settimeout(servers.SECONDS)
    return sock
