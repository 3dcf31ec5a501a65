"""Certificates at AWS IoT Core that were made for keys of ours: found again, and taken away.

Rules: a certificate is known by its public key, never by the order or the name it comes with. One
that goes is first made inactive, so that at no moment a device can use what is half taken away.
"""

from collections.abc import Container, Iterator
from datetime import datetime, timedelta
from typing import Any

from .certificate import spki_sha256
from .certificate_files import certificates_in

Description = dict[str, Any]  # As DescribeCertificate gives it.

# AWS's clock and this computer's may differ.
_CLOCKS_DIFFER = timedelta(days=1)


def find_certificates(
    iot: Any, keys: Container[str], since: datetime, known: Container[str] = ()
) -> dict[str, list[Description]]:
    """Return the usable certificates for `keys`, by key, of each an active one first.

    keys: SHA-256 of public keys. since: none was made earlier, by this computer's clock. known:
    ARNs that are not looked at.
    """
    found: dict[str, list[Description]] = {}
    for entry in _made_since(iot, since - _CLOCKS_DIFFER):
        if entry["status"] not in ("ACTIVE", "INACTIVE") or entry["certificateArn"] in known:
            continue
        answer = iot.describe_certificate(certificateId=entry["certificateId"])
        facts = answer["certificateDescription"]
        key = spki_sha256(certificates_in(facts["certificatePem"].encode())[0])
        if key in keys:
            found.setdefault(key, []).append(facts)
    for several in found.values():
        several.sort(key=lambda facts: str(facts["status"]))  # ACTIVE before INACTIVE.
    return found


def retire(iot: Any, certificate: Description) -> None:
    """Make a certificate inactive, detach all that is attached to it, and delete it."""
    identity, arn = certificate["certificateId"], certificate["certificateArn"]
    iot.update_certificate(certificateId=identity, newStatus="INACTIVE")
    for policy in every(iot, "list_attached_policies", "policies", target=arn):
        iot.detach_policy(policyName=policy["policyName"], target=arn)
    for thing in every(iot, "list_principal_things", "things", principal=arn):
        iot.detach_thing_principal(thingName=thing, principal=arn)
    iot.delete_certificate(certificateId=identity)


def every(iot: Any, operation: str, name: str, **arguments: str) -> list[Any]:
    """Return all entries of an operation that answers page by page."""
    pages = iot.get_paginator(operation).paginate(**arguments)
    return [entry for page in pages for entry in page[name]]


def _made_since(iot: Any, since: datetime) -> Iterator[dict[str, Any]]:
    """Yield AWS's certificates from the newest on; an account may have very many older ones."""
    pages = iot.get_paginator("list_certificates").paginate(ascendingOrder=False, pageSize=250)
    for page in pages:
        for entry in page["certificates"]:
            if entry["creationDate"] >= since:
                yield entry
        if page["certificates"] and page["certificates"][-1]["creationDate"] < since:
            return
