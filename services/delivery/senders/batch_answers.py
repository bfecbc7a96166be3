"""Owns what the answer of a project's own endpoint means for the recipients of a call.

Never decides what follows from it: the worker records, retries or parks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from services.delivery.senders.sender import AnswerKind

Meaning = tuple[AnswerKind, str]  # kind and reason

ACCEPTED: Meaning = (AnswerKind.ACCEPTED, "")
_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")

_MEANINGS: Mapping[int, Meaning] = {
    401: (AnswerKind.RETRY, "HTTP_NOT_AUTHORIZED"),  # the account's secret, not the recipients: it may be mended
    403: (AnswerKind.RETRY, "HTTP_NOT_AUTHORIZED"),
    408: (AnswerKind.RETRY, "HTTP_REQUEST_TIMEOUT"),
    429: (AnswerKind.RETRY, "HTTP_TOO_MANY_REQUESTS"),
    501: (AnswerKind.REJECTED, "HTTP_REJECTED_501"),
    505: (AnswerKind.REJECTED, "HTTP_REJECTED_505"),
}
_STATUSES: Mapping[str, tuple[AnswerKind, str]] = {
    "rejected": (AnswerKind.REJECTED, "HTTP_RECIPIENT_REJECTED"),
    "retry": (AnswerKind.RETRY, "HTTP_RECIPIENT_NOT_NOW"),
}


def meaning(status: int) -> Meaning:
    """Of a final status, for all recipients that the answer does not name. Redirects are refusals: none is followed."""
    if 200 <= status < 300:
        return ACCEPTED
    known = _MEANINGS.get(status)
    if known is not None:
        return known
    if status >= 500:
        return AnswerKind.RETRY, "HTTP_ENDPOINT_UNAVAILABLE"
    if 300 <= status < 400:
        return AnswerKind.REJECTED, "HTTP_REDIRECT_REFUSED"
    return AnswerKind.REJECTED, f"HTTP_REJECTED_{status}"


def exceptions(body: bytes) -> dict[str, Meaning]:
    """key → what became of it, of the recipients that a 2xx answer does not accept. Empty for what cannot be read."""
    if not body.lstrip(b" \t\r\n").startswith(b"{"):
        return {}
    try:
        results: Any = json.loads(body).get("results")
    except (ValueError, RecursionError):
        return {}
    found: dict[str, Meaning] = {}
    for item in results if isinstance(results, list) else ():
        if not isinstance(item, dict) or not isinstance(item.get("key"), str):
            continue
        known = _STATUSES.get(item.get("status", "")) if isinstance(item.get("status"), str) else None
        if known is None:
            found.pop(item["key"], None)
        else:
            found[item["key"]] = (known[0], _reason(item.get("reason"), known[1]))
    return found


def _reason(given: Any, otherwise: str) -> str:
    return given if isinstance(given, str) and _REASON.fullmatch(given) else otherwise
