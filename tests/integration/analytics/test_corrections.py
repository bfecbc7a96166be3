"""An ended run that late answers correct is counted again, in whatever order the news comes."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Run as RunMessage
from carillon.delivery.v1.delivery_pb2 import StateCounts
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.run_counted_pb2 import RunCounted
from carillon.events.v1.run_ended_pb2 import RunEnded
from carillon.feeds.v1.ledger_feed_service_pb2 import BatchGetCountedRunsRequest, StreamCorrectedCountsRequest
from carillon.feeds.v1.outcome_feed_service_pb2 import StreamCorrectedEndsResponse, StreamOutcomesResponse

from services.analytics import repository, use_cases
from services.analytics.domain.counts import Counts
from services.analytics.feed_api import LedgerFeedApi
from services.analytics.pulls import Pulls
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.clock import SystemClock
from services.runtime.database import Database, Transaction

TENANT, CAMPAIGN = ids.new_id(), ids.new_id()
THOUGHT = {MessageState.SENT: 2, MessageState.UNKNOWN: 1, MessageState.CANCELLED: 1}
LEARNT = {MessageState.SENT: 4}


class News:
    """What delivery has to say of one run, whose last two messages turn out to have been sent."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.run = ids.new_id()

    def outcomes(self, states: dict[int, MessageState]) -> OutcomeBatch:
        """Position → state."""
        return OutcomeBatch(
            tenant=TENANT,
            campaign=CAMPAIGN,
            run=self.run,
            batch=0,
            positions=list(states),
            states=[int(state) for state in states.values()],
            reason_words=[""],
            reasons=[0] * len(states),
            contacts=b"".join(b"contact".ljust(11) + bytes([position]) for position in states),
            times=[1_700_000_000_000] * len(states),
            channels=[2],
        )

    async def tell_thought(self) -> None:
        """What was recorded."""
        states = (MessageState.SENT, MessageState.SENT, MessageState.UNKNOWN, MessageState.CANCELLED)
        await self._handle(use_cases.record_outcomes, self.outcomes(dict(enumerate(states))))

    async def tell_learnt(self) -> None:
        """What came late."""
        late = {2: MessageState.SENT, 3: MessageState.SENT}
        await self._handle(use_cases.record_outcomes, self.outcomes(late))

    async def tell_end(self) -> None:
        """The run ended."""
        await self._handle(use_cases.end_run, self.end(THOUGHT))

    async def tell_corrected_end(self) -> None:
        """Its end was corrected."""
        await self._handle(use_cases.end_run, self.end(LEARNT, correction=1))

    def end(self, counts: dict[MessageState, int], *, correction: int = 0) -> RunEnded:
        """The fact."""
        event = RunEnded(
            tenant=TENANT,
            campaign=CAMPAIGN,
            run=self.run,
            state=RunMessage.STATE_COMPLETED,
            counts=StateCounts(**{state.name.lower(): count for state, count in counts.items()}),
            correction=correction,
        )
        event.end_time.FromDatetime(datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC))
        return event

    async def counted(self) -> list[RunCounted]:
        """What campaigns is answered."""
        answer = await LedgerFeedApi(database=self._database).BatchGetCountedRuns(
            BatchGetCountedRunsRequest(runs=[self.run]), None
        )
        return list(answer.runs)

    async def counted_again(self) -> list[RunCounted]:
        """What campaigns is told of corrections, of this run."""
        feed = LedgerFeedApi(database=self._database)
        answers = [answer async for answer in feed.StreamCorrectedCounts(StreamCorrectedCountsRequest(), None)]
        return [run for answer in answers for run in answer.runs if run.run == self.run]

    async def books(self) -> tuple[Counts, Counts]:
        """Rows and counters."""

        async def work(tx: Transaction) -> tuple[Counts, Counts]:
            return await repository.count_rows(tx, [self.run]), await repository.read_counters(tx, [self.run])

        return await self._database.transaction(work)

    async def _handle(self, handler: Callable[[Transaction, Any], Any], event: Any) -> None:
        await self._database.transaction(lambda tx: handler(tx, event))


@pytest.fixture
def news(connect: Callable[..., Database]) -> News:
    """Of a new run."""
    return News(connect("analytics"))


ORDERS = list(itertools.permutations(["tell_thought", "tell_learnt", "tell_end", "tell_corrected_end"]))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_in_whatever_order_the_last_word_is_the_truth(news: News, order: tuple[str, ...]) -> None:
    for tell in order:
        await getattr(news, tell)()

    (counted,) = await news.counted()
    assert (counted.counts.sent, counted.correction) == (4, 1)
    assert await news.books() == (Counts(sent=4), Counts(sent=4))


async def test_a_run_is_not_counted_while_its_corrected_rows_are_on_their_way(news: News) -> None:
    await news.tell_thought()
    await news.tell_end()
    before = await news.counted()

    await news.tell_corrected_end()

    assert [run.counts.sent for run in before] == [2]
    assert await news.counted() == []


async def test_campaigns_hears_of_corrections_only_where_there_were_some(news: News) -> None:
    await news.tell_thought()
    await news.tell_end()
    uncorrected = await news.counted_again()
    await news.tell_learnt()
    await news.tell_corrected_end()

    assert uncorrected == []
    assert [(run.counts.sent, run.correction) for run in await news.counted_again()] == [(4, 1)]


async def test_a_correction_that_kafka_lost_is_pulled(news: News, connect: Callable[..., Database]) -> None:
    await news.tell_thought()
    await news.tell_end()
    asked: list[datetime.datetime] = []

    async def ends(request: Any, timeout: float) -> AsyncIterator[StreamCorrectedEndsResponse]:
        asked.append(request.change_time.ToDatetime(datetime.UTC))
        answer = StreamCorrectedEndsResponse(runs=[news.end(LEARNT, correction=1)] if len(asked) == 1 else [])
        answer.read_time.FromDatetime(datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC))
        yield answer

    async def outcomes(request: Any, timeout: float) -> AsyncIterator[StreamOutcomesResponse]:
        if request.run == news.run:
            yield StreamOutcomesResponse(batch=news.outcomes(dict.fromkeys(range(4), MessageState.SENT)))

    async def ended(request: Any) -> Any:
        return SimpleNamespace(runs=[news.end(LEARNT, correction=1)] if news.run in request.runs else [])

    delivery = SimpleNamespace(StreamCorrectedEnds=ends, StreamOutcomes=outcomes, BatchGetEndedRuns=ended)
    pulls = Pulls(
        database=connect("analytics"),
        runs=None,  # type: ignore[arg-type]
        outcomes=delivery,  # type: ignore[arg-type]
        clock=SystemClock(),
    )
    await pulls.ask_corrections()
    await pulls.ask_ended_runs()
    await pulls.ask_corrections()

    (counted,) = await news.counted()
    assert (counted.counts.sent, counted.correction) == (4, 1)
    assert asked[0].year == 1970 and asked[1].year == 2026
