"""Owns freezing audiences: each run's is walked once, ascending, and every batch commits with its event and position.

Never resolves anew: after a crash the walk goes on behind the last (contact, channel, endpoint) that is stored. One
connection reads by a cursor, another commits; whoever commits to an audience that was stopped or taken over changes
nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import structlog
from carillon.events.v1.audience_batches_pb2 import Recipients
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle, RunStarted
from carillon.segments.v1.filter_pb2 import Filter as FilterMessage
from carillon.segments.v1.segments_pb2 import CHANNEL_HTTP

from services.runtime import ids
from services.runtime.background import run_in_background
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable
from services.segments import audience_repository as audiences
from services.segments import contact_repository as contacts
from services.segments.domain import batching
from services.segments.domain.audience import Audience, AudienceState, Batch
from services.segments.filter_messages import read_filter
from services.segments.messages import digest, publish_batch, publish_totals
from services.segments.non_openers import NonOpeners
from services.segments.pacing import Backlog, Pace
from services.segments.recipients import Row, most_bytes, position_bytes, write_recipients
from services.segments.retrying import AudienceForgotten, Retries
from services.segments.walk_sql import NO_ENDPOINT

log = structlog.get_logger()

WALKS_AT_ONCE = 3  # each takes two connections
SAFETY_SECONDS = 2.0  # how often to look without having been woken: another process may have died in a walk
PAGE = 16


def build_batch(rows: Sequence[Row], *, number: int, before: bytes) -> Batch:
    """These rows as batch `number`; `before` is the last contact of the batch before."""
    recipients = write_recipients(rows)
    first, last = rows[0], rows[-1]
    return Batch(
        number=number,
        size=len(rows),
        contact_count=batching.distinct_contacts([row[0] for row in rows], before=before),
        first=(first[0], first[2]),
        last=(last[0], last[2]),
        last_channel=last[1],
        digest=digest(recipients),
        recipients=recipients,
    )


def size_of_batch(rows: Sequence[Row]) -> int:
    """How many of these rows, from the first on, a batch has room for."""
    if most_bytes(rows) <= batching.MAX_BYTES:
        return len(rows)
    return batching.cut([position_bytes(row) for row in rows])


class Freezer:
    """Walks whatever is RESOLVING, woken by a notification and at start."""

    def __init__(
        self, *, database: Database, wake: asyncio.Event, non_openers: NonOpeners, retries: Retries, backlog: Backlog
    ) -> None:
        self._database = database
        self._backlog = backlog
        self._retries = retries
        self._non_openers = non_openers
        self._wake = wake
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._walks: dict[bytes, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Begin looking."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """End each walk behind the batch at hand."""
        self._stopping = True
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task, *self._walks.values()], timeout=10)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                self._begin(await self._database.read(audiences.resolving))
            except Unavailable as error:
                log.warning("audiences wait", problem=error.message)
            try:
                async with asyncio.timeout(SAFETY_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _begin(self, runs: Sequence[bytes]) -> None:
        for run in runs:
            if run not in self._walks and len(self._walks) < WALKS_AT_ONCE:
                self._walks[run] = asyncio.create_task(self._walk(run))

    async def _walk(self, run: bytes) -> None:
        try:
            more = await self.freeze(run)
        except Unavailable as error:
            log.warning("an audience waits", run=run.hex(), problem=error.message)
            more = False
        except Exception:
            log.exception("an audience could not be resolved, trying again", run=run.hex())
            await asyncio.sleep(SAFETY_SECONDS)
            more = False
        del self._walks[run]
        if more:
            self._wake.set()  # others may have waited for a place

    async def freeze(self, run: bytes) -> bool:
        """Walk the run to its end; False where another process does."""

        async def read(tx: Transaction) -> bool:
            if not await audiences.take(tx, run):
                return False
            audience = await audiences.find(tx, run)
            if audience is not None and audience.state is AudienceState.RESOLVING:
                try:
                    await self._freeze_from(tx, audience)
                except AudienceForgotten:
                    await self._give_up(run)
            return True

        return await self._database.transaction(read)

    async def _freeze_from(self, tx: Transaction, audience: Audience) -> None:
        run = CampaignLifecycle.FromString(await audiences.announced(tx, audience.run)).run_started
        is_retry = run.HasField("retry_of")
        # A browser that moved to a later contact while nobody walked must not be taken twice.
        taken = frozenset() if is_retry else await _taken(tx, audience)
        source = self._retries.positions(tx, audience, run) if is_retry else await self._open_walk(tx, audience, run)
        pace = Pace(self._backlog, run=audience.run, channels=run.channels)
        number, before, ended = audience.batch_count, audience.last_contact, False
        rows: list[Row] = []
        while not self._stopping:
            began = time.monotonic()
            most = batching.positions_of(number, by_calls=set(run.channels) == {CHANNEL_HTTP})
            wanted = most - len(rows)
            if not ended and wanted > 0:
                found = await source.fetch(wanted)
                ended = len(found) < wanted
                rows += [row for row in found if row[2] not in taken] if taken else found
            if not rows and ended:
                await self._complete(audience, batch_count=number)
                return
            if not rows:
                continue
            count = size_of_batch(rows[:most])
            batch = build_batch(rows[:count], number=number, before=before)
            if not await self._append(audience, batch):
                return
            number, before, rows = number + 1, batch.last[0], rows[count:]
            await pace.keep(began=began, positions=count, batches=number)

    async def _open_walk(self, tx: Transaction, audience: Audience, run: RunStarted) -> Any:
        tree = read_filter(FilterMessage.FromString(audience.filter), "filter")
        await self._non_openers.put_beside(tx, tenant=audience.tenant, tree=tree)
        keys = await contacts.attributes_of(tx, audience.tenant, audience.project, run.contact_fields)
        return await audiences.open_walk(
            tx,
            audience,
            tree,
            channels=run.channels,
            fields=run.contact_fields,
            keys=[keys[field] for field in run.contact_fields],
        )

    async def _append(self, audience: Audience, batch: Batch) -> bool:
        async def work(tx: Transaction) -> bool:
            stored = await audiences.append(tx, audience.run, batch)
            if stored:
                await publish_batch(tx, audience, batch)
            return stored

        return await self._database.transaction(work)

    async def _give_up(self, run: bytes) -> None:
        async def work(tx: Transaction) -> Audience | None:
            return await audiences.find(tx, run)

        found = await self._database.transaction(work)
        if found is not None:
            await self._complete(found, batch_count=found.batch_count, failure_reason="AUDIENCE_FORGOTTEN")

    async def _complete(self, audience: Audience, *, batch_count: int, failure_reason: str = "") -> None:
        async def work(tx: Transaction) -> None:
            whole = await audiences.complete(tx, audience.run, batch_count=batch_count, failure_reason=failure_reason)
            if whole is not None:
                await publish_totals(tx, whole)

        await self._database.transaction(work)


async def _taken(tx: Transaction, audience: Audience) -> frozenset[bytes]:
    """The subscriptions that are frozen already; none at a first start."""
    taken: set[bytes] = set()
    for first in range(0, audience.batch_count, PAGE):
        page = await audiences.missing(tx, audience.run, after=first - 1, known=(), limit=PAGE)
        for _, _, _, recipients in page:
            raw = Recipients.FromString(recipients).endpoints
            taken.update(raw[start : start + ids.SIZE] for start in range(0, len(raw), ids.SIZE))
    return frozenset(taken - {NO_ENDPOINT})
