"""Owns ReachBell's words for a campaign's state."""

from __future__ import annotations

from collections.abc import Mapping

from carillon.campaigns.v1.campaigns_pb2 import Campaign

State = Campaign.State

WORDS: Mapping[int, str] = {
    State.STATE_DRAFT: "draft",
    State.STATE_SCHEDULED: "scheduled",
    State.STATE_ACTIVE: "sending",
    State.STATE_PAUSED: "paused",
    State.STATE_COMPLETED: "sent",
    State.STATE_ARCHIVED: "sent",
    State.STATE_CANCELLED: "cancelled",
    State.STATE_FAILED: "failed",
}

# In these nothing will ever be sent again.
ENDED = frozenset({State.STATE_COMPLETED, State.STATE_ARCHIVED, State.STATE_CANCELLED, State.STATE_FAILED})
