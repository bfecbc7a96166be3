"""Owns asking delivery for receipts that Kafka lost.

Never asks for a receipt that is on its way: a run is pulled only if it still lacks what delivery had when it was asked
the time before. While nothing happens, one call answers nothing.
"""

from __future__ import annotations

import datetime

from carillon.feeds.v1.outcome_feed_service_pb2 import StreamReceiptCountsRequest, StreamReceiptsRequest
from carillon.feeds.v1.outcome_feed_service_pb2_grpc import OutcomeFeedServiceStub

from services.analytics import receipt_repository, use_cases
from services.runtime.database import Database, Transaction

STREAM_SECONDS = 120.0
PAGE = 1000
OVERLAP = datetime.timedelta(minutes=2)  # longer than a transaction can take from its date to its commit
EVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class ReceiptPull:
    """One hop; remembers what it waits for, and after a restart asks about every run once."""

    def __init__(self, *, database: Database, outcomes: OutcomeFeedServiceStub) -> None:
        self._database = database
        self._outcomes = outcomes
        self._since = EVER
        self._awaited: dict[bytes, int] = {}  # run → receipts that delivery had

    async def ask(self) -> None:
        """Pull what is overdue, then hear what delivery has by now."""
        for run in await self._lacking(self._awaited):
            await self._pull(run)
        self._awaited = {}
        request = StreamReceiptCountsRequest()
        request.change_time.FromDatetime(self._since)
        async for answer in self._outcomes.StreamReceiptCounts(request, timeout=STREAM_SECONDS):
            counted = dict(zip(answer.runs, answer.counts, strict=True))
            self._awaited |= {run: counted[run] for run in await self._lacking(counted)}
            self._since = answer.read_time.ToDatetime(datetime.UTC) - OVERLAP

    async def _lacking(self, expected: dict[bytes, int]) -> list[bytes]:
        """The runs of which fewer receipts are here."""
        lacking: list[bytes] = []
        runs = list(expected)
        for start in range(0, len(runs), PAGE):
            part = runs[start : start + PAGE]
            here = await self._count(part)
            lacking += [run for run in part if here.get(run, 0) < expected[run]]
        return lacking

    async def _count(self, runs: list[bytes]) -> dict[bytes, int]:
        return await self._database.read(lambda tx: receipt_repository.counts(tx, runs))

    async def _pull(self, run: bytes) -> None:
        async for answer in self._outcomes.StreamReceipts(StreamReceiptsRequest(run=run), timeout=STREAM_SECONDS):

            async def work(tx: Transaction, batch: object = answer.batch) -> None:
                await use_cases.record_receipts(tx, batch)  # type: ignore[arg-type]

            await self._database.transaction(work)
