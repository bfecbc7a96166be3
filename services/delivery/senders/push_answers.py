"""Owns what a push service's answer means for one message (RFC 8030 §5, RFC 9110 §15), as one table.

Never decides what follows from it: the worker records, retries or parks.
"""

from __future__ import annotations

import email.utils

from services.delivery.senders.sender import AnswerKind

PAYLOAD_TOO_LARGE = "PUSH_PAYLOAD_TOO_LARGE"
SUBSCRIPTION_INVALID = "PUSH_SUBSCRIPTION_INVALID"
SUBSCRIPTION_GONE = "PUSH_SUBSCRIPTION_GONE"

_MAX_RETRY_AFTER = 24 * 3600.0  # seconds; a message is worth no longer wait

_MEANINGS: dict[int, tuple[AnswerKind, str]] = {
    404: (AnswerKind.RETIRED, SUBSCRIPTION_GONE),
    408: (AnswerKind.RETRY, "PUSH_REQUEST_TIMEOUT"),
    410: (AnswerKind.RETIRED, SUBSCRIPTION_GONE),
    413: (AnswerKind.REJECTED, PAYLOAD_TOO_LARGE),
    429: (AnswerKind.RETRY, "PUSH_TOO_MANY_REQUESTS"),
    501: (AnswerKind.REJECTED, "PUSH_REJECTED_501"),
    505: (AnswerKind.REJECTED, "PUSH_REJECTED_505"),
}


def meaning(status: int) -> tuple[AnswerKind, str]:
    """Kind and reason of a final status. A redirect is a refusal, since none is followed."""
    if 200 <= status < 300:
        return AnswerKind.ACCEPTED, ""
    known = _MEANINGS.get(status)
    if known is not None:
        return known
    if status >= 500:
        return AnswerKind.RETRY, "PUSH_SERVICE_UNAVAILABLE"
    return AnswerKind.REJECTED, f"PUSH_REJECTED_{status}"


def seconds_to_wait(retry_after: str, *, now: float) -> float:
    """A Retry-After value as seconds from `now` (RFC 9110 §10.2.3): a number or a date; 0 where it is neither."""
    value = retry_after.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), _MAX_RETRY_AFTER)
    try:
        at = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(at - now, 0.0), _MAX_RETRY_AFTER)
