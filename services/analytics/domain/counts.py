"""Owns how many messages are in which state, and what follows from it.

Never counts: the counters do, in the transaction that stores the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.message_states import RANKS


@dataclass(frozen=True, slots=True)
class Counts:
    """Final messages by state."""

    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    cancelled: int = 0
    expired: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, by_state: Mapping[int, int]) -> Counts:
        """From state → n, where states without messages may be absent."""
        return cls(**{state.name.lower(): by_state.get(state, 0) for state in RANKS})

    @property
    def progress(self) -> int:
        """Grows with every row that is stored or corrected, since a row's rank only grows."""
        return sum(getattr(self, state.name.lower()) * rank for state, rank in RANKS.items())
