"""Sets of positions, spelled as PostgreSQL spells them."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.domain.positions import ranges, spell_positions

positions = st.lists(st.integers(0, 60), max_size=60)


def read(spelled: str) -> list[int]:
    """The positions in an int4multirange."""
    assert re.fullmatch(r"\{(\[\d+,\d+\)(,\[\d+,\d+\))*)?\}", spelled), spelled
    pairs = [(int(start), int(end)) for start, end in re.findall(r"\[(\d+),(\d+)\)", spelled)]
    return [position for start, end in pairs for position in range(start, end)]


@given(positions)
def test_what_is_spelled_is_read_back(chosen: list[int]) -> None:
    assert read(spell_positions(chosen)) == sorted(set(chosen))


@given(positions)
def test_ranges_are_as_few_as_can_be(chosen: list[int]) -> None:
    found = list(ranges(chosen))

    assert all(start < end for start, end in found)
    assert all(end < next_start for (_, end), (next_start, _) in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("chosen", "spelled"),
    [([], "{}"), ([0], "{[0,1)}"), ([2, 0, 1, 1], "{[0,3)}"), ([0, 900, 1800], "{[0,1),[900,901),[1800,1801)}")],
)
def test_spellings(chosen: list[int], spelled: str) -> None:
    assert spell_positions(chosen) == spelled
