"""Owns what this service asks by itself, so that a lost log costs delay and not truth.

Never has rules of its own: what it learns goes through the same handlers as the events.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle
from carillon.events.v1.run_ended_pb2 import RunEnded
from carillon.feeds.v1.outcome_feed_service_pb2 import (
    BatchGetEndedRunsRequest,
    StreamCorrectedEndsRequest,
    StreamOutcomesRequest,
)
from carillon.feeds.v1.outcome_feed_service_pb2_grpc import OutcomeFeedServiceStub
from carillon.feeds.v1.run_feed_service_pb2 import BatchGetStatesRequest, StreamOpenRunsRequest
from carillon.feeds.v1.run_feed_service_pb2_grpc import RunFeedServiceStub

from services.analytics import repository, use_cases
from services.analytics.receipt_pull import EVER, OVERLAP
from services.analytics.subscriptions import handle_lifecycle
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction

STREAM_SECONDS = 120.0
PAGE = 1000
ON_ITS_WAY = datetime.timedelta(seconds=3)  # an event that is no older is left to Kafka


class Pulls:
    """The hops of this service."""

    def __init__(
        self, *, database: Database, runs: RunFeedServiceStub, outcomes: OutcomeFeedServiceStub, clock: Clock
    ) -> None:
        self._database = database
        self._runs = runs
        self._outcomes = outcomes
        self._clock = clock
        self._corrections_since = EVER

    async def ask_states(self) -> None:
        """Hear of changes of the campaigns here that have not ended, and of open runs not met."""
        known = list((await self._database.read(repository.open_campaigns)).items())
        for start in range(0, len(known), PAGE):
            campaigns, revisions = zip(*known[start : start + PAGE], strict=True)
            request = BatchGetStatesRequest(campaigns=campaigns, known_revisions=revisions)
            await self._handle_facts((await self._runs.BatchGetStates(request)).facts)
        facts: list[CampaignLifecycle] = []
        async for answer in self._runs.StreamOpenRuns(StreamOpenRunsRequest(), timeout=STREAM_SECONDS):
            facts.append(answer.fact)
            if len(facts) == PAGE:
                await self._handle_facts(facts)
                facts = []
        await self._handle_facts(facts)

    async def _handle_facts(self, facts: Sequence[CampaignLifecycle]) -> None:
        """Those that tell something new."""
        if not facts:
            return
        campaigns = [fact.campaign for fact in facts if fact.HasField("state_changed")]
        runs = [fact.run_started.run for fact in facts if fact.HasField("run_started")]
        revisions = await self._database.read(lambda tx: repository.revisions(tx, campaigns))
        known = await self._database.read(lambda tx: repository.known_runs(tx, runs))
        for fact in facts:
            if fact.HasField("run_started"):
                is_new = fact.run_started.run not in known
            else:
                is_new = fact.state_changed.revision > revisions.get(fact.campaign, -1)
            if is_new:
                await self._handle(handle_lifecycle, fact)

    async def ask_ended_runs(self) -> None:
        """Hear of ends, and of every outcome of ended runs whose rows are not what delivery says."""
        runs = await self._database.read(repository.uncounted_runs)
        for start in range(0, len(runs), PAGE):
            request = BatchGetEndedRunsRequest(runs=runs[start : start + PAGE])
            ended = list((await self._outcomes.BatchGetEndedRuns(request)).runs)
            for fact in ended:
                await self._handle(use_cases.end_run, fact)
            for fact in await self._late(ended):
                await self._ask_outcomes(fact.run)

    async def ask_corrections(self) -> None:
        """Hear of the ends that late answers corrected; those that are news are counted again by `ask_ended_runs`."""
        request = StreamCorrectedEndsRequest()
        request.change_time.FromDatetime(self._corrections_since)
        async for answer in self._outcomes.StreamCorrectedEnds(request, timeout=STREAM_SECONDS):
            for fact in answer.runs:
                await self._handle(use_cases.end_run, fact)
            self._corrections_since = answer.read_time.ToDatetime(datetime.UTC) - OVERLAP

    async def _late(self, ended: Sequence[RunEnded]) -> list[RunEnded]:
        """Those that are still not counted though their last outcome should have come."""
        waiting = set(await self._database.read(repository.uncounted_runs))
        newest = self._clock.now() - ON_ITS_WAY
        return [fact for fact in ended if fact.run in waiting and fact.end_time.ToDatetime(datetime.UTC) < newest]

    async def _ask_outcomes(self, run: bytes) -> None:
        async for answer in self._outcomes.StreamOutcomes(StreamOutcomesRequest(run=run), timeout=STREAM_SECONDS):
            await self._handle(use_cases.record_outcomes, answer.batch)

    async def _handle(self, handler: Callable[[Transaction, Any], Awaitable[None]], fact: Any) -> None:
        async def work(tx: Transaction) -> None:
            await handler(tx, fact)

        await self._database.transaction(work)
