"""Owns how much a process claims: at most what it sends in a quarter of a second.

A claim is what a death leaves in doubt and what a pause has to give back, so it must not be larger than it needs to be;
and each costs a transaction, so it must not be smaller.
"""

from __future__ import annotations

CLAIM_SECONDS = 0.25
FIRST = 250
LEAST = 20
WEIGHT = 0.3  # of the newest claim in the moving average


class Pace:
    """The moving average of messages a second of one run in this process, over all its claims."""

    def __init__(self, *, most: int, claims_at_once: int) -> None:
        self._most = most
        self._claims_at_once = claims_at_once
        self._per_second: float | None = None

    def observe(self, *, answered: int, seconds: float) -> None:
        """A claim of so many calls took so long, while the others went on beside it."""
        if answered == 0 or seconds <= 0:
            return
        seen = answered / seconds * self._claims_at_once
        self._per_second = seen if self._per_second is None else WEIGHT * seen + (1 - WEIGHT) * self._per_second

    @property
    def claim_size(self) -> int:
        """Positions of the next claim."""
        if self._per_second is None:
            return min(FIRST, self._most)
        return int(min(max(self._per_second * CLAIM_SECONDS, LEAST), self._most))
