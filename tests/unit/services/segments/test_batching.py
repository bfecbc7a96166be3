"""Where a batch of an audience ends."""

from __future__ import annotations

import pytest

from services.segments.domain.batching import FIRST_POSITIONS, MAX_BYTES, MAX_POSITIONS, cut, distinct_contacts


@pytest.mark.parametrize(("number", "limit"), [(0, FIRST_POSITIONS), (1, MAX_POSITIONS), (7, MAX_POSITIONS)])
def test_a_batch_ends_at_its_number_of_positions(number: int, limit: int) -> None:
    assert cut([100] * (limit + 1), number=number) == limit


def test_the_first_batch_is_smaller_so_that_sending_starts_at_once() -> None:
    assert FIRST_POSITIONS < MAX_POSITIONS


def test_what_is_left_is_a_batch() -> None:
    assert cut([100] * 3, number=4) == 3


def test_a_batch_ends_before_it_has_too_many_bytes() -> None:
    sizes = [MAX_BYTES // 4] * 4 + [1]

    assert cut(sizes, number=1) == 4
    assert sum(sizes[:5]) > MAX_BYTES


def test_a_position_larger_than_a_batch_is_a_batch_of_its_own() -> None:
    assert cut([MAX_BYTES + 1, 10], number=1) == 1


def test_cutting_takes_every_position_once() -> None:
    sizes = [(index * 7919) % 3000 for index in range(5000)]
    left, number, total = sizes, 0, 0

    while left:
        count = cut(left, number=number)
        total += count
        left, number = left[count:], number + 1

    assert total == len(sizes)


def test_a_person_on_both_sides_of_a_border_is_counted_once() -> None:
    first, second = [b"a", b"b", b"b"], [b"b", b"c"]

    assert distinct_contacts(first, before=b"") + distinct_contacts(second, before=b"b") == 3
