"""A message's id is what it is: the same for the same message, another for any other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.delivery.domain.message_identity import identities, message_id, spell_message_id, spell_message_ids

parts = st.fixed_dictionaries(
    {
        "run": st.binary(min_size=12, max_size=12),
        "contact": st.binary(min_size=12, max_size=12),
        "channel": st.integers(1, 9),
        "endpoint": st.one_of(st.just(b""), st.binary(min_size=12, max_size=12)),
        "occasion": st.binary(max_size=24),
    }
)


@given(parts)
def test_the_same_message_has_the_same_id(message: dict[str, Any]) -> None:
    assert message_id(**message) == message_id(**dict(message))


@pytest.mark.parametrize("part", ["run", "contact", "channel", "endpoint", "occasion"])
@given(message=parts, other=parts)
def test_a_message_that_differs_in_one_part_has_another_id(
    part: str, message: dict[str, Any], other: dict[str, Any]
) -> None:
    assume(message[part] != other[part])

    assert message_id(**message) != message_id(**message | {part: other[part]})


@given(st.lists(st.binary(max_size=3), min_size=4, max_size=4), st.lists(st.binary(max_size=3), min_size=4, max_size=4))
def test_bytes_do_not_move_from_one_part_to_the_next(one: list[bytes], other: list[bytes]) -> None:
    assume(one != other)
    names = ("run", "contact", "endpoint", "occasion")

    first = message_id(channel=1, **dict(zip(names, one, strict=True)))
    second = message_id(channel=1, **dict(zip(names, other, strict=True)))

    assert first != second


def test_an_id_is_for_ever() -> None:
    known = message_id(run=b"r" * 12, contact=b"c" * 12, channel=1, endpoint=b"e" * 12)

    assert known.hex() == "5d89df1fc4f65fc266c376fb69bf6350", (
        "retries of what was sent before this change would be new messages"
    )


@given(st.binary(min_size=16, max_size=16))
def test_a_spelled_id_fits_the_topic_header(value: bytes) -> None:
    spelled = spell_message_id(value)

    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", spelled)  # RFC 8030 §5.4: at most 32 of these


@given(
    st.binary(min_size=12, max_size=12), st.lists(st.binary(min_size=12, max_size=12), max_size=5), st.integers(1, 9)
)
def test_ids_of_many_are_the_ids_of_each(run: bytes, contacts: list[bytes], channel: int) -> None:
    each = [message_id(run=run, contact=contact, channel=channel, endpoint=b"") for contact in contacts]

    assert identities(run=run, channel=channel)(contacts) == each


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=5))
def test_many_are_spelled_as_each(values: list[bytes]) -> None:
    assert spell_message_ids(values) == [spell_message_id(value) for value in values]
