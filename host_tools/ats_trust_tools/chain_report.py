"""What there is to say about a chain beside the verdict: until when, what it costs, what is spare.

Pure: certificates, bundle, board and time come in; what comes out is ready to become JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ats_trust.bundle import Bundle
from ats_trust.der import DerError
from ats_trust.endpoint import Endpoint

from .boards import Board
from .certificate import fields, key_name, load
from .chain_verdict import (
    RECORD,
    Verdict,
    judge_chain,
    leaf_key,
    message_size,
    verifier_objects,
)
from .describe import certificate_facts
from .errors import ToolError
from .heap_model import HANDSHAKE, anchor_heap
from .inspect_file import signer
from .printable import printable
from .roots import Manifest, Root


def chain_report(
    chain: Sequence[bytes],
    bundle: Bundle,
    host: Endpoint,
    at: datetime,
    manifest: Manifest,
    board: Board | None,
) -> dict[str, Any]:
    """Judge a chain and return all there is to say about it; see docs/check.md for the keys.

    chain: DER, the server's certificate first. at: the board's clock. board: None where only a
    bundle is known.
    """
    verdict = judge_chain(chain, bundle, host, at, manifest)
    kind = leaf_key(chain)
    answer: dict[str, Any] = {
        "leaf_key": kind,
        "answer": verdict.answer,
        "error": verdict.error,
        "code": verdict.code,
        "detail": verdict.detail,
        "remedy": verdict.remedy,
        "verifier": verdict.verifier,
        "message_bytes": message_size(chain),
        "record_bytes": RECORD,
    }
    presented = list(chain)
    try:
        path_ends = _ends(verdict, manifest) if verdict.path else []
        last = min(path_ends, key=lambda one: one["when"], default=None)
        until = last if verdict.answer == "accepted" else None
        return answer | {
            "accepted_until": until and until["when"],
            "ends_first": until and until["what"],
            "certificates": [
                certificate_facts(one, manifest, at)
                | {
                    "signed_by": f"the bundle's {_title(verdict.path[-1], manifest)}"
                    if one in verdict.path[-2:-1]
                    else signer(one, presented, number, manifest),
                    "on_the_path": one in verdict.path,
                }
                for number, one in enumerate(presented)
            ],
            "ends": sorted(path_ends + _outlook(verdict, manifest), key=lambda one: one["when"]),
            "anchors": _anchors(chain, verdict, bundle, host, at, manifest),
            "heap": _heap(kind, board),
        }
    except (ToolError, DerError) as error:
        # Of a certificate that can not be shown. What the board says of it stands.
        if verdict.answer != "refused":
            why = error.detail if isinstance(error, DerError) else error
            answer |= {"answer": "unknown", "verifier": verdict.verifier or printable(why)}
        return answer


def _ends(verdict: Verdict, manifest: Manifest) -> list[dict[str, str]]:
    """When each certificate of the path ends, and what has to happen by then."""
    *sent, anchor = verdict.path
    found = []
    for number, certificate in enumerate(sent):
        what = "the server's certificate" if not number else f"intermediate {_name(certificate)}"
        found.append(_end(what, certificate, "its operator renews it; nothing to do on the board"))
    what = f"root {_title(anchor, manifest)}"
    found.append(_end(what, anchor, "a bundle with a newer root has to be on the board"))
    return found


def _end(what: str, certificate: bytes, then: str) -> dict[str, str]:
    return {"what": what, "when": _iso(fields(certificate).not_after), "then": then}


def _outlook(verdict: Verdict, manifest: Manifest) -> list[dict[str, str]]:
    """When browsers turn away from the root: ends nothing by itself, but servers will move."""
    root = _root(verdict.path[-1], manifest) if verdict.path else None
    if not root:
        return []
    return [
        {
            "what": f"browsers stop trusting {root.title}",
            "when": f"{root.browsers_until:%Y-%m-%dT00:00:00Z}",
            "then": "a board does not ask browsers, but AWS may have moved to another root",
        }
    ]


def _anchors(
    chain: Sequence[bytes],
    verdict: Verdict,
    bundle: Bundle,
    host: Endpoint,
    at: datetime,
    manifest: Manifest,
) -> list[dict[str, Any]]:
    """Each anchor of the bundle, and what it is to this chain."""
    entries = bundle.anchors()
    serving = [
        bool(use & host.roles)
        and verdict.answer == "accepted"
        and not verifier_objects(chain, [data], host, at, manifest)
        for use, data in entries
    ]
    found = []
    for (use, data), serves in zip(entries, serving, strict=True):
        if not use & host.roles:
            role = "for other endpoints"
        elif verdict.path and data == verdict.path[-1]:
            role = "needed" if sum(serving) == 1 else "in use"
        else:
            role = "could serve instead" if serves else "spare for this chain"
        found.append(
            {
                "name": _title(data, manifest),
                "key": key_name(load(data).public_key()),
                "role": role if verdict.answer == "accepted" else "",
                "bytes": len(data),
                "heap_bytes": anchor_heap(data),
            }
        )
    return found


def _heap(kind: str | None, board: Board | None) -> dict[str, Any] | None:
    """What a handshake takes of the board's heap, and where the figures are from."""
    if not board or not kind:
        return None
    on_python_heap = board.value("tls_memory") == "Python heap"
    free = board.facts.get("free_heap")
    return {
        "needed": HANDSHAKE[kind] if on_python_heap else None,
        "needed_how": "measured on an emulated RP2040, in one piece"
        if on_python_heap
        else "not measured on this port, whose TLS has the system's heap",
        "free": free.value if free else None,
        "free_how": free.how if free else "not known",
    }


def _root(certificate: bytes, manifest: Manifest) -> Root | None:
    return manifest.by_key(fields(certificate).key_sha256)


def _title(certificate: bytes, manifest: Manifest) -> str:
    root = _root(certificate, manifest)
    return root.title if root else _name(certificate)


def _name(certificate: bytes) -> str:
    return load(certificate).subject.rfc4514_string()


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
