"""Owns BacklogFeedService: how far the sending of a run is, told to whoever freezes its audience."""

from __future__ import annotations

from typing import Any

from carillon.feeds.v1 import backlog_feed_service_pb2 as feed
from carillon.feeds.v1.backlog_feed_service_pb2_grpc import BacklogFeedServiceServicer

from services.delivery import run_repository
from services.runtime.database import Database

Context = Any


class BacklogFeed(BacklogFeedServiceServicer):
    """carillon.feeds.v1.BacklogFeedService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def CountBegunBatches(
        self, request: feed.CountBegunBatchesRequest, context: Context
    ) -> feed.CountBegunBatchesResponse:
        """How many of the run's batches wait for nothing."""
        count = await self._database.read(lambda tx: run_repository.begun_batches(tx, request.run))
        return feed.CountBegunBatchesResponse(count=count)
