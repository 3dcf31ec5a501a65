"""Is this certificate fit to be a trust anchor of the user's own? If not, why, and what instead.

Pure: certificate, known roots and time come in. Rules: what would be useless on a board, or would
make it trust more than the user thinks, is refused here, on the host, where it can be explained.
The order of the checks is the order of how much they explain.
"""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from .bundle import Anchor
from .certificate import CURVES, Fields, fields, key_name, load, signed_by
from .describe import is_ca
from .errors import ToolError
from .roots import Manifest

MIN_RSA_BITS = 2048


def own_anchor(certificate: bytes, manifest: Manifest, now: datetime) -> tuple[Anchor, list[str]]:
    """Return a user's own CA as an anchor for custom names, and what to warn of.

    An own CA may sign servers of either key type. Raises ToolError with the reason, and with what
    to use instead, when the certificate is unfit.
    """
    parts = fields(certificate)
    view = load(certificate)
    _refuse_amazon(certificate, parts, view, manifest)
    _refuse_not_root(parts, view)
    _refuse_weak(view)
    _refuse_not_ca(certificate, view)
    if now > parts.not_after:
        raise ToolError(
            f"it expired on {parts.not_after:%Y-%m-%d}; no board would accept anything below it"
        )
    if now < parts.not_before:
        raise ToolError(f"it is not valid before {parts.not_before:%Y-%m-%d %H:%M} UTC")
    anchor = Anchor(certificate, frozenset({"rsa", "ecdsa"}), frozenset({"own"}))
    return anchor, _lost_limits(view)


def name_of(name: x509.Name) -> str:
    """Return how people call the holder of a name: its CN, else all of it."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[-1].value) if common else name.rfc4514_string()


def _refuse_amazon(
    certificate: bytes, parts: Fields, view: x509.Certificate, manifest: Manifest
) -> None:
    root = manifest.by_key(parts.key_sha256)
    if root:
        twin = "" if parts.self_issued else " (its cross-signed twin, the same trust anchor)"
        raise ToolError(
            f"it is {root.title}{twin}; an own CA never answers for AWS names, so take it with "
            f"--roots {root.name}"
        )
    intermediate = manifest.intermediate(parts.key_sha256)
    if intermediate:
        raise ToolError(
            f"it is {intermediate.name}, whatever the file is called: an intermediate, which AWS "
            f"replaces without notice; use {_instead(intermediate.root)}"
        )
    namesake = manifest.namesake(certificate)
    if namesake:
        raise ToolError(
            f"it has the name of {namesake.title} but another key: it is not that root, and must "
            f"not pass for it; the real one is --roots {namesake.name}"
        )
    organizations = view.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if not parts.self_issued and any(o.value == "Amazon" for o in organizations):
        issuer = manifest.by_subject(parts.issuer)
        raise ToolError(
            f"it is {name_of(view.subject)}, an intermediate of Amazon, which AWS replaces "
            f"without notice; use {_instead(issuer.name if issuer else '')}"
        )


def _instead(root: str) -> str:
    return f"--roots {root}" if root else "the Amazon roots, which a bundle has by default"


def _refuse_not_root(parts: Fields, view: x509.Certificate) -> None:
    if len(list(view.subject)) == 0:
        raise ToolError(
            "it has no subject, and an anchor is found by its name; make a CA with one"
        )
    if parts.self_issued:
        return
    if parts.version == 1 and len(list(view.issuer)) == 1 and name_of(view.issuer) == "-":
        raise ToolError(
            "it is an anchor that was trimmed already, so nothing of it can be checked any more; "
            "give the CA's full certificate"
        )
    kind = "an intermediate CA" if is_ca(view) else "the certificate of one server or device"
    raise ToolError(
        f"it is {kind}, signed by {name_of(view.issuer)}; give the self-signed root at the top of "
        "that chain, so that the certificates below it can be renewed"
    )


def _refuse_not_ca(certificate: bytes, view: x509.Certificate) -> None:
    if not is_ca(view):
        raise ToolError(
            "it does not say that it is a CA (basicConstraints CA:TRUE), so it is a self-signed "
            "server certificate; make a CA, sign the server's certificate with it, and give the CA"
        )
    try:
        usage = view.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.key_cert_sign:
            raise ToolError("its keyUsage does not let it sign certificates; make the CA again")
    except x509.ExtensionNotFound:
        pass
    if not signed_by(certificate, view.public_key()):
        raise ToolError("its self-signature is wrong: the file is damaged or was tampered with")


def _refuse_weak(view: x509.Certificate) -> None:
    key = view.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise ToolError(
                f"its key is RSA {key.key_size}; boards refuse RSA below {MIN_RSA_BITS} bits, "
                "and so should you"
            )
    elif not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise ToolError(
            f"its key is {key_name(key)}; boards can check RSA and EC on P-256, P-384 and P-521"
        )


def _lost_limits(view: x509.Certificate) -> list[str]:
    """Limits that a root states about itself are not part of a trust anchor (RFC 5280, 6.1.1)."""
    lost = []
    for extension in view.extensions:
        value = extension.value
        if isinstance(value, x509.NameConstraints):
            lost.append("its name constraints do not bind a trust anchor and are not kept")
        elif isinstance(value, x509.BasicConstraints) and value.path_length is not None:
            lost.append(
                f"its path length of {value.path_length} does not bind a trust anchor and is not "
                "kept"
            )
        elif isinstance(value, x509.ExtendedKeyUsage):
            lost.append("its extended key usage does not bind a trust anchor and is not kept")
    return lost
