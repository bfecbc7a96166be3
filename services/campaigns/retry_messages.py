"""Owns reading which messages a retry is for, from the names and words of its request.

Never looks a message up: which of them ended so, delivery knows.
"""

from __future__ import annotations

import re
from collections.abc import Set

from carillon.campaigns.v1.campaigns_service_pb2 import RetryMessagesRequest
from carillon.delivery.v1.delivery_pb2 import MESSAGE_STATE_FAILED, MESSAGE_STATE_UNKNOWN
from carillon.events.v1.campaign_lifecycle_pb2 import RetryOf

from services import names
from services.campaigns.domain.campaign import Campaign
from services.runtime.errors import Invalid, NotFound

STATES = frozenset({MESSAGE_STATE_FAILED, MESSAGE_STATE_UNKNOWN})
MAX_REASONS = 100
MAX_MESSAGES = 1000
REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
PLACE = re.compile(r"(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,8})")  # batch and position


def retry_from(request: RetryMessagesRequest, *, campaign: Campaign, runs: Set[bytes]) -> RetryOf:
    """What the run is told. Raises Invalid or, for what is no message of these runs of the campaign, NotFound."""
    if not request.states:
        raise Invalid("FIELD_REQUIRED", "Say which messages, by their states.", field="states")
    for index, state in enumerate(request.states):
        if state not in STATES:
            message = "Only FAILED and UNKNOWN messages are sent again."
            raise Invalid("STATE_NOT_RETRYABLE", message, field=f"states[{index}]")
    if len(request.reasons) > MAX_REASONS:
        raise Invalid("TOO_MANY_REASONS", f"At most {MAX_REASONS} reasons.", field="reasons")
    for index, reason in enumerate(request.reasons):
        if not REASON.fullmatch(reason):
            raise Invalid("REASON_INVALID", "A reason is UPPER_SNAKE.", field=f"reasons[{index}]")
    if len(request.messages) > MAX_MESSAGES:
        raise Invalid("TOO_MANY_MESSAGES", f"At most {MAX_MESSAGES} messages.", field="messages")
    places = [
        _place(name, campaign=campaign, runs=runs, field=f"messages[{index}]")
        for index, name in enumerate(request.messages)
    ]
    return RetryOf(
        states=sorted(set(request.states)), reasons=sorted(set(request.reasons)), messages=sorted(set(places))
    )


def _place(name: str, *, campaign: Campaign, runs: Set[bytes], field: str) -> bytes:
    """`run`, 12 bytes, `batch` and `position`, 4 bytes each."""
    above, _, last = name.rpartition("/messages/")
    place = PLACE.fullmatch(last)
    if place is None:
        raise _no_message(field)
    try:
        owner, its_campaign, run = names.split(above, "projects", "campaigns", "runs", field=field)
    except NotFound as error:
        raise _no_message(field) from error
    if owner not in (None, campaign.project) or its_campaign != campaign.id or run not in runs:
        raise _no_message(field)
    assert run is not None
    return run + int(place[1]).to_bytes(4) + int(place[2]).to_bytes(4)


def _no_message(field: str) -> NotFound:
    return NotFound("MESSAGE_NOT_FOUND", "There is no such message of this campaign.", field=field)
