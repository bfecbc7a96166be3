"""Owns what this service does about each topic it reads, and the same about what it pulls."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from carillon.events.v1.audience_totals_pb2 import AudienceTotals
from carillon.events.v1.run_counted_pb2 import RunCounted
from carillon.feeds.v1.ledger_feed_service_pb2 import BatchGetCountedRunsRequest, StreamCorrectedCountsRequest
from carillon.feeds.v1.ledger_feed_service_pb2_grpc import LedgerFeedServiceStub

from services import topics
from services.campaigns import repository
from services.campaigns.domain.run import RunState
from services.campaigns.run_progress import RunProgress
from services.runtime.consumer import Subscription
from services.runtime.database import Database, Transaction

PULLED_AT_ONCE = 1000
STREAM_SECONDS = 60.0
OVERLAP = datetime.timedelta(minutes=2)  # longer than a transaction can take from its date to its commit
EVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Reactions:
    """One method per topic."""

    def __init__(self, *, database: Database, progress: RunProgress, ledger: LedgerFeedServiceStub) -> None:
        self._database = database
        self._progress = progress
        self._ledger = ledger
        self._corrected_since = EVER

    def subscriptions(self) -> list[Subscription]:
        """Topic by topic."""
        return [
            Subscription(topics.AUDIENCE_TOTALS.name, AudienceTotals, self.on_audience_totals),
            Subscription(topics.RUN_COUNTED.name, RunCounted, self.on_run_counted),
        ]

    async def on_audience_totals(self, tx: Transaction, event: AudienceTotals) -> None:
        """The run's audience is frozen."""
        await self._progress.freeze(
            tx,
            campaign=event.campaign,
            run=event.run,
            messages=event.message_count,
            contacts=event.contact_count,
            failure_reason=event.failure_reason,
        )

    async def on_run_counted(self, tx: Transaction, event: RunCounted) -> None:
        """The run's numbers are final."""
        counts = event.counts
        queued = counts.sent + counts.failed + counts.expired + counts.unknown
        await self._progress.end(
            tx,
            campaign=event.campaign,
            run=event.run,
            state=RunState(event.state),
            messages=queued + counts.suppressed + counts.cancelled,
            queued=queued,
            at=event.end_time.ToDatetime(tzinfo=datetime.UTC),
            correction=event.correction,
        )

    async def pull_counted(self) -> None:
        """Ask analytics which of the open runs are counted."""

        async def open_runs(tx: Transaction) -> list[bytes]:
            return [run for run, _, _ in await repository.open_runs(tx, limit=PULLED_AT_ONCE)]

        runs = await self._database.read(open_runs)
        if not runs:
            return
        answer = await self._ledger.BatchGetCountedRuns(BatchGetCountedRunsRequest(runs=runs))
        await self._hear(answer.runs)

    async def pull_corrected(self) -> None:
        """Ask analytics which runs were counted again, since late answers had corrected them."""
        request = StreamCorrectedCountsRequest()
        request.change_time.FromDatetime(self._corrected_since)
        async for answer in self._ledger.StreamCorrectedCounts(request, timeout=STREAM_SECONDS):
            await self._hear(answer.runs)
            self._corrected_since = answer.read_time.ToDatetime(datetime.UTC) - OVERLAP

    async def _hear(self, events: Iterable[RunCounted]) -> None:
        for event in events:

            async def work(tx: Transaction, event: RunCounted = event) -> None:
                await self.on_run_counted(tx, event)

            await self._database.transaction(work)
