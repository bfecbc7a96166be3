"""Owns the permission to start calls: read, not locked, and good for half a second from the start of the read.

Never asks per message: whoever sends looks at a clock. A read that saw the campaign active began before a pause
committed, so half a second after that commit nobody may start anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from services.delivery import run_repository
from services.runtime.background import run_in_background
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable

log = structlog.get_logger()

GOOD_FOR = 0.5
RENEW_EVERY = 0.15
LET_GO_AFTER = 2.0  # without a claim in hand


class Authorisation:
    """May this process start calls of one run? `version` is the tenant's suppression version that the read saw."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self.version = 0
        self.used_at = clock.boot_seconds()

    def grant(self, *, since: float, version: int) -> None:
        """A read that began at `since` said yes."""
        self._until = max(self._until, since + GOOD_FOR)
        self.version = max(self.version, version)

    def revoke(self) -> None:
        """A read said no."""
        self._until = 0.0

    def asker(self, *, version: int) -> Callable[[], bool]:
        """What a sender asks before each call; no as soon as a suppression is known that the claim did not see."""
        clock = self._clock.boot_seconds

        def may_start() -> bool:
            return clock() < self._until and self.version <= version

        return may_start


class Authorisations:
    """The authorisations of all runs that this process sends, renewed as long as they are used."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._held: dict[bytes, Authorisation] = {}
        self._tasks: dict[bytes, asyncio.Task[None]] = {}

    def of(self, run: bytes, *, since: float, version: int) -> Authorisation:
        """The run's authorisation, granted by a claim that began at `since`."""
        held = self._held.get(run)
        if held is None:
            held = self._held[run] = Authorisation(self._clock)
            held.grant(since=since, version=version)
            self._tasks[run] = run_in_background(self._renew(run, held))
        held.used_at = self._clock.boot_seconds()
        return held

    def revoke_all(self) -> None:
        """Start nothing any more: the process stops."""
        for task in self._tasks.values():
            task.cancel()
        for held in self._held.values():
            held.revoke()

    async def _renew(self, run: bytes, held: Authorisation) -> None:
        while self._clock.boot_seconds() - held.used_at < LET_GO_AFTER:
            await self._read(run, held)
            await asyncio.sleep(RENEW_EVERY)
        held.revoke()
        del self._held[run], self._tasks[run]

    async def _read(self, run: bytes, held: Authorisation) -> None:
        since = self._clock.boot_seconds()

        async def work(tx: Transaction) -> int | None:
            return await run_repository.sendable_version(tx, run)

        try:
            async with asyncio.timeout(GOOD_FOR):
                version = await self._database.transaction(work)
        except (Unavailable, TimeoutError) as error:
            log.warning("the authorisation was not renewed", run=run.hex(), problem=repr(error))
            return  # it runs out by itself
        if version is None:
            held.revoke()
        else:
            held.grant(since=since, version=version)
