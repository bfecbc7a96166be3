"""Owns which pushes still wait for their browser, so that a Topic replaces those and no others (RFC 8030 §5.4).

Never keeps a message: only until when each one waits.
"""

from __future__ import annotations

from collections import deque

Slot = tuple[str, str]  # subscription, topic


class Undelivered:
    """In memory only: after a restart all browsers count as reached."""

    def __init__(self) -> None:
        self._until: dict[Slot, float] = {}
        self._order: deque[tuple[float, Slot]] = deque()

    def put(self, slot: Slot, *, now: float, delivered_at: float) -> bool:
        """Note a push; says whether it takes the place of one that still waits."""
        self._deliver(now)
        replaces = slot in self._until
        if delivered_at > now:
            self._until[slot] = delivered_at
            self._order.append((delivered_at, slot))
        elif replaces:
            del self._until[slot]
        return replaces

    def _deliver(self, now: float) -> None:
        while self._order and self._order[0][0] <= now:
            delivered_at, slot = self._order.popleft()
            if self._until.get(slot) == delivered_at:  # else it was replaced, and the newer one waits on
                del self._until[slot]
