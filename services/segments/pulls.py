"""Owns what this service asks by itself: runs it has not heard of, ends it has missed, audiences it may forget.

Never has rules of its own: what it learns goes through the same handlers as the events.
"""

from __future__ import annotations

import datetime

from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle
from carillon.feeds.v1.run_feed_service_pb2 import BatchGetStatesRequest, StreamOpenRunsRequest
from carillon.feeds.v1.run_feed_service_pb2_grpc import RunFeedServiceStub

from services.runtime.database import Database, Transaction
from services.segments import audience_repository as audiences
from services.segments.subscriptions import handle_lifecycle

STREAM_SECONDS = 60.0
PAGE = 1000
KEEP = datetime.timedelta(days=7)
HOUSEKEEPING_SECONDS = 3600.0


class Pulls:
    """The hops of this service."""

    def __init__(self, *, database: Database, runs: RunFeedServiceStub) -> None:
        self._database = database
        self._runs = runs

    async def ask_open_runs(self) -> None:
        """Hear of every run that has not ended, as campaign-lifecycle would have told."""
        facts: list[CampaignLifecycle] = []
        async for answer in self._runs.StreamOpenRuns(StreamOpenRunsRequest(), timeout=STREAM_SECONDS):
            facts.append(answer.fact)
            if len(facts) == PAGE:
                await self._handle(facts)
                facts = []
        await self._handle(facts)

    async def _handle(self, facts: list[CampaignLifecycle]) -> None:
        runs = [fact.run_started.run for fact in facts if fact.HasField("run_started")]
        known = await self._database.read(lambda tx: audiences.known_runs(tx, runs))
        for fact in facts:
            if fact.run_started.run not in known:
                await self._handle_one(fact)

    async def _handle_one(self, fact: CampaignLifecycle) -> None:
        async def work(tx: Transaction) -> None:
            await handle_lifecycle(tx, fact)

        await self._database.transaction(work)

    async def forget(self) -> None:
        """Hear of ends that were missed; drop who was in audiences of campaigns that ended a week ago."""
        campaigns = await self._database.read(audiences.unended_campaigns)
        for start in range(0, len(campaigns), PAGE):
            request = BatchGetStatesRequest(campaigns=campaigns[start : start + PAGE])
            for fact in (await self._runs.BatchGetStates(request)).facts:
                await self._handle_one(fact)
        await self._database.transaction(lambda tx: audiences.drop_ended(tx, after=KEEP))
