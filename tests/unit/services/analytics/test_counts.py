"""Numbers by state."""

from __future__ import annotations

import dataclasses

import pytest

from services.analytics.domain.counts import Counts
from services.message_states import RANKS, MessageState


def test_every_state_has_its_number() -> None:
    counts = Counts.of({int(state): int(state) * 10 for state in RANKS})

    assert dataclasses.asdict(counts) == {state.name.lower(): int(state) * 10 for state in RANKS}


def test_absent_states_are_zero() -> None:
    assert Counts.of({MessageState.FAILED: 2}) == Counts(failed=2)


@pytest.mark.parametrize("state", RANKS)
def test_progress_grows_with_every_row(state: MessageState) -> None:
    assert Counts.of({state: 4}).progress > Counts.of({state: 3}).progress


def test_progress_grows_with_every_correction() -> None:
    ascending = sorted(RANKS, key=lambda state: RANKS[state])

    values = [Counts.of({state: 1}).progress for state in ascending]

    assert values == sorted(set(values))
