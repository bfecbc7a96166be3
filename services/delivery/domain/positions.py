"""Owns sets of positions in a chunk, as PostgreSQL spells them: `{[0,250),[700,701)}`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def spell_positions(positions: Iterable[int]) -> str:
    """An int4multirange of these positions."""
    return "{" + ",".join(f"[{start},{end})" for start, end in ranges(positions)) + "}"


def ranges(positions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges, ascending."""
    ordered = sorted(set(positions))
    start = previous = None
    for position in ordered:
        if start is None or previous is None:
            start = previous = position
        elif position == previous + 1:
            previous = position
        else:
            yield start, previous + 1
            start = previous = position
    if start is not None and previous is not None:
        yield start, previous + 1
