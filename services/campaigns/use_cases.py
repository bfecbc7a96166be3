"""Owns what can be done with campaigns, one function each; each is one transaction.

Never talks to Kafka (the outbox does) and never to a peer inside a transaction.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from services import topics
from services.campaigns import messages, repository
from services.campaigns.domain.campaign import ENDED, SENDING, Campaign, Definition, State, Step
from services.campaigns.domain.run import Run, RunState
from services.runtime import ids, outbox
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Conflict, NotFound
from services.runtime.identity import Caller

SCHEDULE_CHANNEL = "schedule"


@dataclass(frozen=True, slots=True)
class AudienceSize:
    """How large an audience was when somebody looked."""

    messages: int
    contacts: int


async def announce(tx: Transaction, campaign: Campaign) -> None:
    """Tell the others how the campaign stands now."""
    await outbox.publish(
        tx,
        topic=topics.CAMPAIGN_LIFECYCLE.name,
        key=campaign.tenant + campaign.id,
        event=messages.state_changed(campaign),
    )


def not_found() -> NotFound:
    """There is no such campaign, or it is another tenant's."""
    return NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field="name")


class UseCases:
    """The commands and questions of this service."""

    def __init__(self, *, database: Database, clock: Clock, lifetime: datetime.timedelta) -> None:
        self._database = database
        self._clock = clock
        self._lifetime = lifetime

    async def create(
        self, *, tenant: bytes, project: bytes, definition: Definition, size: AudienceSize | None
    ) -> Campaign:
        """Store a new campaign; `size` is given for one that starts at once."""
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

        async def work(tx: Transaction) -> Campaign:
            await repository.add(tx, campaign)
            if definition.immediate and size is not None:
                await self._launch(tx, campaign, size)
            elif definition.start_at is not None:
                campaign.apply(Step.SCHEDULE, now=now)
                await repository.save(tx, campaign)
                await tx.raw.execute(f"SELECT pg_notify(current_schema() || '_{SCHEDULE_CHANNEL}', '')")
                await announce(tx, campaign)
            else:
                await announce(tx, campaign)
            return campaign

        return await self._database.transaction(work)

    async def get(self, *, caller: Caller, project: bytes | None, campaign: bytes) -> Campaign:
        """The caller's campaign; `project` None finds it in any."""

        async def work(tx: Transaction) -> Campaign:
            return await self._own(tx, caller, project, campaign, lock=False)

        return await self._database.transaction(work)

    async def list_page(self, *, tenant: bytes, project: bytes, before: bytes | None, limit: int) -> list[Campaign]:
        """The project's campaigns, newest first."""

        async def work(tx: Transaction) -> list[Campaign]:
            return await repository.list_page(tx, tenant=tenant, project=project, before=before, limit=limit)

        return await self._database.transaction(work)

    async def list_runs(
        self, *, caller: Caller, project: bytes | None, campaign: bytes, before: bytes | None, limit: int
    ) -> tuple[Campaign, list[Run]]:
        """A campaign and its runs, newest first."""

        async def work(tx: Transaction) -> tuple[Campaign, list[Run]]:
            found = await self._own(tx, caller, project, campaign, lock=False)
            runs = await repository.runs_of(tx, tenant=found.tenant, campaign=found.id, before=before, limit=limit)
            return found, runs

        return await self._database.transaction(work)

    async def start(
        self, *, caller: Caller, project: bytes | None, campaign: bytes, etag: str, size: AudienceSize
    ) -> Campaign:
        """Launch a draft or scheduled campaign now."""

        async def work(tx: Transaction) -> Campaign:
            found = await self._own(tx, caller, project, campaign, lock=True)
            if etag and etag != found.etag:
                raise Conflict("CAMPAIGN_CHANGED", "The campaign has changed since.", field="etag")
            await self._launch(tx, found, size)
            return found

        return await self._database.transaction(work)

    async def start_due(self, *, campaign: bytes, size: AudienceSize) -> None:
        """Launch a scheduled campaign whose time has come, unless somebody else did something with it meanwhile."""

        async def work(tx: Transaction) -> None:
            found = await repository.find(tx, tenant=None, campaign=campaign, lock=True)
            if found is not None and found.state is State.SCHEDULED:
                await self._launch(tx, found, size)

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

    async def _launch(self, tx: Transaction, campaign: Campaign, size: AudienceSize) -> None:
        campaign.definition.check_can_start()
        now = self._clock.now()
        campaign.apply(Step.LAUNCH, now=now)
        campaign.queued = size.messages
        run = Run(
            id=ids.new_id(),
            tenant=campaign.tenant,
            campaign=campaign.id,
            state=RunState.PREPARING,
            message_count=size.messages,
            contact_count=size.contacts,
            queued=size.messages,
            started_at=now,
        )
        fact = messages.run_started(campaign, run, lifetime=self._lifetime)
        await repository.save(tx, campaign)
        await repository.add_run(tx, run, fact=fact.SerializeToString())
        await outbox.publish(tx, topic=topics.CAMPAIGN_LIFECYCLE.name, key=campaign.tenant + campaign.id, event=fact)
        await announce(tx, campaign)

    async def freeze_run(
        self, tx: Transaction, *, campaign: bytes, run: bytes, messages: int, contacts: int, failure_reason: str
    ) -> None:
        """The run's audience is known exactly."""
        found = await repository.find(tx, tenant=None, campaign=campaign, lock=True)
        if found is None:
            raise not_found()
        runs = await repository.runs_of(tx, tenant=found.tenant, campaign=found.id)
        for item in runs:
            if item.id == run and item.state is RunState.PREPARING:
                item.freeze(messages=messages, contacts=contacts, failure_reason=failure_reason)
                await repository.save_run(tx, item)
                await self._recount(tx, found, runs)

    async def end_run(
        self,
        tx: Transaction,
        *,
        campaign: bytes,
        run: bytes,
        state: RunState,
        messages: int,
        queued: int,
        at: datetime.datetime,
    ) -> None:
        """Every book says the same of the run; with its last run, the campaign ends."""
        found = await repository.find(tx, tenant=None, campaign=campaign, lock=True)
        if found is None:
            raise not_found()
        runs = await repository.runs_of(tx, tenant=found.tenant, campaign=found.id)
        for item in runs:
            if item.id == run and item.is_open:
                item.end(state=state, messages=messages, queued=queued, at=at)
                await repository.save_run(tx, item)
                self._end_with(found, runs)
                await self._recount(tx, found, runs)

    def _end_with(self, campaign: Campaign, runs: list[Run]) -> None:
        if any(run.is_open for run in runs):
            return
        failure = next((run.failure_reason for run in runs if run.failure_reason), "")
        if campaign.state in SENDING:
            campaign.wanted = None  # a hold that nobody answered holds nothing any more
            campaign.apply(Step.FAIL if failure else Step.COMPLETE, now=self._clock.now())
            campaign.failure_reason = failure
        campaign.final = campaign.state in ENDED

    async def _recount(self, tx: Transaction, campaign: Campaign, runs: list[Run]) -> None:
        campaign.queued = sum(run.queued for run in runs)
        campaign.changed(now=self._clock.now())
        await repository.save(tx, campaign)
        await announce(tx, campaign)

    async def _own(
        self, tx: Transaction, caller: Caller, project: bytes | None, campaign: bytes, *, lock: bool
    ) -> Campaign:
        found = await repository.find(tx, tenant=caller.tenant(), campaign=campaign, lock=lock)
        if found is None or project not in (None, found.project) or not caller.may_use(found.project):
            raise not_found()
        return found
