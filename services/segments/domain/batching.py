"""Owns where a batch of an audience ends: after so many positions or so many bytes.

Never sees more of a position than its size.
"""

from __future__ import annotations

from collections.abc import Sequence

FIRST_POSITIONS = 250  # small, so that sending starts at once
MAX_POSITIONS = 1000
MAX_BYTES = 512_000


def positions_of(number: int) -> int:
    """How many positions batch `number` may have."""
    return FIRST_POSITIONS if number == 0 else MAX_POSITIONS


def cut(sizes: Sequence[int], *, number: int) -> int:
    """How many of the next positions, of so many bytes each, make up batch `number`; at least one, if there is one."""
    limit = min(positions_of(number), len(sizes))
    if sum(sizes[:limit]) <= MAX_BYTES:
        return limit
    total = 0
    for count, size in enumerate(sizes[:limit]):
        total += size
        if total > MAX_BYTES:
            return max(count, 1)
    return limit


def distinct_contacts(contacts: Sequence[bytes], *, before: bytes) -> int:
    """How many people a batch adds, where contacts ascend and `before` was the last one of the batch before."""
    return sum(1 for previous, contact in zip((before, *contacts), contacts, strict=False) if previous != contact)
