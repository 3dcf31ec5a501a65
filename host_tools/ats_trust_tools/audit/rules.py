"""The rules of the audit: id, why it hurts, how to mend it. docs/audit.md has the same table.

Rule: a finding's `detail` says what was found in this place, never with key material, a secret or
anything else that stands in a literal.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """why: what happens if it stays; fix: what to do about it. Each one sentence or two."""

    why: str
    fix: str


@dataclass(frozen=True, order=True)
class Finding:
    """One place. file: as shown, relative to what is read; line: from 1, 0 is the whole file."""

    file: str
    line: int
    rule: str
    detail: str


_USE_CONTEXT = (
    "Pass `ats_trust.context(host, ...)`, or use tls.SSLContext with CERT_REQUIRED, the roots and "
    "the host name."
)
_DER = "Keep it as DER, or leave the reading to `ats_trust.context(host, cert=..., key=...)`."
_ROTATE = (
    "Take it out, add it to .gitignore, then make a new key and certificate and deactivate the "
    "old one in AWS: the history keeps what was committed."
)

RULES = {
    "unverified-context": Rule(
        "Whoever answers is accepted: `ssl.SSLContext` of MicroPython starts with CERT_NONE.",
        _USE_CONTEXT,
    ),
    "unverified-wrap-socket": Rule(
        "Whoever answers is accepted: `wrap_socket` verifies only with cert_reqs=CERT_REQUIRED "
        "and a CA.",
        _USE_CONTEXT,
    ),
    "ssl-true": Rule(
        "Whoever answers is accepted: ssl=True makes a context that verifies nothing.",
        "Pass `ssl=ats_trust.context(host, ...)` in place of True.",
    ),
    "unverified-ssl-params": Rule(
        "Whoever answers is accepted: these parameters hold no CERT_REQUIRED with a CA.",
        _USE_CONTEXT,
    ),
    "no-trust-anchor": Rule(
        "A server is to be verified but no root is loaded: each connection fails, and the usual "
        "way out is to switch verification off.",
        "Load the roots (`load_verify_locations`, cadata), or pass `ats_trust.context(host)`.",
    ),
    "no-server-name": Rule(
        "Without the host name a certificate for any other name is good enough, and AWS does not "
        "know which certificate to send.",
        "Pass server_hostname=, and leave check_hostname on.",
    ),
    "callback-ignored": Rule(
        "The wrapper `ssl` has no verify_callback: setting it does nothing, without an error.",
        "Set it on a tls.SSLContext; `ats_trust.context(host, pins=...)` does.",
    ),
    "certificate-fingerprint": Rule(
        "The hash of a whole certificate changes with each renewal, and AWS renews without "
        "notice: all devices lose their connection on that day.",
        "Verify the chain; where a pin is wanted, pin public keys: `ats_trust.context(host, "
        "pins=[...])`.",
    ),
    "intermediate-as-root": Rule(
        "AWS changes its intermediates at any time; a device that trusts only one of them stops "
        "then.",
        "Keep the root in its place: `ats-trust bundle` has those of AWS IoT Core.",
    ),
    "leaf-as-root": Rule(
        "A server's own certificate is renewed within months; a device that trusts only that one "
        "stops then.",
        "Keep the root in its place: `ats-trust bundle` has those of AWS IoT Core.",
    ),
    "expired-certificate": Rule(
        "Nothing that this certificate vouches for is accepted any more.",
        "Replace it; for the roots of AWS use `ats-trust bundle`.",
    ),
    "retired-root": Rule(
        "This root ends no chain that AWS IoT Core sends today, and who distrusts it is right.",
        "Use the ATS endpoint and the Amazon roots: `ats-trust bundle`.",
    ),
    "root-differs": Rule(
        "It has the name of a root of AWS IoT Core but is not the certificate that is known: "
        "damaged, or made by somebody else.",
        "Delete it: `ats-trust bundle` makes a bundle of the genuine ones.",
    ),
    "unreadable-certificate": Rule(
        "A board that loads it fails, often with an error that says nothing of this file.",
        "Download or copy the file again.",
    ),
    "pem-not-readable": Rule(
        "MicroPython before 1.29 reads PEM on the ESP32 port only; elsewhere loading it raises "
        "ValueError.",
        _DER,
    ),
    "key-readable": Rule(
        "Other users of this computer can read the private key, and whoever has it is the device.",
        "chmod 600 FILE.",
    ),
    "key-in-git": Rule("Whoever sees the repository can pose as the device.", _ROTATE),
    "key-in-source": Rule(
        "A private key in source text goes wherever the source goes: repositories, backups, "
        "firmware images.",
        "Keep it in a device file (`ats-trust device create`), and make a new key if the source "
        "was shared.",
    ),
    "device-file-readable": Rule(
        "The device file holds the private key, and other users of this computer can read it.",
        "chmod 600 FILE.",
    ),
    "device-file-in-git": Rule(
        "The device file holds the private key: whoever sees the repository can pose as the "
        "device.",
        _ROTATE,
    ),
    "legacy-endpoint": Rule(
        "This endpoint without -ats answers with a chain of a retired root, which most clients "
        "refuse.",
        "Use the -ats name: `aws iot describe-endpoint --endpoint-type iot:Data-ATS`.",
    ),
    "endpoint-is-address": Rule(
        "A certificate is for a name: for an IP address nothing can be verified, and AWS changes "
        "its addresses.",
        "Use the endpoint's name.",
    ),
    "mqtt-on-443": Rule(
        "AWS takes MQTT on port 443 only with ALPN, which MicroPython does not have: the server "
        "hangs up.",
        "Use port 8883.",
    ),
    "mqtt-without-tls": Rule(
        "Port 1883 is MQTT without TLS: AWS IoT Core does not listen there, and everything would "
        "be readable on the way.",
        "Use port 8883 with `ssl=ats_trust.context(host, ...)`.",
    ),
    "aws-access-key": Rule(
        "An access key of AWS opens the account, not just one device, to whoever reads this file.",
        "Delete the key in IAM now and take it out; a device needs its certificate only.",
    ),
    "damaged-bundle": Rule(
        "A board with this bundle of trust anchors connects to nobody.",
        "Make it anew: `ats-trust bundle`.",
    ),
    "old-bundle": Rule(
        "Roots that came or went since are not in this bundle.",
        "Make it anew: `ats-trust bundle`.",
    ),
    "firmware-can-not-verify": Rule(
        "On this firmware no library can tell AWS from an impostor.",
        "Install a firmware that can: `ats-trust boards BOARD` says which.",
    ),
    "not-read": Rule(
        "What could not be read could not be checked.",
        "Mend the file, or give the audit a smaller folder.",
    ),
}
