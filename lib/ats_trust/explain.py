"""After a refusal: which error it is, and what to do about it. Imported only then.

Decided by type, stage and what was seen of the server, never by a library's text: texts differ by
release, and one of them stands for a wrong root, a missing intermediate and lack of memory alike.
Rule: a lack of memory is never reported as the server's fault.
"""

from .bundle import name_keys
from .der import DerError
from .errors import ClientRefused, HeapError, PeerRejected, TrustError

# Mbed TLS's error numbers (mbedtls/error.h of 3.6). A number is the sum of a high part, by module,
# and a low one below 0x80. First: no memory, in its various modules.
_NO_MEMORY = (-0x2880, -0x3F80, -0x4D80, -0x5180, -0x6180, -0x7F00)
_NO_MEMORY_LOW = (0x10, 0x6A)
_X509_EXTENSIONS = -0x2500
_X509 = (-0x2F80, -0x2080)
_CONNECTION_EOF = -0x7280
_EPIPE = 32
_ECONNRESET = 104

# What to do, by code. The keys are all the codes there are.
_REMEDIES = {
    "bad_call": "Correct the call.",
    "bad_endpoint": "Pass the bare host name that 'aws iot describe-endpoint --endpoint-type"
    " iot:Data-ATS' prints, and the same name to the MQTT client.",
    "bad_credentials": "Use the certificate and key files that AWS gave you for this device, or"
    " make the blob again with 'ats-trust device create'.",
    "bad_pin": "Give the SHA-256 of a SubjectPublicKeyInfo, as 'ats-trust roots show' prints it.",
    "whole_certificate_pin": "A hash of a whole certificate fails as soon as the same key comes in"
    " another certificate, as Amazon's cross-signed roots do. Pin the SHA-256 of the"
    " SubjectPublicKeyInfo instead; 'ats-trust roots show' prints it.",
    "no_verification": "This firmware's TLS can not authenticate a server. Use a board whose port"
    " has Mbed TLS, with MicroPython 1.24 or newer.",
    "bundle_missing": "Install the roots: 'mpremote mip install ./package.json', or pass bundle=.",
    "bundle_damaged": "Copy the bundle to the board again, or make one with 'ats-trust bundle'.",
    "bundle_useless": "Make a bundle for this endpoint: 'ats-trust bundle --endpoint HOST'.",
    "clock_wrong": "Set the clock, for example with ats_trust.set_clock() once the network is up."
    " If the date is right, install a newer bundle.",
    "heap": "Free memory before connecting, or connect early after boot. This says nothing about"
    " the server.",
    "unknown_issuer": "Whoever answered is not AWS IoT Core as far as this bundle knows: look for"
    " a proxy or captive portal and check the host name. If AWS moved to a new root, install a"
    " newer bundle; for an own CA use 'ats-trust bundle --ca'.",
    "missing_intermediate": "The server has to send its intermediate certificates; AWS IoT Core"
    " does. If this is your own server, configure its full chain.",
    "bad_intermediate": "An intermediate certificate is not allowed to sign others, or did not"
    " sign this one. Do not use this server.",
    "bad_signature": "A certificate names a trusted issuer whose key did not sign it. Treat this"
    " as an attack.",
    "expired": "If the board's clock is right, the server's operator must renew the certificate.",
    "not_yet_valid": "Check the board's clock first: ats_trust.set_clock().",
    "name_mismatch": "The server has a good certificate, but for another name. Check the"
    " endpoint's name; do not connect by an alias.",
    "name_not_in_san": "The server's operator has to put the name in subjectAltName.",
    "name_constraint": "An intermediate vouched for a name it may not vouch for. Treat this as an"
    " attack.",
    "weak_key": "The server's operator must use RSA of 2048 bits or more, P-256, P-384 or P-521.",
    "weak_signature": "The server's operator has to use SHA-256 or better with RSA or ECDSA.",
    "wrong_usage": "The certificate was issued for another purpose. Do not use this server.",
    "pin_mismatch": "The chain has none of the pinned keys. If the operator changed keys, change"
    " the pins; else treat this as an attack.",
    "key_not_proven": "The server showed a certificate without having its private key. Treat this"
    " as an attack.",
    "malformed": "A certificate can not be decoded. Do not use this server.",
    "unsupported_extension": "A certificate has a critical extension that this TLS does not know,"
    " such as name constraints; it has to be refused.",
    "chain_too_long": "A board reads at most 16 KB of certificates. Do not use this server.",
    "not_tls": "What answers there does not speak TLS: check the port (8883) and look for a"
    " captive portal.",
    "no_shared_suite": "The server has no certificate of a key type that this bundle's roots can"
    " authenticate, or none of ECDHE with AES-GCM. Use a bundle with RSA and ECDSA roots.",
    "no_common_version": "The server refuses TLS 1.2, the only version that MicroPython has. In"
    " AWS choose a security policy that allows TLS 1.2.",
    "protocol_error": "The server does not keep to TLS. Look for something between you and it.",
    "internal": "A fault in this library; the connection was refused. Please report it.",
    "client_refused": "The server is the right one; it refuses this device. In AWS IoT check that"
    " the certificate is active, that a policy is attached and allows iot:Connect for this client"
    " id, that no other device uses the same id, and that the endpoint is of the same account.",
}


def remedy(code):
    """Return what to do about a TrustError with this code, or ""."""
    return _REMEDIES.get(code, "")


