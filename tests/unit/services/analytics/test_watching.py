"""What a watcher is shown."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.analytics import watching
from services.analytics.domain.counts import Counts
from services.analytics.domain.snapshot import CampaignState, Snapshot
from services.analytics.watching import Watches

ACTIVE = Snapshot(
    tenant=b"t",
    project=b"p",
    campaign=b"c",
    state=3,
    queued=10,
    counts=Counts(),
    campaign_revision=1,
    uncounted_runs=1,
    at=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC),
)


class FakeDatabase:
    """Answers whatever is the newest snapshot."""

    def __init__(self) -> None:
        self.snapshot = ACTIVE
        self.reads = 0

    async def transaction(self, _: Any) -> dict[bytes, Snapshot]:
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
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 0.2)
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

    database.sent(10, state=CampaignState.COMPLETED, campaign_revision=2, uncounted_runs=0)

    assert [(shown.state, shown.counts.sent) for shown in await rest_of(stream)] == [(CampaignState.COMPLETED, 10)]


async def test_a_finished_campaign_is_one_snapshot(watches: Watches, database: FakeDatabase) -> None:
    last = dataclasses.replace(ACTIVE, state=CampaignState.COMPLETED)

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


async def test_a_cancel_is_shown_with_its_final_numbers(watches: Watches, database: FakeDatabase) -> None:
    stream = watches.follow(ACTIVE)
    await next_of(stream)

    database.sent(4, state=CampaignState.CANCELLED, campaign_revision=2)
    await asyncio.sleep(0.05)
    database.sent(6, uncounted_runs=0)

    assert [(shown.state, shown.counts.sent) for shown in await rest_of(stream)] == [(CampaignState.CANCELLED, 6)]


async def test_a_cancel_that_takes_long_to_settle_is_shown_and_then_ended(
    watches: Watches, database: FakeDatabase
) -> None:
    stream = watches.follow(ACTIVE)
    await next_of(stream)

    database.sent(4, state=CampaignState.CANCELLED, campaign_revision=2)
    while (shown := await next_of(stream)).state != CampaignState.CANCELLED:
        pass
    assert not shown.is_last

    database.sent(4, uncounted_runs=0)
    assert (await rest_of(stream))[-1].is_last


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
