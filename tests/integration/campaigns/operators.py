"""Owns one organization with campaigns: what its operators do, and what the rows and the outbox say of it."""

from __future__ import annotations

import datetime
from typing import Any

import grpc
from carillon.delivery.v1.control_service_pb2_grpc import ControlServiceStub
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle

from services import names
from services.campaigns import repository
from services.campaigns.commands import Commands
from services.campaigns.domain.campaign import Campaign, State
from services.campaigns.domain.run import Run, RunState
from services.campaigns.readiness import Ready
from services.campaigns.run_progress import RunProgress
from services.campaigns.use_cases import UseCases
from services.runtime import ids
from services.runtime.clock import SystemClock
from services.runtime.database import Database, Transaction
from services.runtime.idempotency import Idempotency
from services.runtime.identity import Caller
from tests.unit.services.campaigns.domain.builders import a_definition

TEN = Ready(messages=10, contacts=9)


class MovableClock(SystemClock):
    """The system's, set forward by whoever cannot wait."""

    def __init__(self) -> None:
        self.ahead = datetime.timedelta()

    def now(self) -> datetime.datetime:
        return super().now() + self.ahead


class Operators:
    """A tenant of the test's own. `delivery` is the address of the other end of its commands."""

    def __init__(self, database: Database, *, delivery: str = "127.0.0.1:1") -> None:
        self.database = database
        self.clock = MovableClock()
        self.caller = Caller(organization=ids.new_id(), subject="key:1")
        self.project = ids.new_id()
        self.use_cases = UseCases(
            database=database,
            clock=self.clock,
            idempotency=Idempotency(database=database, clock=self.clock, services=()),
            lifetime=datetime.timedelta(days=1),
        )
        self.progress = RunProgress(self.clock)
        self._channel = grpc.aio.insecure_channel(delivery)
        self.commands = Commands(database=database, delivery=ControlServiceStub(self._channel), clock=self.clock)

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()

    async def create(self, **definition: Any) -> Campaign:
        """A draft, or what the definition says."""
        made = await self.use_cases.create(
            tenant=self.caller.tenant(), project=self.project, definition=a_definition(**definition), ready=TEN
        )
        _, campaign = names.split(made.name, "projects", "campaigns")
        assert campaign is not None
        return await self._find(campaign)

    async def launch(self) -> Campaign:
        """A campaign that is being sent."""
        return await self.create(immediate=True)

    async def order(self, campaign: Campaign, wanted: State) -> Campaign:
        """Pause, resume or cancel."""
        return await self.commands.carry_out(caller=self.caller, project=None, campaign=campaign.id, wanted=wanted)

    async def row(self, campaign: Campaign) -> Campaign:
        """The campaign as it is stored now."""
        return await self._find(campaign.id)

    async def _find(self, campaign: bytes) -> Campaign:
        found = await self.database.transaction(lambda tx: repository.find(tx, tenant=None, campaign=campaign))
        assert found is not None
        return found

    async def freeze_run(self, campaign: Campaign, *, failure_reason: str = "") -> None:
        """segments has announced the audience of the campaign's newest run."""
        run = (await self.runs(campaign))[0]

        async def work(tx: Transaction) -> None:
            await self.progress.freeze(
                tx, campaign=campaign.id, run=run.id, messages=8, contacts=7, failure_reason=failure_reason
            )

        await self.database.transaction(work)

    async def end_run(self, campaign: Campaign, state: RunState = RunState.COMPLETED) -> None:
        """analytics has counted the campaign's newest run."""
        run = (await self.runs(campaign))[0]

        async def work(tx: Transaction) -> None:
            await self.progress.end(
                tx,
                campaign=campaign.id,
                run=run.id,
                state=state,
                messages=8,
                queued=6,
                at=self.clock.now(),
                correction=0,
            )

        await self.database.transaction(work)

    async def runs(self, campaign: Campaign) -> list[Run]:
        """Its runs, newest first."""
        return await self.database.transaction(
            lambda tx: repository.runs_of(tx, tenant=campaign.tenant, campaign=campaign.id)
        )

    async def last_told(self, campaign: Campaign) -> tuple[State, bool, int]:
        """(state, whether it is final, messages queued) as the others were told last."""
        changed = (await self.told(campaign))[-1].state_changed
        return State(changed.state), changed.final, changed.queued_message_count

    async def told(self, campaign: Campaign) -> list[CampaignLifecycle]:
        """The facts about it that wait in the outbox, in order."""
        question = "SELECT payload FROM outbox WHERE key = $1 ORDER BY stored_at"
        rows = await self.database.transaction(lambda tx: tx.raw.fetch(question, campaign.tenant + campaign.id))
        return [CampaignLifecycle.FromString(row["payload"]) for row in rows]