def explain(error, flight, judge, refusals, find):
    """Return the error to raise for a handshake that ended in `error`.

    error: the exception. flight: the Flight. judge: the Judge. refusals: list of exceptions that
    the verify_callback refused with. find: callable, list of name keys -> list of anchors (DER).
    A TrustError, or an OSError if the network failed before the server was found wanting.
    """
    stage = "handshake" if judge.accepted else "certificate" if flight.chain else "hello"
    code = error.args[0] if isinstance(error, OSError) and error.args else 0
    code = code if isinstance(code, int) else 0
    for cause in refusals + [flight.fault, error]:
        # RuntimeError: the stack was too deep already when the program called.
        if isinstance(cause, (MemoryError, RuntimeError)) or _is_no_memory(code):
            return _heap(stage)
        if isinstance(cause, DerError):
            return PeerRejected("malformed", cause.detail, stage)
        if isinstance(cause, TrustError):
            if cause.code != "unknown_issuer":
                return cause
        elif cause and (cause is not error or not isinstance(cause, (OSError, ValueError))):
            # Those two come from the TLS; from our own code each would be a bug.
            return PeerRejected("internal", repr(cause), stage)
    if code < -255 and not refusals and flight.chain and _scarce(judge):
        return _heap(stage)
    if isinstance(error, OSError) and (code > -256 or code == _CONNECTION_EOF):
        network = flight.error or (OSError(_ECONNRESET) if flight.eof else None)
    else:
        network = None
    if judge.accepted:
        if not isinstance(error, OSError):
            return _below_root(judge)
        return _after_chain(flight, judge, code, network)
    if flight.not_tls:
        return PeerRejected("not_tls", "it began with " + repr(flight.not_tls), stage)
    if flight.alert == 80:
        return OSError(_ECONNRESET)  # internal_error: the server's passing trouble.
    if flight.alert is not None:
        kind = {40: "no_shared_suite", 70: "no_common_version"}.get(flight.alert, "protocol_error")
        return PeerRejected(kind, "alert %d" % flight.alert, stage)
    if network:
        return network
    if flight.oversized:
        return PeerRejected("chain_too_long", "%d bytes" % flight.oversized, stage)
    if not flight.chain:
        return PeerRejected("protocol_error", "error %d" % code, stage)
    if judge.lowest is None and code:
        high = -(-code & 0x7F80)
        if high == _X509_EXTENSIONS:
            return PeerRejected("unsupported_extension", "error %d" % code, stage)
        if _X509[0] <= high <= _X509[1]:
            return PeerRejected("malformed", "error %d" % code, stage)
        if code != -0x7680:  # Not for want of a trust anchor.
            return PeerRejected("protocol_error", "error %d" % code, stage)
    return _untrusted(flight, judge, find)


def _is_no_memory(code):
    """Return whether an OSError with this number means that memory ran out."""
    if isinstance(code, int) and code < -255:
        return -(-code & 0x7F80) in _NO_MEMORY or -code & 0x7F in _NO_MEMORY_LOW
    return code in (12, 16, -16)


def _heap(stage):
    return HeapError("heap", "during the handshake", stage)


def _scarce(judge):
    return judge.ample is False


def _after_chain(flight, judge, code, network):
    """The chain was accepted, yet the handshake did not end."""
    said = flight.alert is not None
    if said and _scarce(judge):
        return _heap("handshake")
    hung_up = flight.eof or network and network.args[0] in (_EPIPE, _ECONNRESET)
    if flight.answered and (said or flight.asked and hung_up):
        detail = "alert %d" % flight.alert if said else "it hung up"
        if flight.asked:
            detail += " after it had asked for a certificate"
        return ClientRefused("client_refused", detail, "handshake")
    if network:
        return network
    if code < -255 and not flight.answered and not said:
        return PeerRejected("key_not_proven", "error %d" % code, "handshake")
    return PeerRejected("protocol_error", "error %d" % code, "handshake")


def _below_root(judge):
    """Mbed TLS refused a chain that leads to its root: for a signature, or for want of memory.

    It follows names up to the root even where it could not verify a signature on the way.
    """
    from .signature import check
    from .x509 import key

    links = judge.links
    for above, link in zip(links, links[1:]):
        verdict = check(key(above[4], 0, len(above[4])), *link[1:4])
        if verdict is False or verdict is None and not _scarce(judge):
            return PeerRejected("bad_signature", "below the root", "certificate")
    return _heap("certificate")


def _untrusted(flight, judge, find):
    """The chain does not end in an anchor: whose fault is it?"""
    chain = flight.chain
    fits = find(chain)
    if fits:
        from .signature import check
        from .x509 import Certificate

        forged = False
        for anchor in fits:
            anchor = Certificate(anchor)
            name = name_keys(anchor.data)[8:]
            for link in judge.links:
                if link[0][:8] == name:
                    verdict = check(anchor.key(), *link[1:4])
                    if verdict or verdict is None and _scarce(judge):
                        return _heap("certificate")
                    forged = True
        if forged:
            return PeerRejected("bad_signature", "not by the root it names", "certificate")
    # The issuer at which the way up broke off: that of the highest certificate that was reached.
    issuer = (judge.links[0][0] if fits and judge.links else chain)[:8]
    subjects = [chain[at : at + 8] for at in range(8, len(chain), 16)]
    if issuer not in subjects and not find(issuer):
        detail = "the issuer of a certificate was not sent (%d were)" % len(subjects)
        return PeerRejected("missing_intermediate", detail, "certificate")
    if not fits:
        detail = "none of the %d issuers is in the bundle" % len(subjects)
        if chain == b"".join([key + key for key in subjects]):
            detail = "a self-signed certificate"
        return PeerRejected("unknown_issuer", detail, "certificate")
    # An anchor would fit, but the way up to it broke off before.
    if _scarce(judge):
        return _heap("certificate")
    return PeerRejected("bad_intermediate", "the chain breaks below the root", "certificate")
