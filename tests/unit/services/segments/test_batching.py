"""Where a batch of an audience ends."""

from __future__ import annotations

import pytest

from services.segments.domain.batching import (
    FIRST_POSITIONS,
    MAX_BYTES,
    MAX_POSITIONS,
    MAX_POSITIONS_OF_CALLS,
    cut,
    distinct_contacts,
    positions_of,
)


@pytest.mark.parametrize("by_calls", [False, True])
def test_the_first_batch_is_smaller_so_that_sending_starts_at_once(by_calls: bool) -> None:
    assert positions_of(0, by_calls=by_calls) == FIRST_POSITIONS < positions_of(1, by_calls=by_calls)


def test_batches_of_calls_are_larger() -> None:
    assert [positions_of(7, by_calls=by_calls) for by_calls in (False, True)] == [MAX_POSITIONS, MAX_POSITIONS_OF_CALLS]


def test_what_has_room_is_a_batch() -> None:
    assert cut([100] * 3) == 3


def test_a_batch_ends_before_it_has_too_many_bytes() -> None:
    sizes = [MAX_BYTES // 4] * 4 + [1]

    assert cut(sizes) == 4
    assert sum(sizes[:5]) > MAX_BYTES


def test_a_position_larger_than_a_batch_is_a_batch_of_its_own() -> None:
    assert cut([MAX_BYTES + 1, 10]) == 1


def test_cutting_takes_every_position_once() -> None:
    sizes = [(index * 7919) % 3000 for index in range(5000)]
    left, total = sizes, 0

    while left:
        count = cut(left)
        total += count
        left = left[count:]

    assert total == len(sizes)


def test_a_person_on_both_sides_of_a_border_is_counted_once() -> None:
    first, second = [b"a", b"b", b"b"], [b"b", b"c"]

    assert distinct_contacts(first, before=b"") + distinct_contacts(second, before=b"b") == 3
