"""Watching a campaign for many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.campaigns.v1.campaigns_pb2 import Campaign

from gateway import watches
from gateway.dialects.reachbell import events
from gateway.watches import Snapshot, Watches

TENANT = b"t" * 12
ACTIVE, COMPLETED = Campaign.STATE_ACTIVE, Campaign.STATE_COMPLETED


class Analytics:
    """Streams what is put in; None ends a stream, an error breaks it."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[CampaignStats | Exception | None] = asyncio.Queue()
        self.streams = 0

    async def WatchCampaign(self, request: Any) -> AsyncIterator[CampaignStats]:
        self.streams += 1
        while (item := await self.told.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item


class Campaigns:
    """Answers one campaign in whatever state analytics spoke of last."""

    def __init__(self) -> None:
        self.state = ACTIVE

    async def GetCampaign(self, request: Any) -> Campaign:
        return campaign(self.state)


def campaign(state: Any = ACTIVE) -> Campaign:
    return Campaign(name="projects/p/campaigns/c", state=state, queued_message_count=100)


def numbers(revision: int, state: Any = ACTIVE) -> CampaignStats:
    return CampaignStats(sent=revision, revision=revision, state=state, final=state == COMPLETED)


def failure(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())


def watching(analytics: Analytics, campaigns: Campaigns | None = None) -> Watches:
    return Watches(campaigns=campaigns or Campaigns(), analytics=analytics)  # type: ignore[arg-type]


def one(shared: Watches, quiet_seconds: float = 5.0) -> AsyncIterator[Snapshot | None]:
    return shared.watch(tenant=TENANT, campaign=campaign(), quiet_seconds=quiet_seconds)


async def sent(stream: AsyncIterator[Snapshot | None]) -> int:
    snapshot = await anext(stream)
    assert snapshot is not None
    return snapshot.numbers.sent


async def test_a_stream_ends_after_the_last_snapshot() -> None:
    analytics, campaigns = Analytics(), Campaigns()
    stream = one(watching(analytics, campaigns))
    analytics.told.put_nowait(numbers(1))
    assert await sent(stream) == 1

    campaigns.state = COMPLETED
    analytics.told.put_nowait(numbers(2, COMPLETED))
    analytics.told.put_nowait(None)

    rest = [snapshot async for snapshot in stream]
    assert [events.event(snapshot).splitlines()[0] for snapshot in rest if snapshot] == [b"id: end-2"]


async def test_a_cancelled_campaign_is_followed_until_its_numbers_are_final() -> None:
    analytics, campaigns = Analytics(), Campaigns()
    stream = one(watching(analytics, campaigns))
    campaigns.state = Campaign.STATE_CANCELLED
    analytics.told.put_nowait(numbers(1, Campaign.STATE_CANCELLED))

    first = await anext(stream)
    analytics.told.put_nowait(CampaignStats(revision=1, state=Campaign.STATE_CANCELLED, final=True))
    analytics.told.put_nowait(None)

    assert first is not None
    assert not events.is_over(first)
    assert [events.is_over(snapshot) async for snapshot in stream if snapshot] == [True]


async def test_a_defect_of_ours_ends_the_stream_instead_of_leaving_it_silent() -> None:
    analytics = Analytics()
    stream = one(watching(analytics))

    analytics.told.put_nowait(ValueError("a defect"))

    assert [snapshot async for snapshot in stream] == []


async def test_many_share_one_reader_and_a_late_one_gets_the_newest_at_once() -> None:
    analytics = Analytics()
    shared = watching(analytics)
    first = one(shared)
    analytics.told.put_nowait(numbers(1))
    assert await sent(first) == 1

    second = one(shared)

    assert await sent(second) == 1
    assert analytics.streams == 1


async def test_a_slow_reader_misses_what_was_replaced() -> None:
    analytics = Analytics()
    shared = watching(analytics)
    slow, quick = one(shared), one(shared)
    analytics.told.put_nowait(numbers(1))
    assert (await sent(slow), await sent(quick)) == (1, 1)

    for revision in (2, 3, 4):
        analytics.told.put_nowait(numbers(revision))
        assert await sent(quick) == revision

    assert await sent(slow) == 4


async def test_quiet_is_told_and_so_is_a_repeated_snapshot() -> None:
    analytics = Analytics()
    stream = one(watching(analytics), quiet_seconds=0.05)
    analytics.told.put_nowait(numbers(1))
    assert await sent(stream) == 1

    analytics.told.put_nowait(numbers(1))

    assert await anext(stream) is None


async def test_a_restart_of_analytics_does_not_end_a_stream(monkeypatch: Any) -> None:
    monkeypatch.setattr(watches, "AGAIN_SECONDS", 0.0)
    analytics = Analytics()
    stream = one(watching(analytics))
    analytics.told.put_nowait(numbers(1))
    assert await sent(stream) == 1

    analytics.told.put_nowait(failure(grpc.StatusCode.UNAVAILABLE))
    analytics.told.put_nowait(numbers(2))

    assert await sent(stream) == 2
    assert analytics.streams == 2


async def test_a_campaign_that_analytics_has_not_heard_of_has_zeros(monkeypatch: Any) -> None:
    monkeypatch.setattr(watches, "AGAIN_SECONDS", 0.0)
    analytics = Analytics()
    stream = one(watching(analytics))

    analytics.told.put_nowait(failure(grpc.StatusCode.NOT_FOUND))

    assert await sent(stream) == 0


async def test_the_reader_leaves_with_the_last_subscriber() -> None:
    analytics = Analytics()
    shared = watching(analytics)
    stream = one(shared)
    analytics.told.put_nowait(numbers(1))
    await sent(stream)

    await stream.aclose()  # type: ignore[attr-defined]
    again = one(shared)
    analytics.told.put_nowait(numbers(2))

    assert await sent(again) == 2
    assert analytics.streams == 2


def test_an_event_is_flat_and_has_no_name() -> None:
    text = events.event(Snapshot(campaign(), CampaignStats(sent=3, clicked=1, failed=1, unknown=1, revision=7)))

    assert text == (
        b'id: 7\ndata: {"queued": 100, "sent": 3, "delivered": 0, "clicked": 1, "dismissed": 0, "failed": 2, '
        b'"status": "sending"}\n\n'
    )
