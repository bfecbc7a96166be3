"""Owns a batch of final messages as it is stored: columns of one length, or of one entry where all are the same.

Never a row of its own: rows exist in the database only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.message_states import MessageState

LEAST_BLOCK = 16  # messages; for fewer, rows are less work to read


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Final states of some positions of one batch of a run's audience.

    Of the columns beside `positions` and `contacts`, one entry may stand for all. Positions side by side are a range.
    """

    tenant: bytes
    campaign: bytes
    run: bytes
    batch: int
    positions: Sequence[int]
    channels: Sequence[int]
    states: Sequence[int]
    reason_words: Sequence[str]
    reasons: Sequence[int]  # indices into `reason_words`
    contacts: bytes  # 12 bytes each, end to end
    times: Sequence[int]  # milliseconds since 1970

    @property
    def are_sent_neighbours(self) -> bool:
        """Whether all were sent, by one channel, and stand side by side: such are kept as one row."""
        return (
            isinstance(self.positions, range)
            and len(self.positions) >= LEAST_BLOCK
            and [*self.states] == [MessageState.SENT]
            and len(self.channels) == 1
        )
