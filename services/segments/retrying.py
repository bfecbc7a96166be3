"""Owns the audience of a retry run: positions of the campaign's earlier runs, which delivery names and this service
copies out of the batches that it froze then.

Never resolves anybody anew. The order is delivery's and the same each time, so a crash is gone on from by counting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from carillon.events.v1.campaign_lifecycle_pb2 import RunStarted
from carillon.feeds.v1.retry_feed_service_pb2 import StreamRetryableRequest, StreamRetryableResponse
from carillon.feeds.v1.retry_feed_service_pb2_grpc import RetryFeedServiceStub

from services.runtime.database import Transaction
from services.runtime.errors import Unavailable
from services.segments import audience_repository as audiences
from services.segments.domain.audience import Audience
from services.segments.recipients import Row, read_rows

STREAM_SECONDS = 600.0
Batches = AsyncIterator[StreamRetryableResponse]


class AudienceForgotten(Exception):
    """The batches of an earlier run are not kept any more."""


class RetriedPositions:
    """The rows of a retry run behind those that are frozen already."""

    def __init__(self, tx: Transaction, answers: Batches, *, skipped: int) -> None:
        self._tx = tx
        self._answers = answers
        self._skipped = skipped
        self._rows: list[Row] = []

    async def fetch(self, count: int) -> list[Row]:
        """The next rows, fewer than asked for only at the end. Raises Unavailable and AudienceForgotten."""
        try:
            while len(self._rows) < count and (answer := await anext(self._answers, None)) is not None:
                self._rows += await self._rows_of(answer)
        except grpc.aio.AioRpcError as error:
            raise Unavailable("PEER_UNAVAILABLE", "A part is restarting; try again.") from error
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken

    async def _rows_of(self, answer: StreamRetryableResponse) -> list[Row]:
        if self._skipped >= len(answer.positions):
            self._skipped -= len(answer.positions)
            return []
        recipients = await audiences.recipients_of(self._tx, answer.run, answer.batch)
        if recipients is None:
            raise AudienceForgotten
        rows = read_rows(recipients)
        chosen = [rows[position] for position in answer.positions[self._skipped :]]
        self._skipped = 0
        return chosen


class Retries:
    """Asks delivery."""

    def __init__(self, feed: RetryFeedServiceStub) -> None:
        self._feed = feed

    def positions(self, tx: Transaction, audience: Audience, run: RunStarted) -> RetriedPositions:
        """What the run is for, behind what is frozen."""
        request = StreamRetryableRequest(
            tenant=audience.tenant, campaign=audience.campaign, run=audience.run, retry_of=run.retry_of
        )
        answers = self._feed.StreamRetryable(request, timeout=STREAM_SECONDS)
        return RetriedPositions(tx, aiter(answers), skipped=audience.message_count)
