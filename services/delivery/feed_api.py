"""Owns OutcomeFeedService: what became of messages, told a second time to our own services.

Never holds a transaction while the other side reads.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from carillon.events.v1.run_ended_pb2 import RunEnded
from carillon.feeds.v1 import outcome_feed_service_pb2 as feed
from carillon.feeds.v1.outcome_feed_service_pb2_grpc import OutcomeFeedServiceServicer

from services.delivery import outcome_repository, receipt_repository, run_repository
from services.delivery.message_repository import last_batch
from services.delivery.messages import outcome_batch, receipt_batch
from services.runtime import changes
from services.runtime.database import Database

STREAMED_AT_ONCE = 1000
Context = Any


class OutcomeFeed(OutcomeFeedServiceServicer):
    """carillon.feeds.v1.OutcomeFeedService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def BatchGetEndedRuns(
        self, request: feed.BatchGetEndedRunsRequest, context: Context
    ) -> feed.BatchGetEndedRunsResponse:
        """Those that have ended."""
        facts = await self._database.read(lambda tx: run_repository.ended_facts(tx, request.runs))
        return feed.BatchGetEndedRunsResponse(runs=[RunEnded.FromString(fact) for fact in facts])

    async def StreamCorrectedEnds(
        self, request: feed.StreamCorrectedEndsRequest, context: Context
    ) -> AsyncIterator[feed.StreamCorrectedEndsResponse]:
        """The runs that were corrected since, page by page."""
        since = request.change_time.ToDatetime(datetime.UTC)
        async for page, read_at in changes.pages(
            self._database,
            read_clock=receipt_repository.read_clock,
            read=lambda tx, after: run_repository.corrected_facts(tx, since=since, after=after, limit=STREAMED_AT_ONCE),
            size=STREAMED_AT_ONCE,
        ):
            answer = feed.StreamCorrectedEndsResponse(runs=[RunEnded.FromString(fact) for _, fact in page])
            answer.read_time.FromDatetime(read_at)
            yield answer

    async def StreamOutcomes(
        self, request: feed.StreamOutcomesRequest, context: Context
    ) -> AsyncIterator[feed.StreamOutcomesResponse]:
        """All final messages of a run, chunk by chunk."""
        run = await self._database.read(lambda tx: run_repository.find_run(tx, request.run))
        if run is None:
            return
        last = await self._database.read(partial(last_batch, run=run.id))
        for batch in range(last + 1):
            rows = await self._database.read(partial(outcome_repository.outcomes_of, run=run.id, batch=batch))
            if rows:
                event = outcome_batch(tenant=run.tenant, campaign=run.campaign, run=run.id, batch=batch, rows=rows)
                yield feed.StreamOutcomesResponse(batch=event)

    async def StreamReceiptCounts(
        self, request: feed.StreamReceiptCountsRequest, context: Context
    ) -> AsyncIterator[feed.StreamReceiptCountsResponse]:
        """The runs that got a receipt since, page by page."""
        since = request.change_time.ToDatetime(datetime.UTC)
        async for page, read_at in changes.pages(
            self._database,
            read_clock=receipt_repository.read_clock,
            read=lambda tx, after: receipt_repository.counts(tx, since=since, after=after, limit=STREAMED_AT_ONCE),
            size=STREAMED_AT_ONCE,
        ):
            answer = feed.StreamReceiptCountsResponse(runs=[run for run, _ in page], counts=[n for _, n in page])
            answer.read_time.FromDatetime(read_at)
            yield answer

    async def StreamReceipts(
        self, request: feed.StreamReceiptsRequest, context: Context
    ) -> AsyncIterator[feed.StreamReceiptsResponse]:
        """All receipts of a run."""
        run = await self._database.read(lambda tx: run_repository.find_run(tx, request.run))
        batch, position, kind = -1, -1, -1
        while run is not None:
            rows = await self._database.read(
                partial(
                    receipt_repository.receipts_after,
                    run=run.id,
                    batch=batch,
                    position=position,
                    kind=kind,
                    limit=STREAMED_AT_ONCE,
                )
            )
            if rows:
                event = receipt_batch(tenant=run.tenant, campaign=run.campaign, run=run.id, rows=rows)
                yield feed.StreamReceiptsResponse(batch=event)
            if len(rows) < STREAMED_AT_ONCE:
                return
            batch, position, kind = rows[-1]["batch"], rows[-1]["position"], rows[-1]["kind"]
