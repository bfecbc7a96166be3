"""A run's progress and its campaign's, in whatever order the news comes."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Run as RunMessage
from carillon.delivery.v1.delivery_pb2 import StateCounts
from carillon.events.v1.audience_totals_pb2 import AudienceTotals
from carillon.events.v1.run_counted_pb2 import RunCounted
from carillon.feeds.v1.ledger_feed_service_pb2 import StreamCorrectedCountsResponse

from services.campaigns.domain.campaign import Campaign, State
from services.campaigns.domain.run import Run, RunState
from services.campaigns.run_progress import TOTALS_MAY_COME
from services.campaigns.subscriptions import Reactions
from tests.integration.campaigns.operators import Operators


class News:
    """What segments and analytics have to say of the campaign's only run."""

    def __init__(self, operators: Operators, campaign: Campaign, run: Run) -> None:
        self._operators = operators
        self._campaign = campaign
        self._run = run
        self._ended_at = operators.clock.now()
        self._reactions = Reactions(
            database=operators.database,
            progress=operators.progress,
            ledger=SimpleNamespace(  # type: ignore[arg-type]
                BatchGetCountedRuns=self._answer, StreamCorrectedCounts=self._stream
            ),
        )
        self._facts = {0: StateCounts(sent=5, failed=1, suppressed=2)}

    async def totals(self, *, failure_reason: str = "") -> None:
        """The topic audience-totals brings what segments froze."""
        size = 0 if failure_reason else 8
        event = AudienceTotals(
            tenant=self._campaign.tenant,
            campaign=self._campaign.id,
            run=self._run.id,
            message_count=size,
            contact_count=size,
            failure_reason=failure_reason,
        )
        await self._operators.database.transaction(lambda tx: self._reactions.on_audience_totals(tx, event))

    async def counted(self) -> None:
        """The topic run-counted brings what analytics counted."""
        await self._operators.database.transaction(lambda tx: self._reactions.on_run_counted(tx, self._fact()))

    async def corrected(self) -> None:
        """The topic run-counted brings what late answers have made of it: somebody suppressed had been sent to."""
        self._facts[1] = StateCounts(sent=6, failed=1, suppressed=1)
        await self._operators.database.transaction(lambda tx: self._reactions.on_run_counted(tx, self._fact(1)))

    async def pull_corrected(self) -> None:
        """Kafka has lost that; campaigns asks analytics by itself."""
        self._facts[1] = StateCounts(sent=6, failed=1, suppressed=1)
        await self._reactions.pull_corrected()

    async def pull(self) -> None:
        """campaigns asks analytics by itself."""
        await self._reactions.pull_counted()

    def _fact(self, correction: int = 0) -> RunCounted:
        fact = RunCounted(
            tenant=self._campaign.tenant,
            campaign=self._campaign.id,
            run=self._run.id,
            state=RunMessage.STATE_COMPLETED,
            counts=self._facts[correction],
            correction=correction,
        )
        fact.end_time.FromDatetime(self._ended_at)
        return fact

    async def _answer(self, request: Any) -> Any:
        return SimpleNamespace(runs=[self._fact()] if self._run.id in request.runs else [])

    async def _stream(self, request: Any, timeout: float) -> AsyncIterator[StreamCorrectedCountsResponse]:
        answer = StreamCorrectedCountsResponse(runs=[self._fact(1)])
        answer.read_time.FromDatetime(self._ended_at)
        yield answer


@pytest.fixture
async def campaign(operators: Operators) -> Campaign:
    """One that is being sent."""
    return await operators.launch()


@pytest.fixture
async def news(operators: Operators, campaign: Campaign) -> News:
    """Of its only run."""
    (run,) = await operators.runs(campaign)
    return News(operators, campaign, run)


async def test_a_campaign_is_completed_when_its_run_is_counted(
    operators: Operators, campaign: Campaign, news: News
) -> None:
    await news.totals()
    frozen, (sending,) = await operators.row(campaign), await operators.runs(campaign)
    await news.counted()

    assert (frozen.state, frozen.queued, sending.state) == (State.ACTIVE, 8, RunState.SENDING)
    row, (run,) = await operators.row(campaign), await operators.runs(campaign)
    assert (row.state, row.queued, row.final) == (State.COMPLETED, 6, True)
    assert (run.state, run.message_count, run.contact_count) == (RunState.COMPLETED, 8, 8)


async def test_hearing_everything_twice_changes_nothing(operators: Operators, campaign: Campaign, news: News) -> None:
    await news.totals()
    await news.counted()
    once = await operators.row(campaign)

    await news.counted()
    await news.totals()
    await news.pull()

    assert await operators.row(campaign) == once


@pytest.mark.parametrize("news_by", ["corrected", "pull_corrected"])
async def test_a_correction_after_the_end_changes_the_number_that_is_shown_and_is_told(
    operators: Operators, campaign: Campaign, news: News, news_by: str
) -> None:
    await news.totals()
    await news.counted()
    before = await operators.row(campaign)

    await getattr(news, news_by)()
    once = await operators.row(campaign)
    await news.corrected()
    await news.counted()

    assert (before.queued, once.queued, once.state) == (6, 7, State.COMPLETED)
    assert await operators.row(campaign) == once
    assert await operators.last_told(campaign) == (State.COMPLETED, True, 7)


async def test_a_correction_that_is_heard_before_the_end_stands(
    operators: Operators, campaign: Campaign, news: News
) -> None:
    await news.totals()
    await news.corrected()
    await news.counted()

    row = await operators.row(campaign)
    assert (row.state, row.queued) == (State.COMPLETED, 7)


async def test_a_failed_audience_fails_the_campaign_whichever_news_comes_first(
    operators: Operators, campaign: Campaign, news: News
) -> None:
    await news.counted()
    early = await operators.row(campaign)
    await news.totals(failure_reason="SEGMENT_NOT_FOUND")
    await news.pull()

    assert early.state is State.ACTIVE
    row = await operators.row(campaign)
    assert (row.state, row.failure_reason, row.final) == (State.FAILED, "SEGMENT_NOT_FOUND", True)


async def test_the_number_of_people_is_exact_whichever_news_comes_first(
    operators: Operators, campaign: Campaign, news: News
) -> None:
    await news.counted()
    await news.totals()
    await news.pull()

    (run,) = await operators.runs(campaign)
    assert (run.state, run.contact_count) == (RunState.COMPLETED, 8)


async def test_totals_that_never_come_are_not_waited_for_for_ever(
    operators: Operators, campaign: Campaign, news: News
) -> None:
    await news.counted()
    operators.clock.ahead = TOTALS_MAY_COME + datetime.timedelta(seconds=1)
    await news.pull()

    assert (await operators.row(campaign)).state is State.COMPLETED


async def test_a_cancelled_campaign_becomes_final_when_its_run_is_counted(
    operators: Operators, campaign: Campaign, news: News
) -> None:
    await news.totals()
    await operators.order(campaign, State.CANCELLED)
    cancelled = await operators.row(campaign)
    await operators.end_run(campaign, RunState.CANCELLED)

    assert (cancelled.state, cancelled.final) == (State.CANCELLED, False)
    row = await operators.row(campaign)
    assert (row.state, row.final) == (State.CANCELLED, True)
    assert await operators.last_told(campaign) == (State.CANCELLED, True, 6)
