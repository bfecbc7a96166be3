"""What a watcher is shown."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Campaign

from services.analytics import watching
from services.analytics.domain.counts import Counts
from services.analytics.domain.receipts import ReceiptCounts
from services.analytics.domain.snapshot import Snapshot
from services.analytics.watching import Watches

ACTIVE = Snapshot(
    tenant=b"t",
    project=b"p",
    campaign=b"c",
    state=3,
    queued=10,
    counts=Counts(),
    receipts=ReceiptCounts(),
    campaign_revision=1,
    final=False,
    at=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC),
)


class FakeDatabase:
    """Answers whatever is the newest snapshot."""

    def __init__(self) -> None:
        self.snapshot = ACTIVE
        self.reads = 0

    async def read(self, _: Any) -> dict[bytes, Snapshot]:
        self.reads += 1
        return {self.snapshot.campaign: self.snapshot}

    def sent(self, count: int, **changes: Any) -> None:
        self.snapshot = dataclasses.replace(self.snapshot, counts=Counts(sent=count), **changes)


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
async def watches(database: FakeDatabase, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watches]:
    monkeypatch.setattr(watching, "READ_SECONDS", 0.01)
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.15)
    watches = Watches(database=database)  # type: ignore[arg-type]
    await watches.start()
    yield watches
    await watches.stop()


async def next_of(stream: AsyncIterator[Snapshot]) -> Snapshot:
    async with asyncio.timeout(2):
        return await anext(stream)


async def rest_of(stream: AsyncIterator[Snapshot]) -> list[Snapshot]:
    async with asyncio.timeout(2):
        return [snapshot async for snapshot in stream]


async def test_a_watcher_sees_the_first_at_once_and_then_what_changes(watches: Watches, database: FakeDatabase) -> None:
    stream = watches.follow(ACTIVE)
    assert await next_of(stream) == ACTIVE

    database.sent(5)

    assert (await next_of(stream)).counts.sent == 5
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_stream_ends_after_the_last_snapshot(watches: Watches, database: FakeDatabase) -> None:
    stream = watches.follow(ACTIVE)
    await next_of(stream)

    database.sent(10, state=Campaign.STATE_COMPLETED, campaign_revision=2, final=True)

    assert [(shown.state, shown.counts.sent) for shown in await rest_of(stream)] == [(Campaign.STATE_COMPLETED, 10)]


async def test_a_finished_campaign_is_one_snapshot(watches: Watches, database: FakeDatabase) -> None:
    last = dataclasses.replace(ACTIVE, state=Campaign.STATE_COMPLETED, final=True)

    assert await rest_of(watches.follow(last)) == [last]
    assert database.reads == 0


async def test_a_slow_watcher_sees_the_newest_only(watches: Watches, database: FakeDatabase) -> None:
    stream = watches.follow(ACTIVE)
    await next_of(stream)
    database.sent(1)
    await next_of(stream)

    for count in (2, 3, 4):
        database.sent(count)
        await asyncio.sleep(0.03)

    assert (await next_of(stream)).counts.sent == 4
    await stream.aclose()  # type: ignore[attr-defined]


async def test_numbers_never_go_back(watches: Watches, database: FakeDatabase) -> None:
    shown = dataclasses.replace(ACTIVE, counts=Counts(sent=7))
    stream = watches.follow(shown)
    await next_of(stream)

    database.sent(3)
    await asyncio.sleep(0.05)
    database.sent(8)

    assert (await next_of(stream)).counts.sent == 8
    await stream.aclose()  # type: ignore[attr-defined]


async def test_quiet_is_broken_by_a_repeat(watches: Watches) -> None:
    stream = watches.follow(ACTIVE)
    await next_of(stream)

    repeat = await next_of(stream)

    assert repeat.revision == ACTIVE.revision
    assert repeat.at > ACTIVE.at
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_cancelled_campaign_is_watched_until_its_numbers_are_final(
    watches: Watches, database: FakeDatabase
) -> None:
    stream = watches.follow(ACTIVE)
    await next_of(stream)

    database.sent(4, state=Campaign.STATE_CANCELLED, campaign_revision=2)
    while (shown := await next_of(stream)).state != Campaign.STATE_CANCELLED:
        pass
    database.sent(6, campaign_revision=3, final=True)
    rest = await rest_of(stream)

    assert not shown.is_last
    assert (rest[-1].counts.sent, rest[-1].is_last) == (6, True)


async def test_nothing_is_read_while_nobody_watches(watches: Watches, database: FakeDatabase) -> None:
    stream = watches.follow(ACTIVE)
    await next_of(stream)
    database.sent(1)
    await next_of(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0.03)
    before = database.reads

    await asyncio.sleep(0.1)

    assert database.reads == before
