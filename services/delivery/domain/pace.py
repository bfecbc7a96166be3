"""Owns how much a process claims: at most what it sends in a quarter of a second, in as many claims as that takes.

A claim is what a death leaves in doubt and what a pause has to give back, so it must not be larger than it needs to be;
and each costs a transaction, so it must not be smaller.
"""

from __future__ import annotations

CLAIM_SECONDS = 0.25
FIRST = 250
LEAST = 20
USUAL = 1000  # positions of a large claim; those that go by HTTP calls alone may be larger
MOST_CLAIMS = 6  # of one run at once: where a claim is much less than a quarter of a second, as with HTTP calls
WEIGHT = 0.3  # of the newest claim in the moving average


class Pace:
    """The moving average of messages a second of one run in this process, over all its claims."""

    def __init__(self, *, most: int, claims_at_once: int) -> None:
        """`most` positions in a claim; `claims_at_once` are always taken."""
        self._most = most
        self._claims_at_once = claims_at_once
        self._per_second: float | None = None

    def observe(self, *, answered: int, seconds: float, claims: int) -> None:
        """A claim of so many calls took so long, while there were so many claims of the run, this one among them."""
        if answered == 0 or seconds <= 0:
            return
        seen = answered / seconds * claims
        self._per_second = seen if self._per_second is None else WEIGHT * seen + (1 - WEIGHT) * self._per_second

    @property
    def claim_size(self) -> int:
        """Positions of the next claim."""
        if self._per_second is None:
            return min(FIRST, self._most)
        return int(min(max(self._per_second * CLAIM_SECONDS, LEAST), self._most))

    @property
    def claims(self) -> int:
        """How many the run may have in this process at once, if it is alone."""
        if self._per_second is None:
            return self._claims_at_once
        wanted = round(self._per_second * CLAIM_SECONDS / min(self._most, USUAL))
        return max(min(wanted, MOST_CLAIMS), self._claims_at_once)

    @property
    def weight(self) -> float:
        """How much of what a process can have in hand one claim is."""
        return 1 / self.claims
