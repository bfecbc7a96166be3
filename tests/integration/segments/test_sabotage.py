"""The proof that an audience is frozen once would notice one that is resolved anew after a crash."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from services.runtime.database import Transaction
from services.segments import audience_repository, freezing
from services.segments.domain import batching
from services.segments.domain.audience import Audience
from tests.integration.segments.audiences import Interrupted, Segments, person

PEOPLE = batching.FIRST_POSITIONS + 50


def resolve_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes on begins with the first contact."""
    find = audience_repository.find

    async def forget(tx: Transaction, run: bytes) -> Audience | None:
        audience = await find(tx, run)
        return audience and replace(audience, last_contact=bytes(12), last_channel=0, last_endpoint=bytes(12))

    async def nobody(tx: Transaction, audience: Audience) -> frozenset[bytes]:
        return frozenset()

    monkeypatch.setattr(audience_repository, "find", forget)
    monkeypatch.setattr(freezing, "_taken", nobody)


async def violations(segments: Segments) -> list[str]:
    """A walk is cut behind its first batch, and another process goes on; what the proof says of the audience."""
    people = await segments.add(*(person(f"p{index}", browsers=1) for index in range(PEOPLE)))
    run = await segments.start()
    await segments.freezer(Interrupted).freeze(run)
    await segments.freezer().freeze(run)
    times = Counter(contact for contact, *_ in await segments.positions(run))
    return [
        *("somebody was forgotten" for contact in people if not times[contact]),
        *("somebody is in it twice" for count in times.values() if count > 1),
    ]


async def test_with_every_mechanism_in_place_the_proof_holds(segments: Segments) -> None:
    assert await violations(segments) == []


async def test_the_proof_notices_an_audience_that_is_resolved_anew(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_anew(monkeypatch)

    assert "somebody is in it twice" in await violations(segments)
