"""Owns the final states of a message, and which of two truths about one message is the higher."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class MessageState(enum.IntEnum):
    """As carillon.delivery.v1.MessageState."""

    PENDING = 1
    SENT = 2
    FAILED = 3
    SUPPRESSED = 4
    CANCELLED = 5
    EXPIRED = 6
    UNKNOWN = 7


# A late answer may turn doubt into certainty, and "not sent" into "sent after all", never the other way.
RANKS: Mapping[MessageState, int] = {
    MessageState.PENDING: 0,
    MessageState.UNKNOWN: 1,
    MessageState.CANCELLED: 2,
    MessageState.EXPIRED: 2,
    MessageState.SUPPRESSED: 2,
    MessageState.FAILED: 3,
    MessageState.SENT: 4,
}
