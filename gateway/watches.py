"""Owns watching campaigns for many: one reader per campaign and process, the newest snapshot, one slot per subscriber.

Never queues: a subscriber that is slow misses what was replaced meanwhile, and costs the others nothing. A service that
restarts is a pause, never the end of a stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import structlog
from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.analytics.v1.analytics_service_pb2 import WatchCampaignRequest
from carillon.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub

from services.runtime import metrics
from services.runtime.errors import Unavailable

log = structlog.get_logger()

AGAIN_SECONDS = 0.5
Key = tuple[bytes, str]  # the tenant, the campaign's name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A campaign and its numbers, read together."""

    campaign: Campaign
    numbers: CampaignStats


@dataclass(slots=True, eq=False)
class _Watch:
    reader: asyncio.Task[None] | None = None
    newest: Snapshot | None = None
    over: bool = False
    slots: set[asyncio.Event] = field(default_factory=set)

    def tell(self, snapshot: Snapshot) -> None:
        self.newest = snapshot
        for slot in self.slots:
            slot.set()

    def end(self) -> None:
        self.over = True
        for slot in self.slots:
            slot.set()


class Watches:
    """All campaigns that somebody watches through this process."""

    def __init__(self, *, campaigns: CampaignsServiceStub, analytics: AnalyticsServiceStub) -> None:
        self._campaigns = campaigns
        self._analytics = analytics
        self._watches: dict[Key, _Watch] = {}

    async def watch(self, *, tenant: bytes, campaign: Campaign, quiet_seconds: float) -> AsyncIterator[Snapshot | None]:
        """Snapshots: the newest at once, then each newer one until the campaign has ended; None after so much quiet."""
        key = (tenant, campaign.name)
        watch = self._watches.get(key) or self._begin(key, campaign)
        slot = asyncio.Event()
        watch.slots.add(slot)
        metrics.STREAMS.inc()
        if watch.newest:
            slot.set()
        seen: Snapshot | None = None
        try:
            while True:
                try:
                    async with asyncio.timeout(quiet_seconds):
                        await slot.wait()
                except TimeoutError:
                    yield None
                    continue
                slot.clear()
                over = watch.over
                if watch.newest is not seen:
                    seen = watch.newest
                    yield seen
                if over:
                    return
        finally:
            metrics.STREAMS.dec()
            watch.slots.discard(slot)
            if not watch.slots:
                self._forget(key, watch)

    def _begin(self, key: Key, campaign: Campaign) -> _Watch:
        watch = self._watches[key] = _Watch()
        watch.reader = asyncio.create_task(self._read(key, watch, campaign))
        return watch

    def _forget(self, key: Key, watch: _Watch) -> None:
        if watch.reader:
            watch.reader.cancel()
        if self._watches.get(key) is watch:
            del self._watches[key]

    async def _read(self, key: Key, watch: _Watch, campaign: Campaign) -> None:
        """Read until the campaign has ended, whatever restarts meanwhile."""
        try:
            while not await self._read_stream(watch, campaign):
                await asyncio.sleep(AGAIN_SECONDS)
        except Exception:  # a defect of ours: loud, and whoever watches comes again
            log.exception("a watch failed")
        finally:
            if self._watches.get(key) is watch:
                del self._watches[key]  # whoever comes now gets a reader of their own
            watch.end()

    async def _read_stream(self, watch: _Watch, campaign: Campaign) -> bool:
        """Whether it came to its end; False where it broke off."""
        last: CampaignStats | None = None
        try:
            async for numbers in self._analytics.WatchCampaign(WatchCampaignRequest(name=campaign.name)):
                if last and (numbers.revision, numbers.final) == (last.revision, last.final):
                    continue  # only says that it lives
                if last is None or _told(numbers) != _told(last):
                    campaign = await self._campaigns.GetCampaign(GetCampaignRequest(name=campaign.name))
                last = numbers
                watch.tell(Snapshot(campaign, numbers))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND and watch.newest is None:
                watch.tell(Snapshot(campaign, CampaignStats()))  # analytics has not heard of it yet
            log.info("a watch is interrupted", code=error.code().name)
            return False
        except Unavailable as error:
            log.info("a watch is interrupted", code=error.reason)
            return False
        return True


def _told(numbers: CampaignStats) -> tuple[object, ...]:
    """What changes only when the campaign itself has changed."""
    return (numbers.state, numbers.queued, numbers.final)
