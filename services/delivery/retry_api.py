"""Owns RetryFeedService: what a retry run sends again, told to segments.

Never holds a transaction while the other side reads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from carillon.feeds.v1 import retry_feed_service_pb2 as feed
from carillon.feeds.v1.retry_feed_service_pb2_grpc import RetryFeedServiceServicer

from services.delivery.retries import Retries, Wanted

Context = Any


class RetryFeed(RetryFeedServiceServicer):
    """carillon.feeds.v1.RetryFeedService."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries

    async def StreamRetryable(
        self, request: feed.StreamRetryableRequest, context: Context
    ) -> AsyncIterator[feed.StreamRetryableResponse]:
        """Take what is not settled, then tell all of it."""
        asked = request.retry_of
        wanted = Wanted.read(states=asked.states, reasons=asked.reasons, messages=asked.messages)
        await self._retries.take(tenant=request.tenant, campaign=request.campaign, run=request.run, wanted=wanted)
        async for run, batch, positions in self._retries.taken(request.run):
            yield feed.StreamRetryableResponse(run=run, batch=batch, positions=positions)
