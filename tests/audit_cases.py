"""What `ats-trust audit` has to find, each beside the same put right: sources and other files."""

import json

from cryptography import x509

from ats_trust_tools.files import data_folder
from ats_trust_tools.pem import armour
from interpreters import REPOSITORY
from made_certificates import DAY, NOW, certificate, device

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
LEGACY = "a1b2c3d4e5f6g7.iot.eu-central-1.amazonaws.com"
_TLS = "import tls\nc = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)\n"
SSL_CONTEXT = "import ssl\nc = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
VERIFIED = (
    'c.verify_mode = ssl.CERT_REQUIRED\nc.load_verify_locations(cadata=open("r.der").read())\n'
)
_IN_CLASS = (
    "import ssl\nclass A:\n def f(self):\n  self.c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
)
_WRAP = 's = c.wrap_socket(s, server_hostname="h.example")\n'
_PARAMS = '{"cert_reqs": ussl.CERT_REQUIRED, "cadata": ca, "server_hostname": H}'
PKCS8 = device("P-256").key_bytes().decode()

# name -> (rule, lines of the findings, source with it, the same put right).
SOURCES = {
    "wrapper-starts-without": (
        "unverified-context",
        [2],
        SSL_CONTEXT + _WRAP,
        SSL_CONTEXT + VERIFIED + _WRAP,
    ),
    "none-said": (
        "unverified-context",
        [3],
        _TLS + 'c.verify_mode = tls.CERT_NONE\nc.load_verify_locations(open("r.der").read())\n',
        _TLS + 'c.load_verify_locations(open("r.der").read())\n',
    ),
    "switched-off-on-a-computer": (
        "unverified-context",
        [4],
        "import ssl, subprocess\nc = ssl.create_default_context()\nc.check_hostname = False\n"
        "c.verify_mode = ssl.CERT_NONE\n",
        "import ssl, subprocess\nc = ssl.create_default_context()\n",
    ),
    "verify-false": (
        "unverified-context",
        [2],
        "import requests, subprocess\nrequests.get(URL, verify=False)\n",
        "import requests, subprocess\nrequests.get(URL, verify=PATH)\n",
    ),
    "optional": (
        "unverified-context",
        [3],
        SSL_CONTEXT + "c.verify_mode = 1\n" + VERIFIED.splitlines()[1],
        SSL_CONTEXT + VERIFIED,
    ),
    "attribute": (
        "unverified-context",
        [4],
        _IN_CLASS,
        "import ssl\nclass A:\n def f(self):\n  self.c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
        " def g(self):\n  self.c.verify_mode = ssl.CERT_REQUIRED\n"
        "  self.c.load_verify_locations(cadata=R)\n",
    ),
    "the-first-of-two": (
        "unverified-context",
        [2],
        SSL_CONTEXT + SSL_CONTEXT + VERIFIED,
        SSL_CONTEXT + VERIFIED + SSL_CONTEXT + VERIFIED,
    ),
    "the-second-of-two": (
        "unverified-context",
        [5],
        SSL_CONTEXT + VERIFIED + "c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n",
        SSL_CONTEXT + VERIFIED + SSL_CONTEXT + VERIFIED,
    ),
    "cpython": (
        "unverified-context",
        [3],
        "import ssl\nc = ssl.create_default_context()\nd = ssl._create_unverified_context()\n",
        "import ssl\nc = ssl.create_default_context()\n",
    ),
    "no-roots": (
        "no-trust-anchor",
        [2],
        SSL_CONTEXT + "c.verify_mode = ssl.CERT_REQUIRED\n",
        SSL_CONTEXT + VERIFIED,
    ),
    "callback": (
        "callback-ignored",
        [5],
        SSL_CONTEXT + VERIFIED + "c.verify_callback = f\n",
        _TLS + "c.load_verify_locations(R)\nc.verify_callback = f\n",
    ),
    "no-name": (
        "no-server-name",
        [5],
        SSL_CONTEXT + VERIFIED + "c.wrap_socket(s)\n",
        SSL_CONTEXT + VERIFIED + _WRAP,
    ),
    "wrap-socket": (
        "unverified-wrap-socket",
        [5],
        "try:\n import ussl as ssl\nexcept ImportError:\n import ssl\n"
        "s = ssl.wrap_socket(s, cert_reqs=ssl.CERT_NONE, cadata=R, server_hostname=H)\n",
        "import ussl\n"
        "s = ussl.wrap_socket(s, cert_reqs=ussl.CERT_REQUIRED, cadata=R, server_hostname=H)\n",
    ),
    "wrap-socket-bare": (
        "unverified-wrap-socket",
        [2],
        "from ussl import wrap_socket\ns = wrap_socket(s, server_hostname=H)\n",
        "from ussl import wrap_socket\ns = wrap_socket(s, **params)\n",
    ),
    "umqtt-true": (
        "ssl-true",
        [2],
        "from umqtt.simple import MQTTClient\nm = MQTTClient(I, H, ssl=True)\n",
        "from umqtt.simple import MQTTClient\nimport ats_trust\n"
        "m = MQTTClient(I, H, ssl=ats_trust.context(H))\n",
    ),
    "umqtt-position": (
        "ssl-true",
        [3],
        "from umqtt.simple import MQTTClient\nON = True\nm = MQTTClient(I, H, 0, U, P, 60, ON)\n",
        "from umqtt.simple import MQTTClient\nm = MQTTClient(I, H, 8883, U, P, 60, context)\n",
    ),
    "asyncio-true": (
        "ssl-true",
        [2],
        "import uasyncio as a\nr, w = await a.open_connection(H, 8883, ssl=True)\n",
        "import uasyncio as a\nr, w = await a.open_connection(H, 8883, ssl=c)\n",
    ),
    "params-none": (
        "unverified-ssl-params",
        [2],
        "import ussl\n"
        + f"p = {_PARAMS}\n".replace("REQUIRED", "NONE")
        + "m = MQTTClient(I, H, ssl=True, ssl_params=p)\n",
        f"import ussl\np = {_PARAMS}\nm = MQTTClient(I, H, ssl=True, ssl_params=p)\n",
    ),
    "params-without-ca": (
        "unverified-ssl-params",
        [3],
        'import ussl\nconfig["ssl"] = True\n'
        'config["ssl_params"] = {"cert_reqs": ussl.CERT_REQUIRED, "server_hostname": H}\n',
        f'import ussl\nconfig["ssl"] = True\nconfig["ssl_params"] = {_PARAMS}\n',
    ),
    "fingerprint": (
        "certificate-fingerprint",
        [3],
        "import hashlib\nd = s.getpeercert(True)\nok = hashlib.sha256(d).digest() == PIN\n",
        "import hashlib\nd = firmware.read()\nok = hashlib.sha256(d).digest() == PIN\n",
    ),
    "fingerprint-in-callback": (
        "certificate-fingerprint",
        [3],
        "import hashlib\ndef check(cert, depth):\n return hashlib.sha256(cert).digest() != PIN\n"
        "c.verify_callback = check\n",
        "import hashlib\ndef check(cert, depth):\n return hashlib.sha256(cert[9:]).digest() != P\n"
        "c.verify_callback = check\n",
    ),
    "legacy": ("legacy-endpoint", [1], f'H = "{LEGACY}"', f'"""Not {LEGACY}."""\nH = "{HOST}"'),
    "address": (
        "endpoint-is-address",
        [1],
        'm = MQTTClient(I, "192.0.2.7", ssl=c)',
        'm = MQTTClient(I, "192.0.2.7")',
    ),
    "port-443": (
        "mqtt-on-443",
        [2],
        f'H = "{HOST}"\nm = MQTTClient(I, H, port=443, ssl=c)',
        f'H = "{HOST}"\nm = MQTTClient(I, H, port=8883, ssl=c)\nr = open_connection(H, 443)',
    ),
    "port-443-of-mqtt-as": (
        "mqtt-on-443",
        [2],
        f'config["server"] = "{HOST}"\nconfig["port"] = 443',
        f'config["server"] = "{HOST}"\nconfig["port"] = 8883',
    ),
    "port-1883": (
        "mqtt-without-tls",
        [1],
        f'm = MQTTClient(I, "{HOST}")',
        f'm = MQTTClient(I, "{HOST}", ssl=c)',
    ),
    "access-key": (
        "aws-access-key",
        [1],
        'K = "AKIA' + 'QWERTYUIOPASDFGH"',
        'K = "AKIAIOSFODNN7EXAMPLE"',
    ),
    "key": ("key-in-source", [1], f"K = {PKCS8!r}", 'if "-----BEGIN PRIVATE KEY-----" in t: f()'),
    "key-der": (
        "key-in-source",
        [1],
        "K = bytes.fromhex("
        + repr("3031020101" + "0420" + 32 * "ab" + "a00a06082a8648ce3d030107")
        + ")",
        "K = bytes.fromhex('" + 60 * "ab" + "')",
    ),
    "pem": (
        "pem-not-readable",
        [4],
        SSL_CONTEXT + 'c.verify_mode = ssl.CERT_REQUIRED\nc.load_verify_locations("roots.pem")\n',
        SSL_CONTEXT + 'c.verify_mode = ssl.CERT_REQUIRED\nc.load_verify_locations("roots.der")\n',
    ),
    "syntax": ("not-read", [2], "a = 1\nprint 'two'\n", "a = 1\nprint('two')\n"),
}
_ROOT = certificate()
AMAZON = (data_folder("certs_der") / "amazon-root-ca-1.der").read_bytes()
_BUNDLE = (REPOSITORY / "lib/ats_trust/roots.bin").read_bytes()
# rule -> (file, content with it, content without).
FILES = {
    "intermediate-as-root": (
        "ca.pem",
        certificate("Middle", issuer=_ROOT, number=2).pem,
        _ROOT.pem,
    ),
    "leaf-as-root": (
        "root_ca.der",
        certificate("server", issuer=_ROOT, ca=False, number=3).der,
        _ROOT.der,
    ),
    "expired-certificate": ("x.crt", certificate(ends=NOW - DAY).pem, _ROOT.pem),
    "retired-root": (
        "r.pem",
        armour("CERTIFICATE", (data_folder("certs_der") / "verisign-class-3-g5.der").read_bytes()),
        armour("CERTIFICATE", AMAZON),
    ),
    "root-differs": (
        "AmazonRootCA1.der",
        certificate(x509.load_der_x509_certificate(AMAZON).subject).der,
        AMAZON,
    ),
    "unreadable-certificate": ("c.pem", _ROOT.pem[:200] + _ROOT.pem[-40:], _ROOT.pem),
    "damaged-bundle": ("roots.bin", _BUNDLE[:-1] + b"?", _BUNDLE),
    "legacy-endpoint": (
        "config.json",
        json.dumps({"host": LEGACY}).encode(),
        json.dumps({"host": HOST}).encode(),
    ),
}
