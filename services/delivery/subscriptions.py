"""Owns what this service does about each topic it reads, and the same about what it pulls."""

from __future__ import annotations

import datetime
import hashlib
from functools import partial

from carillon.events.v1.audience_batches_pb2 import AudienceBatch
from carillon.events.v1.audience_totals_pb2 import AudienceTotals
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle
from carillon.feeds.v1.audience_feed_service_pb2 import StreamMissingBatchesRequest
from carillon.feeds.v1.audience_feed_service_pb2_grpc import AudienceFeedServiceStub
from carillon.feeds.v1.run_feed_service_pb2 import StreamOpenRunsRequest
from carillon.feeds.v1.run_feed_service_pb2_grpc import RunFeedServiceStub
from google.protobuf.message import Message

from services import topics
from services.delivery import run_repository
from services.delivery.messages import RecipientColumns
from services.delivery.run_repository import RunRow
from services.runtime.consumer import Handler, Subscription
from services.runtime.database import Database, Transaction
from services.runtime.errors import Conflict

STREAM_SECONDS = 60.0


def concerns(event: CampaignLifecycle) -> bool:
    """A run started; how its campaign stands, the control row says."""
    return event.HasField("run_started")


class Reactions:
    """One method per topic."""

    def __init__(self, *, database: Database, campaigns: RunFeedServiceStub, segments: AudienceFeedServiceStub) -> None:
        self._database = database
        self._campaigns = campaigns
        self._segments = segments

    def subscriptions(self) -> list[Subscription]:
        """Topic by topic."""
        return [
            Subscription(topics.CAMPAIGN_LIFECYCLE.name, CampaignLifecycle, self.on_lifecycle, concerns),
            Subscription(topics.AUDIENCE_BATCHES.name, AudienceBatch, self.on_batch),
            Subscription(topics.AUDIENCE_TOTALS.name, AudienceTotals, self.on_totals),
        ]

    async def on_lifecycle(self, tx: Transaction, event: CampaignLifecycle) -> None:
        """A run started."""
        row = RunRow(
            id=event.run_started.run,
            tenant=event.tenant,
            project=event.project,
            campaign=event.campaign,
            fact=event.SerializeToString(),
        )
        await run_repository.add_run(tx, row, expires_at=event.run_started.expire_time.ToDatetime(tzinfo=datetime.UTC))
        await run_repository.wake_workers(tx)

    async def on_batch(self, tx: Transaction, event: AudienceBatch) -> None:
        """A piece of a frozen audience: its positions are due."""
        if event.size < 1:
            raise Conflict("BATCH_EMPTY", f"batch {event.number} of run {event.run.hex()} has no positions")
        if hashlib.blake2b(event.recipients, digest_size=16).digest() != event.digest:
            raise Conflict("BATCH_DAMAGED", f"batch {event.number} of run {event.run.hex()} is not its digest's")
        same = await run_repository.add_chunk(
            tx,
            run=event.run,
            batch=event.number,
            size=event.size,
            digest=event.digest,
            recipients=event.recipients,
            contacts=RecipientColumns(event.recipients).contact_bounds(),
        )
        if not same:
            raise Conflict("BATCH_CHANGED", f"batch {event.number} of run {event.run.hex()} came with another digest")
        await run_repository.wake_workers(tx)

    async def on_totals(self, tx: Transaction, event: AudienceTotals) -> None:
        """How large the run's audience is."""
        await run_repository.add_total(tx, event.run, event.message_count)
        await run_repository.wake_workers(tx)

    async def pull_runs(self) -> None:
        """Ask campaigns for open runs, and segments for what is missing of their audiences."""
        async for answer in self._campaigns.StreamOpenRuns(StreamOpenRunsRequest(), timeout=STREAM_SECONDS):
            if concerns(answer.fact):
                await self._database.transaction(partial(_called, self.on_lifecycle, answer.fact))
        problems: list[Conflict] = []
        for run, batches in await self._database.transaction(run_repository.incomplete_runs):
            try:
                await self._pull_batches(run, batches)
            except Conflict as problem:  # a batch of this run is damaged; the others are not to wait for it
                problems.append(problem)
        if problems:
            raise problems[0]

    async def _pull_batches(self, run: bytes, known: list[int]) -> None:
        request = StreamMissingBatchesRequest(run=run, known_batches=known)
        async for answer in self._segments.StreamMissingBatches(request, timeout=STREAM_SECONDS):
            if answer.WhichOneof("item") == "batch":
                await self._database.transaction(partial(_called, self.on_batch, answer.batch))
            else:
                await self._database.transaction(partial(_called, self.on_totals, answer.totals))


async def _called(handle: Handler, event: Message, tx: Transaction) -> None:
    await handle(tx, event)
