"""Scheduled campaigns start on time, once, and none waits for another's trouble."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from services.campaigns import scheduler as scheduler_module
from services.campaigns.domain.campaign import Campaign, State
from services.campaigns.readiness import Ready
from services.campaigns.scheduler import Scheduler
from services.campaigns.use_cases import SCHEDULE_CHANNEL
from services.runtime.notifications import Notifications
from tests.integration.campaigns.operators import TEN, Operators
from tests.integration.waiting import eventually


class Segments:
    """Counts audiences, or has a trouble with those of one project's campaigns by name."""

    def __init__(self) -> None:
        self.trouble: dict[str, Exception] = {}
        self.down = False

    async def check_due(self, *, definition: Any, **_: object) -> Ready:
        if definition.display_name in self.trouble:
            raise self.trouble[definition.display_name]
        await asyncio.sleep(0.01)
        return Ready(messages=0, contacts=0) if self.down else TEN


@pytest.fixture
def segments() -> Segments:
    """Whoever is asked how large an audience is."""
    return Segments()


@asynccontextmanager
async def schedulers(operators: Operators, segments: Segments, *, count: int = 1) -> AsyncIterator[None]:
    """So many processes look for what is due."""
    notifications = Notifications(operators.database)
    running = [
        Scheduler(
            database=operators.database,
            use_cases=operators.use_cases,
            readiness=segments,  # type: ignore[arg-type]
            clock=operators.clock,
            wake=notifications.listen(SCHEDULE_CHANNEL),
        )
        for _ in range(count)
    ]
    await notifications.start()
    for scheduler in running:
        await scheduler.start()
    yield
    for scheduler in running:
        await scheduler.stop()
    await notifications.stop()


MINUTE = datetime.timedelta(minutes=1)


async def schedule(operators: Operators, name: str = "Launch", *, after: datetime.timedelta = MINUTE) -> Campaign:
    campaign = await operators.create(display_name=name, start_at=operators.clock.now() + after)
    assert campaign.state is State.SCHEDULED
    return campaign


async def started(operators: Operators, campaign: Campaign) -> Campaign:
    """The campaign, once it is no longer scheduled."""
    return await eventually(lambda: operators.row(campaign), lambda row: row.state is not State.SCHEDULED)


async def test_a_scheduled_campaign_starts_when_its_time_has_come_and_not_before(
    operators: Operators, segments: Segments
) -> None:
    async with schedulers(operators, segments):
        campaign = await schedule(operators, after=datetime.timedelta(seconds=1))
        row = await started(operators, campaign)

    assert row.state is State.ACTIVE
    assert campaign.definition.start_at is not None and row.started_at is not None
    assert 0 <= (row.started_at - campaign.definition.start_at).total_seconds() < 3


async def test_several_processes_start_a_campaign_once(operators: Operators, segments: Segments) -> None:
    campaigns = [await schedule(operators) for _ in range(5)]
    operators.clock.ahead = MINUTE

    async with schedulers(operators, segments, count=4):
        for campaign in campaigns:
            await started(operators, campaign)

    assert [len(await operators.runs(campaign)) for campaign in campaigns] == [1] * 5


async def test_a_campaign_whose_time_came_while_nobody_looked_starts_when_somebody_does(
    operators: Operators, segments: Segments
) -> None:
    campaign = await schedule(operators)
    operators.clock.ahead = datetime.timedelta(hours=1)

    async with schedulers(operators, segments):
        row = await started(operators, campaign)

    assert row.state is State.ACTIVE


async def test_a_campaign_starts_though_nobody_can_count_its_audience(operators: Operators, segments: Segments) -> None:
    segments.down = True
    campaign = await schedule(operators)
    operators.clock.ahead = MINUTE

    async with schedulers(operators, segments):
        row = await started(operators, campaign)

    assert (row.state, row.queued) == (State.ACTIVE, 0)


async def test_a_campaign_whose_audience_is_no_longer_valid_fails(operators: Operators, segments: Segments) -> None:
    gone = grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), grpc.aio.Metadata(), "no such segment")
    segments.trouble["To nobody"] = gone
    campaign = await schedule(operators, "To nobody")
    operators.clock.ahead = MINUTE

    async with schedulers(operators, segments):
        row = await started(operators, campaign)

    assert (row.state, row.failure_reason, row.final) == (State.FAILED, "AUDIENCE_INVALID", True)


async def test_a_campaign_that_cannot_be_started_keeps_no_other_waiting_and_is_not_forgotten(
    operators: Operators, segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_module, "AFTER_A_DEFECT", 0.1, raising=False)
    segments.trouble["Defect"] = LookupError("a defect")
    defect = await schedule(operators, "Defect")
    healthy = await schedule(operators, "Healthy")
    operators.clock.ahead = MINUTE

    async with schedulers(operators, segments):
        row = await started(operators, healthy)
        meanwhile = await operators.row(defect)
        segments.trouble.clear()
        mended = await started(operators, defect)

    assert row.state is State.ACTIVE
    assert meanwhile.state is State.SCHEDULED
    assert mended.state is State.ACTIVE


async def test_a_campaign_that_is_cancelled_in_time_never_starts(operators: Operators, segments: Segments) -> None:
    campaign = await schedule(operators)
    await operators.order(campaign, State.CANCELLED)
    operators.clock.ahead = MINUTE

    async with schedulers(operators, segments):
        await asyncio.sleep(0.3)

    assert (await operators.row(campaign)).state is State.CANCELLED
    assert await operators.runs(campaign) == []
