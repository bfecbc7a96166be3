"""Owns which of two truths about one message stands: the one of the higher rank, whichever was heard first.

Never stores one. The numbers are those of carillon.delivery.v1.MessageState.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class MessageState(enum.IntEnum):
    """The final states of a message."""

    SENT = 2
    FAILED = 3
    SUPPRESSED = 4
    CANCELLED = 5
    EXPIRED = 6
    UNKNOWN = 7


# UNKNOWN gives way to whatever is learnt later; that it was never tried, to how a try ended; a refusal, to an
# acceptance. All differ, so that two truths stand the same way in whatever order they are heard.
RANKS: Mapping[int, int] = {
    MessageState.UNKNOWN: 1,
    MessageState.CANCELLED: 2,
    MessageState.EXPIRED: 3,
    MessageState.SUPPRESSED: 4,
    MessageState.FAILED: 5,
    MessageState.SENT: 6,
}
