"""The audience of a retry run is what was frozen for the earlier ones, position by position."""

from __future__ import annotations

import datetime

import grpc
import pytest
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_PUSH

from services.runtime.errors import Unavailable
from services.segments import audience_repository as audiences
from services.segments import use_cases
from services.segments.domain import batching
from services.segments.domain.audience import AudienceState
from tests.integration.segments.audiences import Interrupted, Segments, person

WAYS = (CHANNEL_PUSH, CHANNEL_EMAIL)


async def frozen(segments: Segments, count: int = 9) -> bytes:
    """A run to so many people, by push and by email."""
    people = [
        person(f"p{index}", email=f"p{index}@example.com", browsers=1, attributes={"plan": f"plan {index}"})
        for index in range(count)
    ]
    await segments.add(*people)
    return await segments.freeze(WAYS, fields=["plan"])


async def retry(segments: Segments) -> bytes:
    """A retry's run, frozen to its end."""
    run = await segments.start_retry(WAYS, fields=["plan"])
    assert await segments.freezer().freeze(run)
    return run


async def test_a_retry_is_for_the_positions_that_delivery_names_and_for_no_others(segments: Segments) -> None:
    first = await frozen(segments)
    segments.retryable = [(first, 0, [0, 3, 17])]

    run = await retry(segments)

    whole = await segments.positions(first)
    assert await segments.positions(run) == [whole[0], whole[3], whole[17]]
    (batch,), audience = await segments.batches(run), await segments.audience(run)
    assert list(batch.fields[0].values) == ["plan 0", "plan 1", "plan 8"]
    assert batch.p256dh == b"\4" * 65 + bytes(130)
    assert (audience.state, audience.message_count, audience.contact_count) == (AudienceState.COMPLETE, 3, 3)


async def test_a_retry_keeps_what_was_frozen_whatever_became_of_the_person(segments: Segments) -> None:
    first = await frozen(segments, 2)
    await segments.add(person("p0", email="new@example.com", attributes={"plan": "new"}))
    segments.retryable = [(first, 0, [1])]

    run = await retry(segments)

    assert [position[3] for position in await segments.positions(run)] == ["p0@example.com"]


async def test_a_retry_of_nothing_is_whole_at_once(segments: Segments) -> None:
    await frozen(segments, 1)

    run = await retry(segments)

    audience = await segments.audience(run)
    assert (audience.state, audience.message_count, audience.failure_reason) == (AudienceState.COMPLETE, 0, "")


async def test_a_retry_takes_from_several_runs_and_batches_and_goes_on_where_it_was_broken_off(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "FIRST_POSITIONS", 4)
    monkeypatch.setattr(batching, "MAX_POSITIONS", 5)
    first = await frozen(segments)
    second = await segments.freeze([CHANNEL_EMAIL], fields=["plan"])
    segments.retryable = [(first, 0, [1, 3]), (first, 1, [0, 1, 2, 4]), (first, 3, [2]), (second, 1, [0, 4])]
    whole = await segments.positions(await retry(segments))
    run = await segments.start_retry(WAYS, fields=["plan"])

    while (await segments.audience(run)).state is AudienceState.RESOLVING:
        await segments.freezer(Interrupted).freeze(run)

    assert len(whole) == 9
    assert await segments.positions(run) == whole
    assert len(await segments.batches(run)) == 2


async def test_a_retry_waits_for_delivery_where_it_is_down(segments: Segments) -> None:
    first = await frozen(segments, 2)
    segments.retryable = [(first, 0, [1])]
    segments.trouble = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
    run = await segments.start_retry(WAYS, fields=["plan"])

    with pytest.raises(Unavailable):
        await segments.freezer().freeze(run)
    segments.trouble = None
    await segments.freezer().freeze(run)

    assert (await segments.audience(run)).message_count == 1


async def test_a_retry_of_what_is_forgotten_says_so(segments: Segments) -> None:
    first = await frozen(segments, 2)
    segments.retryable = [(first, 0, [1]), (first, 7, [0])]

    run = await retry(segments)

    audience = await segments.audience(run)
    assert (audience.state, audience.failure_reason) == (AudienceState.COMPLETE, "AUDIENCE_FORGOTTEN")


async def test_what_a_retry_is_for_is_kept_as_long_as_the_retry_is_young(segments: Segments) -> None:
    first, week = await frozen(segments, 2), datetime.timedelta(days=7)
    long_ago = datetime.datetime.now(datetime.UTC) - 2 * week
    await segments.database.transaction(
        lambda tx: use_cases.end_campaign(
            tx, tenant=segments.tenant, campaign=segments.campaign, stopped=False, end_time=long_ago
        )
    )
    age = "UPDATE audience SET create_time = $2 WHERE run = $1"
    await segments.database.transaction(lambda tx: tx.raw.execute(age, first, long_ago))
    segments.retryable = [(first, 0, [1])]
    run = await retry(segments)

    await segments.database.transaction(lambda tx: audiences.drop_ended(tx, after=week))
    kept = len(await segments.batches(first)), len(await segments.batches(run))
    await segments.database.transaction(lambda tx: tx.raw.execute(age, run, long_ago))
    await segments.database.transaction(lambda tx: audiences.drop_ended(tx, after=week))

    assert kept == (1, 1)
    assert (await segments.batches(first), await segments.batches(run)) == ([], [])
