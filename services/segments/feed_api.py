"""Owns AudienceFeedService: frozen audiences, given out a second time to our own services.

Never holds a transaction while the other side reads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from carillon.feeds.v1.audience_feed_service_pb2 import StreamMissingBatchesRequest, StreamMissingBatchesResponse
from carillon.feeds.v1.audience_feed_service_pb2_grpc import AudienceFeedServiceServicer

from services.runtime.database import Database, Transaction
from services.segments import audience_repository as audiences
from services.segments.domain.audience import AudienceState
from services.segments.messages import batch_event, totals_event

PAGE = 8  # batches of up to half a megabyte


class AudienceFeedApi(AudienceFeedServiceServicer):
    """Answers what Kafka did not bring."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def StreamMissingBatches(
        self, request: StreamMissingBatchesRequest, context: Any
    ) -> AsyncIterator[StreamMissingBatchesResponse]:
        """Stream the batches that the caller lacks, then the totals where they are final."""
        # Read before the batches: totals are never sent ahead of a batch that they count.
        audience = await self._database.transaction(lambda tx: audiences.find(tx, request.run))
        if audience is None:
            return
        known, after = list(request.known_batches), -1

        async def read(tx: Transaction) -> list[tuple[int, int, bytes, bytes]]:
            return await audiences.missing(tx, request.run, after=after, known=known, limit=PAGE)

        while True:
            page = await self._database.transaction(read)
            for number, size, digest, recipients in page:
                event = batch_event(audience, number=number, size=size, digest=digest, recipients=recipients)
                yield StreamMissingBatchesResponse(batch=event)
            if len(page) < PAGE:
                break
            after = page[-1][0]
        if audience.state is not AudienceState.RESOLVING:
            yield StreamMissingBatchesResponse(totals=totals_event(audience))
