"""Owns what can be done with campaigns, one function each; each is one transaction.

Never talks to Kafka (the outbox does) and never to a peer inside a transaction.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TypeVar

from carillon.campaigns.v1 import campaigns_pb2 as pb
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle, RetryOf

from services import topics
from services.campaigns import messages, repository
from services.campaigns.domain.campaign import Campaign, Definition, State, Step, changed, check_etag
from services.campaigns.domain.run import Run, RunState
from services.campaigns.readiness import Ready
from services.campaigns.repository import Shown, Slice, Wanted
from services.runtime import ids, outbox
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import NotFound
from services.runtime.idempotency import Idempotency
from services.runtime.identity import Caller

SCHEDULE_CHANNEL = "schedule"
Found = TypeVar("Found", Campaign, Shown)


async def announce(tx: Transaction, campaign: Campaign) -> None:
    """Tell the others how the campaign stands now."""
    await outbox.publish(
        tx,
        topic=topics.CAMPAIGN_LIFECYCLE.name,
        key=campaign.tenant + campaign.id,
        event=messages.state_changed(campaign.standing),
    )


def not_found() -> NotFound:
    """There is no such campaign, or it is another tenant's."""
    return NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field="name")


class UseCases:
    """The commands and questions of this service."""

    def __init__(
        self, *, database: Database, clock: Clock, idempotency: Idempotency, lifetime: datetime.timedelta
    ) -> None:
        self._database = database
        self._idempotency = idempotency
        self._clock = clock
        self._lifetime = lifetime

    async def create(
        self,
        *,
        tenant: bytes,
        project: bytes,
        definition: Definition,
        ready: Ready | None,
    ) -> pb.Campaign:
        """Store a new campaign, and launch or schedule it where it says so; `ready` is given for one that starts."""
        now = self._clock.now()
        campaign = Campaign(
            id=ids.new_id(),
            tenant=tenant,
            project=project,
            definition=definition,
            state=State.DRAFT,
            created_at=now,
            updated_at=now,
        )

        async def work(tx: Transaction) -> pb.Campaign:
            await self._set_going(tx, campaign, ready)
            return messages.campaign_to(campaign)

        return await self._idempotency.transaction(pb.Campaign, work)

    async def update(self, *, caller: Caller, read: Campaign, definition: Definition, ready: Ready | None) -> Campaign:
        """Give a draft a new definition, and launch or schedule it where that says so.

        Raises Conflict where the campaign has changed since it was `read`.
        """

        async def work(tx: Transaction) -> Campaign:
            found = await self._own(tx, caller, read.project, read.id, lock=True)
            found.apply(Step.EDIT, now=self._clock.now())
            if found.revision != read.revision:
                raise changed()
            found.definition = definition
            found.changed(now=self._clock.now())
            await self._set_going(tx, found, ready)
            return found

        return await self._database.transaction(work)

    async def delete(self, *, caller: Caller, project: bytes | None, campaign: bytes) -> None:
        """Hide it from its owner."""

        async def work(tx: Transaction) -> None:
            found = await self._own(tx, caller, project, campaign, lock=True)
            now = self._clock.now()
            found.apply(Step.DELETE, now=now)
            found.deleted_at = now
            found.final = found.final or found.state is not State.CANCELLED or found.started_at is None
            found.changed(now=now)
            await repository.save(tx, found)
            await announce(tx, found)

        await self._database.transaction(work)

    async def archive(self, *, caller: Caller, project: bytes | None, campaign: bytes) -> Campaign:
        """Put an ended campaign away."""

        async def work(tx: Transaction) -> Campaign:
            found = await self._own(tx, caller, project, campaign, lock=True)
            found.apply(Step.ARCHIVE, now=self._clock.now())
            await repository.save(tx, found)
            await announce(tx, found)
            return found

        return await self._database.transaction(work)

    async def get(self, *, caller: Caller, project: bytes | None, campaign: bytes) -> Campaign:
        """The caller's campaign; `project` None finds it in any."""

        async def work(tx: Transaction) -> Campaign:
            return await self._own(tx, caller, project, campaign, lock=False)

        return await self._database.read(work)

    async def show(self, *, caller: Caller, project: bytes | None, campaign: bytes) -> pb.Campaign:
        """The same for whoever only looks at it."""
        tenant = caller.tenant()
        found = await self._database.read(lambda tx: repository.show(tx, tenant=tenant, campaign=campaign))
        return _permitted(found, caller, project).resource

    async def list_page(self, wanted: Wanted, part: Slice) -> list[Shown]:
        """Campaigns, newest first."""
        return await self._database.read(lambda tx: repository.list_page(tx, wanted, part))

    async def list_counted_page(self, wanted: Wanted, part: Slice) -> tuple[list[Shown], int]:
        """Campaigns, newest first, and how many there are in all."""
        return await self._database.read(lambda tx: repository.list_counted_page(tx, wanted, part))

    async def list_runs(
        self, *, caller: Caller, project: bytes | None, campaign: bytes, before: bytes | None, limit: int
    ) -> tuple[Campaign, list[Run]]:
        """A campaign and its runs, newest first."""

        async def work(tx: Transaction) -> tuple[Campaign, list[Run]]:
            found = await self._own(tx, caller, project, campaign, lock=False)
            runs = await repository.runs_of(tx, tenant=found.tenant, campaign=found.id, before=before, limit=limit)
            return found, runs

        return await self._database.transaction(work)

    async def start(self, *, caller: Caller, read: Campaign, definition: Definition, ready: Ready) -> pb.Campaign:
        """Launch a draft or scheduled campaign now, with this definition.

        Raises Conflict where the campaign has changed since it was `read`.
        """

        async def work(tx: Transaction) -> pb.Campaign:
            found = await self._own(tx, caller, read.project, read.id, lock=True)
            if found.revision != read.revision:  # also where it is SCHEDULED by now: what was read must not win
                replace(found).apply(Step.LAUNCH, now=self._clock.now())
                raise changed()
            found.definition = definition
            await self._launch(tx, found, ready)
            return messages.campaign_to(found)

        return await self._idempotency.transaction(pb.Campaign, work)

    async def retry(
        self, *, caller: Caller, project: bytes | None, campaign: bytes, etag: str, retry_of: RetryOf
    ) -> pb.Campaign:
        """Let a completed campaign go on with a further run, for messages of its earlier ones."""

        async def work(tx: Transaction) -> pb.Campaign:
            found = await self._own(tx, caller, project, campaign, lock=True)
            replace(found).retry(now=self._clock.now())
            check_etag(found, etag)
            await self._launch_retry(tx, found, retry_of)
            return messages.campaign_to(found)

        return await self._idempotency.transaction(pb.Campaign, work)

    async def _launch_retry(self, tx: Transaction, campaign: Campaign, retry_of: RetryOf) -> None:
        now = self._clock.now()
        campaign.retry(now=now)
        if campaign.epoch:  # a run may complete while it is held: delivery may hold the campaign still
            campaign.command(State.ACTIVE)
        first = await repository.first_fact(tx, tenant=campaign.tenant, campaign=campaign.id)
        run = Run(
            id=ids.new_id(),
            tenant=campaign.tenant,
            campaign=campaign.id,
            state=RunState.PREPARING,
            message_count=0,
            contact_count=0,
            started_at=now,
        )
        fact = messages.retry_started(CampaignLifecycle.FromString(first), run, retry_of, lifetime=self._lifetime)
        await repository.save(tx, campaign)
        await repository.add_run(tx, run, fact=fact.SerializeToString())
        await outbox.publish(tx, topic=topics.CAMPAIGN_LIFECYCLE.name, key=campaign.tenant + campaign.id, event=fact)
        await announce(tx, campaign)

    async def start_due(self, *, campaign: bytes, ready: Ready) -> None:
        """Launch a scheduled campaign whose time has come, unless somebody else did something with it meanwhile."""

        async def work(tx: Transaction) -> None:
            found = await repository.find(tx, tenant=None, campaign=campaign, lock=True)
            if found is not None and found.state is State.SCHEDULED:
                await self._launch(tx, found, ready)

        await self._database.transaction(work)

    async def fail_due(self, *, campaign: bytes, reason: str) -> None:
        """Give up on a scheduled campaign whose audience is no longer valid."""

        async def work(tx: Transaction) -> None:
            found = await repository.find(tx, tenant=None, campaign=campaign, lock=True)
            if found is not None and found.state is State.SCHEDULED:
                now = self._clock.now()
                found.apply(Step.LAUNCH, now=now)
                found.apply(Step.FAIL, now=now)
                found.failure_reason, found.final = reason, True
                await repository.save(tx, found)
                await announce(tx, found)

        await self._database.transaction(work)

    async def _set_going(self, tx: Transaction, campaign: Campaign, ready: Ready | None) -> None:
        """Launch, schedule or keep as a draft, as its definition says."""
        now = self._clock.now()
        if campaign.definition.starts_at_once(now=now) and ready is not None:
            await self._launch(tx, campaign, ready)
            return
        if campaign.definition.start_at is not None:
            campaign.apply(Step.SCHEDULE, now=now)
            await tx.raw.execute(f"SELECT pg_notify(current_schema() || '_{SCHEDULE_CHANNEL}', '')")
        await repository.save(tx, campaign)
        await announce(tx, campaign)

    async def _launch(self, tx: Transaction, campaign: Campaign, ready: Ready) -> None:
        campaign.definition.check_can_start()
        now = self._clock.now()
        campaign.apply(Step.LAUNCH, now=now)
        campaign.queued = ready.messages
        run = Run(
            id=ids.new_id(),
            tenant=campaign.tenant,
            campaign=campaign.id,
            state=RunState.PREPARING,
            message_count=ready.messages,
            contact_count=ready.contacts,
            queued=ready.messages,
            started_at=now,
        )
        fact = messages.run_started(
            campaign, run, lifetime=self._lifetime, email=ready.email, contact_fields=ready.contact_fields
        )
        await repository.save(tx, campaign)
        await repository.add_run(tx, run, fact=fact.SerializeToString())
        await outbox.publish(tx, topic=topics.CAMPAIGN_LIFECYCLE.name, key=campaign.tenant + campaign.id, event=fact)
        await announce(tx, campaign)

    async def _own(
        self, tx: Transaction, caller: Caller, project: bytes | None, campaign: bytes, *, lock: bool
    ) -> Campaign:
        found = await repository.find(tx, tenant=caller.tenant(), campaign=campaign, lock=lock)
        return _permitted(found, caller, project)


def _permitted(found: Found | None, caller: Caller, project: bytes | None) -> Found:
    """What was found, if it is in `project`, where None in any, and the caller may use that."""
    if found is None or project not in (None, found.project) or not caller.may_use(found.project):
        raise not_found()
    return found
