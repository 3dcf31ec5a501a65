"""A fleet's things and certificates made at AWS directly, thing by thing.

Rules: to make a certificate is not idempotent, so that it will be asked for is in the journal, on
disk, before AWS hears of it, and it is asked once. Where an answer is not in the journal, AWS's
certificates since then are looked through by public key: one that is ours is taken, each further
one is made inactive and deleted. Everything else is idempotent and simply done again. A
certificate is inactive until thing and policy are attached to it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from ..aws import aws_failures
from ..aws_certificates import find_certificates, retire
from ..certificate_files import certificates_in
from ..errors import ToolError
from .batch import read_requests, request_of
from .certificates import Answer, accept
from .journal import Journal
from .registration import aws_attribute
from .things import Thing

AT_ONCE = 4  # Calls; AWS takes about ten certificates a second of an account.
CHUNK = 20  # Things for which certificates are asked between two looks at the disk.
WAITS = (1, 2, 4, 8, 16, 32)  # Seconds, when AWS asks to slow down.


class Account:
    """Two clients of one account. patient: tries again; once: never sends a request twice."""

    def __init__(self, patient: Any, once: Any) -> None:
        self.patient = patient
        self.once = once


def register(
    journal: Journal, account: Account, policy: str, done: Callable[[int], None]
) -> tuple[int, int]:
    """Make what is missing at AWS; return (certificates made, orphans of an earlier run).

    policy: the name of one that is there. done: called with the number of things completed.
    """
    state = journal.state
    journal.write({"policy": policy})
    with aws_failures():
        orphans = _adopt(journal, account.patient)
        made = 0
        requests = _requests(journal)
        with ThreadPoolExecutor(AT_ONCE) as calls:
            while chunk := _some(requests):
                for _ in calls.map(
                    lambda one: _thing(account.patient, state.things[one[0]]), chunk
                ):
                    pass
                names = [name for name, _ in chunk]
                journal.write({"ask": names, "at": time.time()})
                # Each answer is kept, also when a later one is a failure.
                asked = [calls.submit(_certificate, account.once, csr) for _, csr in chunk]
                failure = None
                answer = Answer()
                for name, one in zip(names, asked, strict=True):
                    try:
                        pem, answer.arns[name] = one.result()
                        answer.found[name] = ("AWS", certificates_in(pem.encode())[0])
                    except Exception as error:
                        failure = failure or error
                made += accept(journal, answer, lambda _: None)
                if failure:
                    raise failure
                _attach_all(journal, account.patient, policy, calls, names, done)
            left = [name for name in state.certificates if name in state.asked]
            left = [name for name in left if name not in state.attached]
            _attach_all(journal, account.patient, policy, calls, left, done)
    return made, orphans


def _adopt(journal: Journal, client: Any) -> int:
    """Take the certificates that AWS made without our knowing; return how many there were."""
    state = journal.state
    lost = {name: at for name, at in state.asked.items() if name not in state.certificates}
    if not lost:
        return 0
    owners = {state.keys[name]: name for name in lost}
    known = {certified.arn for certified in state.certificates.values()}
    since = datetime.fromtimestamp(min(lost.values()), UTC)
    found = find_certificates(client, owners, since, known)
    answer = Answer()
    for key, (ours, *surplus) in found.items():
        for certificate in surplus:
            retire(client, certificate)
        name = owners[key]
        answer.arns[name] = ours["certificateArn"]
        answer.found[name] = ("AWS", certificates_in(ours["certificatePem"].encode())[0])
    accept(journal, answer, lambda _: None)
    return sum(map(len, found.values()))


def _requests(journal: Journal) -> Iterator[tuple[str, str]]:
    """Yield name and CSR of each thing without a certificate."""
    state = journal.state
    for number in sorted(state.made):
        if all(name in state.certificates for name in state.batches[number]):
            continue
        for line in read_requests(journal.folder, number).splitlines():
            name, request = request_of(line)
            if name not in state.certificates:
                yield name, request


def _some(requests: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    return [one for _, one in zip(range(CHUNK), requests, strict=False)]


def _thing(client: Any, thing: Thing) -> None:
    attributes = {aws_attribute(name): value for name, value in thing.attributes}
    try:
        client.create_thing(thingName=thing.name, attributePayload={"attributes": attributes})
    except client.exceptions.ResourceAlreadyExistsException:
        raise ToolError(
            f"AWS has a thing {thing.name} already, with other attributes; delete it there, or "
            "give this one another name"
        ) from None


def _certificate(client: Any, request: str) -> tuple[str, str]:
    waits = list(WAITS)
    while True:
        try:
            made = client.create_certificate_from_csr(
                certificateSigningRequest=request, setAsActive=False
            )
            return made["certificatePem"], made["certificateArn"]
        except client.exceptions.ThrottlingException:
            # AWS has made none; any other failure leaves that open, for the next run to find out.
            if not waits:
                raise
        time.sleep(waits.pop(0))


def _attach_all(
    journal: Journal,
    client: Any,
    policy: str,
    calls: ThreadPoolExecutor,
    names: Sequence[str],
    done: Callable[[int], None],
) -> None:
    state = journal.state

    def attach(name: str) -> str:
        arn = state.certificates[name].arn
        client.attach_policy(policyName=policy, target=arn)
        client.attach_thing_principal(thingName=name, principal=arn)
        client.update_certificate(certificateId=arn.rpartition("/")[2], newStatus="ACTIVE")
        return name

    for name in calls.map(attach, names):
        journal.write({"attached": name}, flush=False)
        done(1)
    journal.flush()
