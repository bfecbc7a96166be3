"""Owns how fast audiences are frozen: at their channels' pace at most, and little ahead of what is sent, since the rest
of the machine belongs to the sending and to whoever waits for an answer.

Never holds a walk up for long: an audience is who belongs to it when the run starts, not when its sending gets there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import grpc
import structlog
from carillon.feeds.v1.backlog_feed_service_pb2 import CountBegunBatchesRequest
from carillon.feeds.v1.backlog_feed_service_pb2_grpc import BacklogFeedServiceStub
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_HTTP, CHANNEL_PUSH

log = structlog.get_logger()

# Positions a second at most: about what one run's sending keeps up with. Channels that are not here take what can be
# had.
PACES: Mapping[int, int] = {CHANNEL_PUSH: 10_000, CHANNEL_EMAIL: 40_000, CHANNEL_HTTP: 64_000}
AHEAD = 8  # batches that may wait to be sent
SLOWEST = 1 / 3  # of the pace, whatever waits: the sending may be paused, or its provider slow
ASK_AGAIN = 0.05  # seconds


def seconds_of(positions: int, channels: Sequence[int]) -> float:
    """Seconds that so many positions of a run that goes by these channels take at least: the quickest one's pace."""
    paces = [PACES.get(channel, 0) for channel in channels]
    return positions / max(paces) if all(paces) else 0.0


class Backlog:
    """Asks delivery."""

    def __init__(self, feed: BacklogFeedServiceStub) -> None:
        self._feed = feed

    async def begun(self, run: bytes) -> int | None:
        """How many of the run's batches wait for nothing; None where delivery does not say."""
        try:
            return int((await self._feed.CountBegunBatches(CountBegunBatchesRequest(run=run))).count)
        except grpc.aio.AioRpcError as error:
            log.warning("a walk does not know how far the sending is", run=run.hex(), code=error.code().name)
            return None


class Pace:
    """One walk's."""

    def __init__(self, backlog: Backlog, *, run: bytes, channels: Sequence[int]) -> None:
        self._backlog = backlog
        self._run = run
        self._channels = channels
        self._begun = 0

    async def keep(self, *, began: float, positions: int, batches: int) -> None:
        """Return when the next batch may be frozen: the last one of `batches`, of so many positions, was begun at this
        instant (time.monotonic)."""
        seconds = seconds_of(positions, self._channels)
        await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
        try:
            async with asyncio.timeout(began + seconds / SLOWEST - time.monotonic()):
                while batches - self._begun >= AHEAD:
                    begun = await self._backlog.begun(self._run)
                    if begun is None:
                        return
                    self._begun = begun
                    if batches - begun >= AHEAD:
                        await asyncio.sleep(ASK_AGAIN)
        except TimeoutError:
            pass
