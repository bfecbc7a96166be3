"""Owns what the tests of audiences need: people, runs, and what was frozen of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from carillon.delivery.v1.delivery_pb2 import MESSAGE_STATE_FAILED
from carillon.events.v1.audience_batches_pb2 import Recipients
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle, RetryOf, RunStarted
from carillon.feeds.v1.backlog_feed_service_pb2 import CountBegunBatchesRequest, CountBegunBatchesResponse
from carillon.feeds.v1.retry_feed_service_pb2 import StreamRetryableRequest, StreamRetryableResponse
from carillon.segments.v1.filter_pb2 import Filter
from carillon.segments.v1.segments_pb2 import CHANNEL_PUSH, Audience

from services.runtime import ids
from services.runtime.database import Database, Transaction
from services.segments import audience_repository as audiences
from services.segments import contact_repository as contacts
from services.segments import use_cases
from services.segments.domain.audience import Audience as AudienceRow
from services.segments.domain.audience import Batch
from services.segments.domain.contacts import Contact, Subscription
from services.segments.freezing import Freezer
from services.segments.non_openers import NonOpeners
from services.segments.pacing import Backlog
from services.segments.retrying import Retries

Position = tuple[bytes, int, bytes, str]  # contact, channel, endpoint, address


def person(
    name: str, *, email: str = "", browsers: int = 0, attributes: Mapping[str, str] | None = None, **fields: Any
) -> Contact:
    """Somebody with so many browsers."""
    subscriptions = tuple(
        Subscription(f"https://push.example.com/{name}/{index}", b"\4" * 65, b"a" * 16) for index in range(browsers)
    )
    built_in = {"country": "DE", "locale": "", "time_zone": ""} | fields
    return Contact(
        external_id=name, tags=(), attributes=attributes or {}, subscriptions=subscriptions, email=email, **built_in
    )


class Interrupted(Freezer):
    """Ends behind each batch, as in a process that is stopped."""

    async def _append(self, audience: AudienceRow, batch: Batch) -> bool:
        self._stopping = True
        return await super()._append(audience, batch)


@dataclass
class Segments:
    """The service on its database, asked by its own functions."""

    database: Database
    tenant: bytes = field(default_factory=ids.new_id)
    project: bytes = field(default_factory=ids.new_id)
    campaign: bytes = field(default_factory=ids.new_id)
    retryable: list[tuple[bytes, int, list[int]]] = field(default_factory=list)  # what delivery names: run, batch, …
    trouble: Exception | None = None
    asked: list[bytes] = field(default_factory=list)  # the runs that delivery was asked about, how far it is

    async def add(self, *people: Contact) -> list[bytes]:
        """Store people; their ids."""
        return await self.database.transaction(lambda tx: contacts.upsert(tx, self.tenant, self.project, people))

    def freezer(self, kind: type[Freezer] = Freezer) -> Freezer:
        """Somebody who walks when told to."""
        nobody = NonOpeners(SimpleNamespace())  # type: ignore[arg-type]
        retries = Retries(SimpleNamespace(StreamRetryable=self._retryable))  # type: ignore[arg-type]
        backlog = Backlog(SimpleNamespace(CountBegunBatches=self._all_begun))  # type: ignore[arg-type]
        return kind(database=self.database, wake=asyncio.Event(), non_openers=nobody, retries=retries, backlog=backlog)

    async def _retryable(self, request: StreamRetryableRequest, **_: object) -> AsyncIterator[StreamRetryableResponse]:
        """What delivery tells."""
        if self.trouble:
            raise self.trouble
        for run, batch, positions in self.retryable:
            yield StreamRetryableResponse(run=run, batch=batch, positions=positions)

    async def _all_begun(self, request: CountBegunBatchesRequest) -> CountBegunBatchesResponse:
        """What delivery says where nothing waits."""
        self.asked.append(request.run)
        return CountBegunBatchesResponse(count=1_000_000)

    async def start(
        self, channels: Sequence[int] = (CHANNEL_PUSH,), *, fields: Sequence[str] = (), tree: Filter | None = None
    ) -> bytes:
        """Tell of a run that starts."""
        run = RunStarted(
            run=ids.new_id(),
            audience=Audience(filter=tree or Filter()),
            channels=channels,  # type: ignore[arg-type]
            contact_fields=fields,
        )
        return await self._tell(run)

    async def start_retry(self, channels: Sequence[int], *, fields: Sequence[str] = ()) -> bytes:
        """Tell of a run that starts for messages of earlier ones."""
        return await self._tell(
            RunStarted(
                run=ids.new_id(),
                retry_of=RetryOf(states=[MESSAGE_STATE_FAILED]),
                channels=channels,  # type: ignore[arg-type]
                contact_fields=fields,
            )
        )

    async def _tell(self, run: RunStarted) -> bytes:
        fact = CampaignLifecycle(tenant=self.tenant, project=self.project, campaign=self.campaign, run_started=run)
        await self.database.transaction(lambda tx: use_cases.start_run(tx, fact))
        return run.run

    async def freeze(self, channels: Sequence[int] = (CHANNEL_PUSH,), **wanted: Any) -> bytes:
        """Freeze a run's audience to its end."""
        run = await self.start(channels, **wanted)
        assert await self.freezer().freeze(run)
        return run

    async def batches(self, run: bytes) -> list[Recipients]:
        """What was frozen of it, batch by batch."""

        async def read(tx: Transaction) -> Any:
            return await audiences.missing(tx, run, after=-1, known=(), limit=10_000)

        return [Recipients.FromString(row[3]) for row in await self.database.transaction(read)]

    async def positions(self, run: bytes) -> list[Position]:
        """All positions in their order."""
        return [position for batch in await self.batches(run) for position in positions_of(batch)]

    async def audience(self, run: bytes) -> Any:
        """What is known of the run."""
        return await self.database.transaction(lambda tx: audiences.find(tx, run))


def positions_of(batch: Recipients) -> Iterator[Position]:
    """A batch's positions."""
    size = len(batch.addresses)
    channels = list(batch.channels) if len(batch.channels) > 1 else list(batch.channels) * size
    endpoints = batch.endpoints or bytes(ids.SIZE * size)
    for index in range(size):
        place = slice(index * ids.SIZE, (index + 1) * ids.SIZE)
        yield batch.contacts[place], channels[index], endpoints[place], batch.addresses[index]
