"""Owns what a run's progress does to its campaign: its audience is frozen, it ends, and with the last one the campaign.

Never counts messages: the numbers come from segments and, at the end, from analytics.
"""

from __future__ import annotations

import datetime

from services.campaigns import repository
from services.campaigns.domain.campaign import ENDED, SENDING, Campaign, Step
from services.campaigns.domain.run import Run, RunState
from services.campaigns.use_cases import announce, not_found
from services.runtime.clock import Clock
from services.runtime.database import Transaction

TOTALS_MAY_COME = datetime.timedelta(seconds=30)  # after the end of a run whose totals have not come yet


def _last_step(runs: list[Run]) -> Step:
    """How a campaign ends with these runs; one that was cancelled was, though the command's answer may be lost.

    A retry that could not be carried out takes nothing away from what was sent before.
    """
    if all(run.failure_reason for run in runs):
        return Step.FAIL
    return Step.CANCEL if any(run.state is RunState.CANCELLED for run in runs) else Step.COMPLETE


class RunProgress:
    """Works inside the transaction of the event that tells of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def freeze(
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

    async def end(
        self,
        tx: Transaction,
        *,
        campaign: bytes,
        run: bytes,
        state: RunState,
        messages: int,
        queued: int,
        at: datetime.datetime,
        correction: int,
    ) -> None:
        """Every book says the same of the run, perhaps again; with its last run, the campaign ends."""
        found = await repository.find(tx, tenant=None, campaign=campaign, lock=True)
        if found is None:
            raise not_found()
        runs = await repository.runs_of(tx, tenant=found.tenant, campaign=found.id)
        for item in runs:
            if item.id == run and item.is_open and not self._totals_may_come(item, at):
                item.end(state=state, messages=messages, queued=queued, at=at, correction=correction)
                await repository.save_run(tx, item)
                self._end_with(found, runs)
                await self._recount(tx, found, runs)
            elif item.id == run and item.correct(queued=queued, correction=correction):
                await repository.save_run(tx, item)
                await self._recount(tx, found, runs)

    def _totals_may_come(self, run: Run, ended_at: datetime.datetime) -> bool:
        """Whether its totals are on their way: they say if its audience failed. The pull tells of the end again."""
        return run.state is RunState.PREPARING and self._clock.now() - ended_at < TOTALS_MAY_COME

    def _end_with(self, campaign: Campaign, runs: list[Run]) -> None:
        if any(run.is_open for run in runs):
            return
        if campaign.state in SENDING:
            campaign.wanted = None  # a hold that nobody answered holds nothing any more
            step = _last_step(runs)
            campaign.apply(step, now=self._clock.now())
            campaign.failure_reason = runs[0].failure_reason if step is Step.FAIL else ""
        campaign.final = campaign.state in ENDED

    async def _recount(self, tx: Transaction, campaign: Campaign, runs: list[Run]) -> None:
        campaign.queued = sum(run.queued for run in runs)
        campaign.changed(now=self._clock.now())
        await repository.save(tx, campaign)
        await announce(tx, campaign)
