"""A walk stands back where the sending does not keep up with it."""

from __future__ import annotations

import pytest

from services.segments import pacing
from tests.integration.segments.audiences import Segments, person


async def test_a_walk_asks_how_far_the_sending_is_once_it_is_far_ahead(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    await segments.add(*(person(f"p{number}", browsers=1) for number in range(300)))  # two batches
    little = await segments.freeze()
    asked_of_little = list(segments.asked)
    monkeypatch.setattr(pacing, "AHEAD", 2)

    much = await segments.freeze()

    assert asked_of_little == []
    assert segments.asked == [much]
    assert len(await segments.batches(little)) == len(await segments.batches(much)) == 2
