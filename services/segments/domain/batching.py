"""Owns where a batch of an audience ends: after so many positions or so many bytes.

Never sees more of a position than its size.
"""

from __future__ import annotations

from collections.abc import Sequence

FIRST_POSITIONS = 250  # small, so that sending starts at once
MAX_POSITIONS = 1000
MAX_POSITIONS_OF_CALLS = 2000  # where all go by HTTP: a call takes so many
MAX_BYTES = 512_000


def positions_of(number: int, *, by_calls: bool) -> int:
    """How many positions batch `number` may have; `by_calls` where all of the run go by HTTP."""
    if number == 0:
        return FIRST_POSITIONS
    return MAX_POSITIONS_OF_CALLS if by_calls else MAX_POSITIONS


def cut(sizes: Sequence[int]) -> int:
    """How many of the next positions, of so many bytes each, make up a batch; at least one, if there is one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > MAX_BYTES:
            return max(count, 1)
    return len(sizes)


def distinct_contacts(contacts: Sequence[bytes], *, before: bytes) -> int:
    """How many people a batch adds, where contacts ascend and `before` was the last one of the batch before."""
    return sum(1 for previous, contact in zip((before, *contacts), contacts, strict=False) if previous != contact)
