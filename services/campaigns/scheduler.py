"""Owns starting scheduled campaigns on time, once, whatever restarts.

Never trusts a timer: the row's state and its lock decide who starts it; the timer only says when to look.
"""

from __future__ import annotations

import asyncio

import grpc
import structlog

from services.campaigns import repository
from services.campaigns.domain.campaign import Campaign
from services.campaigns.readiness import Readiness
from services.campaigns.use_cases import UseCases
from services.runtime.background import run_in_background
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid, NotFound, Unavailable

log = structlog.get_logger()

LONGEST_SLEEP = 5.0
BATCH = 20
AFTER_A_DEFECT = 1.0  # seconds until a campaign that could not be started is tried again


class Scheduler:
    """Looks for due campaigns whenever one is due, and whenever it is woken."""

    def __init__(
        self, *, database: Database, use_cases: UseCases, readiness: Readiness, clock: Clock, wake: asyncio.Event
    ) -> None:
        self._database = database
        self._use_cases = use_cases
        self._readiness = readiness
        self._clock = clock
        self._wake = wake
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin looking."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """End looking."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=5)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                pause = await self._start_due()
            except (Unavailable, OSError) as error:
                log.warning("scheduled campaigns wait", problem=str(error))
                pause = 1.0
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _start_due(self) -> float:
        async def due(tx: Transaction) -> list[Campaign]:
            return await repository.lock_due(tx, now=self._clock.now(), limit=BATCH)

        async def upcoming(tx: Transaction) -> float:
            next_at = await repository.next_start(tx)
            if next_at is None:
                return LONGEST_SLEEP
            return min(max((next_at - self._clock.now()).total_seconds(), 0.01), LONGEST_SLEEP)

        failed = False
        for campaign in await self._database.transaction(due):
            try:
                await self._start_one(campaign)
            except (Unavailable, OSError):
                raise
            except Exception:  # whatever is wrong with this one, the others start on time
                log.exception("a scheduled campaign could not be started", campaign=campaign.id.hex())
                failed = True
        pause = await self._database.read(upcoming)
        return AFTER_A_DEFECT if failed else pause

    async def _start_one(self, campaign: Campaign) -> None:
        try:
            ready = await self._readiness.check_due(
                tenant=campaign.tenant, project=campaign.project, definition=campaign.definition
            )
        except grpc.aio.AioRpcError as error:
            await self._give_up(campaign, reason="AUDIENCE_INVALID", problem=error.details())
        except (Invalid, NotFound) as error:
            await self._give_up(campaign, reason=error.reason, problem=error.message)
        else:
            await self._use_cases.start_due(campaign=campaign.id, ready=ready)

    async def _give_up(self, campaign: Campaign, *, reason: str, problem: str | None) -> None:
        log.error("a scheduled campaign cannot start", campaign=campaign.id.hex(), problem=problem)
        await self._use_cases.fail_due(campaign=campaign.id, reason=reason)
