"""Owns the states of a message, and which of two truths about one message stands: the one of the higher rank, whichever
was heard first.

Never stores one. The numbers are those of carillon.delivery.v1.MessageState. delivery, which writes the truth, and
analytics, which is told it, decide by the same table.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class MessageState(enum.IntEnum):
    """Where a message stands."""

    PENDING = 1
    SENT = 2
    FAILED = 3
    SUPPRESSED = 4
    CANCELLED = 5
    EXPIRED = 6
    UNKNOWN = 7


# Of the final ones. UNKNOWN gives way to whatever is learnt later; that it was never tried, to how a try ended; a
# refusal, to an acceptance. All differ, so that two truths stand the same way in whatever order they are heard.
RANKS: Mapping[MessageState, int] = {
    MessageState.UNKNOWN: 1,
    MessageState.CANCELLED: 2,
    MessageState.EXPIRED: 3,
    MessageState.SUPPRESSED: 4,
    MessageState.FAILED: 5,
    MessageState.SENT: 6,
}
