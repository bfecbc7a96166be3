"""Owns LedgerFeedService, this service's book of every run, for comparing; and RecipientFeedService, who did what."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Sequence
from typing import Any

from carillon.events.v1.run_counted_pb2 import RunCounted
from carillon.feeds.v1 import ledger_feed_service_pb2 as service
from carillon.feeds.v1 import recipient_feed_service_pb2 as recipients
from carillon.feeds.v1.ledger_feed_service_pb2_grpc import LedgerFeedServiceServicer
from carillon.feeds.v1.recipient_feed_service_pb2_grpc import RecipientFeedServiceServicer

from services.analytics import receipt_repository, repository
from services.analytics.messages import write_counts, write_receipt_counts
from services.analytics.non_openers import stream_non_openers
from services.runtime import changes
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid

MAX_RUNS = 1000


class LedgerFeedApi(LedgerFeedServiceServicer):
    """Answers our own services."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def CountRuns(self, request: service.CountRunsRequest, context: Any) -> service.CountRunsResponse:
        """Count the rows of runs, beside their counters."""
        runs = read_runs(request.runs)

        async def count(tx: Transaction) -> service.CountRunsResponse:
            counters = await repository.read_counters(tx, runs)  # first: rows may only be more
            receipts = await receipt_repository.read_counters(tx, runs)
            return service.CountRunsResponse(
                rows=write_counts(await repository.count_rows(tx, runs)),
                counters=write_counts(counters),
                receipt_rows=write_receipt_counts(await receipt_repository.count_rows(tx, runs)),
                receipt_counters=write_receipt_counts(receipts),
            )

        return await self._database.transaction(count)

    async def BatchGetCountedRuns(
        self, request: service.BatchGetCountedRunsRequest, context: Any
    ) -> service.BatchGetCountedRunsResponse:
        """Answer those that are counted."""
        runs = read_runs(request.runs)
        counted = await self._database.read(lambda tx: repository.counted_runs(tx, runs))
        return service.BatchGetCountedRunsResponse(runs=[RunCounted.FromString(item) for item in counted])

    async def StreamCorrectedCounts(
        self, request: service.StreamCorrectedCountsRequest, context: Any
    ) -> AsyncIterator[service.StreamCorrectedCountsResponse]:
        """The runs that were counted again since, page by page."""
        since = request.change_time.ToDatetime(datetime.UTC)
        async for page, read_at in changes.pages(
            self._database,
            read_clock=repository.read_clock,
            read=lambda tx, after: repository.corrected_runs(tx, since=since, after=after, limit=MAX_RUNS),
            size=MAX_RUNS,
        ):
            answer = service.StreamCorrectedCountsResponse(runs=[RunCounted.FromString(fact) for _, fact in page])
            answer.read_time.FromDatetime(read_at)
            yield answer


class RecipientFeedApi(RecipientFeedServiceServicer):
    """Answers segments."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def StreamNonOpeners(
        self, request: recipients.StreamNonOpenersRequest, context: Any
    ) -> AsyncIterator[recipients.StreamNonOpenersResponse]:
        """Stream who did nothing with a campaign."""
        async for page in stream_non_openers(self._database, tenant=request.tenant, campaign=request.campaign):
            yield recipients.StreamNonOpenersResponse(contacts=page)


def read_runs(runs: Sequence[bytes]) -> list[bytes]:
    """The runs, at most 1,000."""
    if len(runs) > MAX_RUNS:
        raise Invalid("RUNS_OUT_OF_RANGE", f"At most {MAX_RUNS} runs.", field="runs")
    return list(runs)
