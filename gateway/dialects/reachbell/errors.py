"""Owns how ReachBell says no: `{"error": {"code", "message", "field", "requestId"}}`, in its own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from carillon.campaigns.v1.campaigns_pb2 import Campaign

from gateway.core_errors import CoreError
from gateway.dialects.reachbell.states import WORDS
from gateway.refusal import Reply

LONGEST_MESSAGE = 500
LONGEST_FIELD = 200

# Reasons of the core and the door whose words are not ReachBell's; every other reason is its own code.
CODES: Mapping[str, str] = {
    "AUDIENCE_REQUIRED": "segment_required",
    "CHANNELS_REQUIRED": "request_invalid",
    "CHANNEL_INVALID": "request_invalid",
    "DISPLAY_NAME_INVALID": "name_invalid",
    "UNKNOWN_ATTRIBUTE": "filter_unknown",
    "ATTRIBUTE_REQUIRED": "filter_invalid",
    "FILTER_TOO_LARGE": "filter_invalid",
    "FILTER_TOO_DEEP": "filter_invalid",
    "FILTER_TOO_WIDE": "filter_invalid",
    "VALUES_OUT_OF_RANGE": "filter_invalid",
    "NUL_REFUSED": "text_invalid",
    "REQUEST_UNDECODABLE": "request_invalid",
    "PEER_UNAVAILABLE": "unavailable",
    "DATABASE_UNAVAILABLE": "unavailable",
    "DELIVERY_UNAVAILABLE": "unavailable",
    "ISSUER_UNAVAILABLE": "unavailable",
    "IDENTITY_INVALID": "credential_invalid",
    "IDENTITY_MISSING": "credential_invalid",
}

# Refusals for a campaign's state, told with ReachBell's word for it.
SENTENCES: Mapping[str, str] = {
    "CAMPAIGN_NOT_EDITABLE": "Only a draft can be edited, and this campaign is {status}.",
    "CAMPAIGN_NOT_DELETABLE": (
        "Only a draft, scheduled or cancelled campaign can be deleted, and this one is {status}. Once it has ended, "
        "ArchiveCampaign of the native API puts it away: POST /v1/projects/-/campaigns/{{id}}:archive."
    ),
    "CAMPAIGN_NOT_STARTABLE": "Only a draft or scheduled campaign can be started, and this one is {status}.",
    "CAMPAIGN_NOT_RESENDABLE": "Only a sent or cancelled campaign can be sent again, and this one is {status}.",
}

# The core's paths → ReachBell's, the first that fits; what none fits is ReachBell's own already.
FIELDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^campaign\.", ""),
        (r"^name$", "id"),
        (r"^display_name$", "name"),
        (r"^parent$", "projectId"),
        (r"^push_content\b", "content"),
        (r"^(email|http)_content\b.*$", "content"),
        (r"^audience\.segment$", "segment.savedSegmentId"),
        (r"^audience\.filter\b.*$", "segment.filters"),
        (r"^audience$", "segment"),
        (r"^schedule\.start_time$", "schedule.sendAt"),
        (r"^schedule\.time_zone$", "schedule.timezone"),
        (r"^(channels|labels|vendor_fields|etag|unknown_policy)\b.*$", ""),
        (r"_url\b", "Url"),
    )
)


def code_of(reason: str) -> str:
    """ReachBell's word for a reason."""
    return CODES.get(reason, reason.lower())


def field_of(path: str, *, attribute: str = "") -> str:
    """ReachBell's path for one of the core's; `attribute` is the one that a filter's refusal names."""
    for pattern, replacement in FIELDS:
        path = pattern.sub(replacement, path)
    return f"{path}.{attribute}" if attribute and path == "segment.filters" else path


def reply_of(error: CoreError) -> Reply:
    """What a refusal of the core is told as."""
    field = field_of(error.field, attribute=error.metadata.get("attribute", ""))
    return Reply(error.status, error.reason, _sentence(error), field)


def _sentence(error: CoreError) -> str:
    if error.reason not in SENTENCES or "state" not in error.metadata:
        return error.message
    state = Campaign.State.Value("STATE_" + error.metadata["state"])
    return SENTENCES[error.reason].format(status=WORDS[state])


def render(reply: Reply, request_id: str) -> Mapping[str, Any]:
    """The error's JSON; `field` is null where no field is at fault."""
    error = {
        "code": code_of(reply.reason),
        "message": reply.message[:LONGEST_MESSAGE],
        "field": reply.field[:LONGEST_FIELD] or None,
        "requestId": request_id,
    }
    return {"error": error}
