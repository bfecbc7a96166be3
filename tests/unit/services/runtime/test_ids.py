"""Ids keep their order, and each has exactly one spelling."""

from __future__ import annotations

import itertools
import time

from hypothesis import assume, given
from hypothesis import strategies as st

from services.runtime import ids

any_id = st.binary(min_size=ids.SIZE, max_size=ids.SIZE)


@given(any_id)
def test_what_is_spelled_is_read_back(value: bytes) -> None:
    assert ids.parse("cmp", ids.spell("cmp", value)) == value


@given(any_id, any_id)
def test_spellings_sort_as_their_ids_do(one: bytes, other: bytes) -> None:
    assert (ids.spell("cmp", one) < ids.spell("cmp", other)) == (one < other)


@given(st.text(alphabet=ids.DIGITS + "abcILOUilou-_ ", max_size=24))
def test_a_text_that_is_read_is_the_one_spelling_of_its_id(digits: str) -> None:
    text = "cmp_" + digits

    value = ids.parse("cmp", text)

    assert value is None or ids.spell("cmp", value) == text


@given(any_id, st.integers(0, ids.SPELLED_DIGITS - 1), st.characters())
def test_one_wrong_character_makes_another_id_or_none(value: bytes, place: int, character: str) -> None:
    digits = ids.spell("cmp", value).removeprefix("cmp_")
    assume(digits[place] != character)

    changed = ids.parse("cmp", "cmp_" + digits[:place] + character + digits[place + 1 :])

    assert changed != value


@given(any_id)
def test_lower_case_is_no_spelling(value: bytes) -> None:
    spelled = ids.spell("cmp", value)
    assume(spelled.lower() != spelled)

    assert ids.parse("cmp", spelled.lower()) is None


@given(any_id)
def test_an_id_of_another_kind_is_none(value: bytes) -> None:
    assert ids.parse("run", ids.spell("cmp", value)) is None


def test_a_number_that_does_not_fit_twelve_bytes_is_no_id() -> None:
    assert ids.parse("cmp", "cmp_" + "Z" * ids.SPELLED_DIGITS) is None


def test_an_id_begins_with_the_milliseconds_of_its_making() -> None:
    before = time.time_ns() // 1_000_000

    made = ids.new_id()

    assert before <= int.from_bytes(made[:6]) <= time.time_ns() // 1_000_000
    assert len(made) == ids.SIZE


@given(st.integers(1, 2000))
def test_many_ids_are_different_and_ascend(count: int) -> None:
    made = ids.new_ids(count)

    assert len(made) == count
    assert all(one < next_one for one, next_one in itertools.pairwise(made))
    assert {len(one) for one in made} == {ids.SIZE}
