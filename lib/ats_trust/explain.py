"""After a refusal: which error it is. Imported only then.

Decided by type, stage and what was seen of the server, never by a library's text: texts differ by
release, and one of them stands for a wrong root, a missing intermediate and lack of memory alike.
Rule: a lack of memory is never reported as the server's fault.
"""

from .bundle import LEAF_RSA, name_keys
from .endpoint import ROLE_LEGACY
from .errors import ClientRefused, HeapError, PeerRejected, TrustError
from .x509 import Certificate, key

# The bundle.name_key of VeriSign Class 3 Public Primary Certification Authority - G5, the root of
# AWS's legacy endpoints.
_VERISIGN = b"\x9e\xbb\x48\xdd\xf9\xe4\x15\x5f"


def explain(error, flight, judge, refusals, context):
    """Return the error to raise for a handshake that ended in `error`.

    error: the exception. flight: the Flight. judge: the Judge. refusals: list of exceptions that
    the verify_callback refused with. context: the TrustedContext.
    A TrustError, or an OSError if the network failed before the server was found wanting.
    """
    stage = "handshake" if judge.accepted else "certificate" if flight.chain else "hello"
    broken = isinstance(error, OSError)
    code = error.args[0] if broken and error.args else 0
    code = code if isinstance(code, int) else 0
    # Mbed TLS's numbers (mbedtls/error.h of 3.6) are negative: the sum of a high part, by module,
    # and a low one below 0x80. Where memory ran out, one of the two says so.
    high = -code & 0x7F80 if code < -255 else 0
    if (
        high in (0x2880, 0x3F80, 0x4D80, 0x5180, 0x6180, 0x7F00)
        or (high and -code & 0x7F in (0x10, 0x6A))
        or code in (12, 16, -16)
    ):
        return _heap(stage)
    for cause in refusals + [flight.fault, error]:
        # RuntimeError: the stack was too deep already when the program called.
        if isinstance(cause, (MemoryError, RuntimeError)):
            return _heap(stage)
        if isinstance(cause, TrustError):
            if cause.code == "malformed":  # A DerError.
                return PeerRejected("malformed", cause.detail, stage)
            if cause.code != "unknown_issuer":
                return cause
        elif cause and (cause is not error or not broken and not isinstance(error, ValueError)):
            # The TLS raises those two; from our own code each would be a bug.
            return PeerRejected("internal", repr(cause), stage)
    scarce = judge.ample is False
    if high and not refusals and flight.chain and scarce:
        return _heap(stage)
    network = None
    if broken and (not high or code == -0x7280):  # An errno, or the end of the connection.
        network = flight.error or flight.eof and OSError(104)  # ECONNRESET
    alert = flight.alert
    said = alert is not None
    kind = "protocol_error"
    detail = "alert %d" % alert if said else "error %d" % code
    if judge.accepted:
        if not broken:
            # Mbed TLS refused a chain that leads to its root: for a signature, or for want of
            # memory. It follows names up even where it could not verify a signature on the way.
            stage = "certificate"
            for above, link in zip(judge.links, judge.links[1:]):
                if not _signed(key(above[4], 0, len(above[4])), link, scarce):
                    return PeerRejected("bad_signature", "below the root", stage)
            return _heap(stage)
        if said and scarce:
            return _heap(stage)
        hung_up = flight.eof or network and network.args[0] in (32, 104)  # EPIPE, ECONNRESET
        if flight.answered and (said or flight.asked and hung_up):
            if not said:
                detail = "it hung up"
            if flight.asked:
                detail += " after it had asked for a certificate"
            return ClientRefused("client_refused", detail, stage)
        if network:
            return network
        # Records and messages out of place are no proof of anything (-0x7200, -0x7700).
        if high not in (0, 0x7200, 0x7700) and not flight.answered and not said:
            kind = "key_not_proven"
    elif flight.not_tls:
        kind = "not_tls"
        detail = "it began with " + repr(flight.not_tls)
        if flight.not_tls[:4].upper() in (b"HTTP", b"<HTM", b"<!DO"):
            detail = "a web server answered, as of a captive portal or proxy: " + detail
    elif said:
        if alert == 80:
            return OSError(104)  # internal_error: the server's passing trouble.
        kind = {40: "no_shared_suite", 70: "no_common_version"}.get(alert, kind)
        if alert == 40:
            types = context._bundle.leaf_types(context._roles)
            detail += ", offered: " + " and ".join(
                ["RSA" if leaf == LEAF_RSA else "ECDSA" for leaf in types]
            )
            if len(types) == 1:
                other = "ECDSA" if types[0] == LEAF_RSA else "RSA"
                detail += " alone, as the bundle has no root for " + other
    elif network:
        return network
    elif flight.oversized:
        kind = "chain_too_long"
        detail = "%d bytes" % flight.oversized
    elif not flight.chain:
        pass
    elif judge.lowest is None and code not in (0, -0x7680):  # That is for want of a trust anchor.
        # Mbed TLS 3.6, x509_crt.c: a critical extension that it does not know, or can not check.
        # Both also stand for a few that are wrongly encoded.
        if code in (-0x2562, -0x2080):
            kind = "unsupported_extension"
            detail += ": critical name constraints, or another critical extension"
        elif high in (0x2300, 0x2600):  # RSA-PSS; an algorithm that it does not know.
            kind = "weak_signature"
        elif high == 0x2580:
            kind = "bad_certificate"
            detail = "an unknown version"
        elif 0x2080 <= high <= 0x2F80:  # Of its X.509 module.
            kind = "malformed"
        elif 0x3A00 <= high <= 0x3D00 or 0x4C80 <= high <= 0x4F80:
            # Of its modules for keys: curve, numbers or kind; a point off its curve.
            kind = "weak_key"
    else:
        kind, detail = _untrusted(flight.chain, judge.links, context, scarce)
        if kind == "heap":
            return _heap(stage)
    return PeerRejected(kind, detail, stage)


