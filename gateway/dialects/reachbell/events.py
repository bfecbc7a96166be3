"""Owns the text of ReachBell's progress stream (server-sent events, HTML §9.2): ids, flat data, comments, no names."""

from __future__ import annotations

import json

from gateway.dialects.reachbell.states import WORDS
from gateway.dialects.reachbell.translate import stats_to
from gateway.watches import Snapshot

CONTENT_TYPE = "text/event-stream"
PING = b": ping\n\n"
LAST = "end-"  # begins the id of the event that ends a stream


def is_over(snapshot: Snapshot) -> bool:
    """Whether nothing will follow."""
    return snapshot.numbers.final


def event(snapshot: Snapshot) -> bytes:
    """One event: the stats and the status, flat."""
    stats = stats_to(snapshot.campaign, snapshot.numbers)
    data = {
        "queued": stats.queued,
        "sent": stats.sent,
        "delivered": stats.delivered,
        "clicked": stats.clicked,
        "dismissed": stats.dismissed,
        "failed": stats.failed,
        "status": WORDS[snapshot.campaign.state],
    }
    prefix = LAST if is_over(snapshot) else ""
    return f"id: {prefix}{snapshot.numbers.revision}\ndata: {json.dumps(data)}\n\n".encode()
