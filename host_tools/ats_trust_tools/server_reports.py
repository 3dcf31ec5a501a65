"""The chains of a live server, RSA and ECDSA, each judged as a board with this bundle would.

The one module between asking (`live_chain`) and judging (`chain_report`): what a server's answer,
or the lack of one, means for the verdict.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ats_trust.bundle import Bundle
from ats_trust.endpoint import Endpoint
from ats_trust.errors import TrustError

from .boards import Board
from .chain_report import chain_report
from .chain_verdict import LEAF_NAMES
from .live_chain import LeafKey, NoChain, Reason, fetch
from .roots import Manifest


def live_reports(
    bundle: Bundle,
    host: Endpoint,
    port: int,
    address: str | None,
    at: datetime,
    manifest: Manifest,
    board: Board | None,
) -> list[dict[str, Any]]:
    """Return a `chain_report` for each leaf key type, or what stands in its place.

    address: where to connect, if not to what DNS says. Each has "leaf_key", and "offered": whether
    a board with this bundle asks for that type.
    """
    offered = [LEAF_NAMES[leaf] for leaf in bundle.leaf_types(host.roles)]
    kinds: tuple[LeafKey, ...] = ("rsa", "ecdsa")
    reports: list[dict[str, Any]] = []
    for kind in kinds:
        try:
            chain = fetch(host.host, port, address, kind)
            reports.append(chain_report(chain, bundle, host, at, manifest, board))
        except NoChain as error:
            reports.append(_without_chain(kind, _REFUSED.get(error.reason, ""), str(error)))
        reports[-1] |= {"leaf_key": kind, "offered": kind in offered}
    return reports


def together(reports: Sequence[dict[str, Any]], handshake: str = "accepted") -> str:
    """The one answer: accepted are all chains that the board could be shown, and there is one.

    handshake: what came of one with this server.
    """
    offered = [one for one in reports if one["offered"]]
    answers = {one["answer"] for one in offered} - {"absent"} | {handshake}
    if "refused" in answers or all(one["answer"] == "absent" for one in offered):
        return "refused"
    return "accepted" if answers == {"accepted"} else "unknown"


# What a server's answer, or the lack of one, means for the verdict, as the board's code; any other
# reason tells nothing about the server.
_REFUSED = {
    Reason.NO_SUCH_LEAF: "no_shared_suite",
    Reason.TLS13_ONLY: "no_common_version",
    Reason.NOT_TLS: "not_tls",
    Reason.MALFORMED: "protocol_error",
    Reason.OVERSIZED: "chain_too_long",
}


def _without_chain(kind: str, code: str, why: str) -> dict[str, Any]:
    """What stands in a report's place where there is no chain.

    code: of the board's refusal, "" where it is not the server's fault.
    """
    answer = "absent" if code == "no_shared_suite" else "refused" if code else "unknown"
    return {
        "leaf_key": kind,
        "answer": answer,
        "error": "PeerRejected" if code else "",
        "code": code,
        "detail": why,
        "remedy": TrustError(code).remedy if code else "",
    }