def _heap(stage):
    return HeapError("heap", "during the handshake", stage)


def _signed(key, link, scarce):
    """Return whether the signature is good, or was not to be verified for want of memory."""
    from .signature import check

    verdict = check(key, *link[1:4])
    return scarce if verdict is None else verdict


def _untrusted(chain, links, context, scarce):
    """The chain does not end in an anchor: whose fault is it? Returns code and detail."""
    fits = context._find(chain)
    forged = False
    for anchor in fits:
        anchor = Certificate(anchor)
        for link in links:
            if link[0][:8] == name_keys(anchor.data)[8:]:
                if _signed(anchor.key(), link, scarce):
                    return "heap", ""
                forged = True
    if forged:
        return "bad_signature", "not by the root it names"
    # The issuer at which the way up broke off: that of the highest certificate that was reached.
    issuer = (links[0][0] if fits and links else chain)[:8]
    issuers = [chain[at : at + 8] for at in range(0, len(chain), 16)]
    subjects = [chain[at : at + 8] for at in range(8, len(chain), 16)]
    legacy = context._bundle.find(chain, ROLE_LEGACY) or _VERISIGN in issuers + subjects
    if not fits and legacy:
        return "legacy_endpoint", "its chain leads to a root of legacy endpoints"
    if issuer not in subjects and not context._find(issuer):
        # Not all may have been kept of a chain that is very long.
        which = issuers.index(issuer) + 1 if issuer in issuers else 0
        return "missing_intermediate", (
            "certificate %d of %d names an issuer that was neither sent nor is in the bundle"
            % (which, len(issuers))
        )
    if not fits:
        detail = "none of the %d issuers is in the bundle" % len(issuers)
        held = 0
        for use in context._bundle.uses:
            held |= use
        if context._roles & ~held & ROLE_LEGACY:
            return "legacy_endpoint", detail + ", nor a root of legacy endpoints"
        if chain == b"".join([key + key for key in subjects]):
            detail = "a self-signed certificate"
        return "unknown_issuer", detail
    # An anchor would fit, but the way up to it broke off before. Mbed TLS looks for an issuer only
    # among the certificates that follow.
    if issuer in issuers and issuer in subjects[: issuers.index(issuer)]:
        return "missing_intermediate", "the certificates were sent in a wrong order"
    return "heap" if scarce else "bad_intermediate", "the chain breaks below the root"
