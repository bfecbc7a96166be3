"""Owns the permission to start calls: read, not locked, and good for half a second from the start of the read.

Never asks per message: whoever sends looks at a clock. A read that saw the campaign active began before a pause
committed, so half a second after that commit nobody may start anything.
"""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Sequence, Set

import structlog

from services.delivery import run_repository, suppression_repository
from services.runtime.background import run_in_background
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable

log = structlog.get_logger()

GOOD_FOR = 0.5
RENEW_EVERY = 0.15
LET_GO_AFTER = 2.0  # without a claim in hand
REMEMBERED = 10_000  # suppressions; what is older than the oldest of them concerns everybody

Person = tuple[bytes, int]  # contact, channel


class Authorisation:
    """May this process start calls of one run? `version` is the tenant's suppression version that the read saw."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._suppressed: list[tuple[int, Person]] = []  # all behind version `_known_after`, ascending
        self._known_after = 0
        self.version = 0
        self.used_at = clock.boot_seconds()

    def grant(self, *, since: float, version: int, suppressed: Sequence[tuple[int, Person]] | None = None) -> None:
        """A read that began at `since` said yes; `suppressed` is who was behind the version before, ascending, None
        where that is not known."""
        self._until = max(self._until, since + GOOD_FOR)
        if version <= self.version:
            return
        self._suppressed = [] if suppressed is None else [*self._suppressed, *suppressed]
        if suppressed is None:
            self._known_after = version
        elif len(self._suppressed) > REMEMBERED:
            self._known_after = self._suppressed[-REMEMBERED - 1][0]
            self._suppressed = self._suppressed[-REMEMBERED:]
        self.version = version

    def revoke(self) -> None:
        """A read said no."""
        self._until = 0.0

    def asker(self, *, version: int, people: Callable[[], Set[Person]]) -> Callable[[], bool]:
        """What a sender asks before each call of a claim that saw `version`; no as soon as one of its people is known
        to be suppressed since."""
        clock, seen = self._clock.boot_seconds, version

        def may_start() -> bool:
            nonlocal seen
            if clock() >= self._until:
                return False
            if self.version > seen:
                if self._concerns(people(), since=seen):
                    return False
                seen = self.version
            return True

        return may_start

    def _concerns(self, people: Set[Person], *, since: int) -> bool:
        if since < self._known_after:
            return True
        first = bisect.bisect_right(self._suppressed, since, key=lambda item: item[0])
        return any(person in people for _, person in self._suppressed[first:])


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
        elif version <= held.version:  # else the others would go on without what it saw
            held.grant(since=since, version=version)
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

        async def work(tx: Transaction) -> tuple[int | None, list[tuple[int, Person]]]:
            version = await run_repository.sendable_version(tx, run)
            if version is None or version <= held.version:
                return version, []
            newly = suppression_repository.newly_suppressed(tx, run, after=held.version, limit=REMEMBERED + 1)
            return version, await newly

        try:
            async with asyncio.timeout(GOOD_FOR):
                version, suppressed = await self._database.read(work)
        except (Unavailable, TimeoutError) as error:
            log.warning("the authorisation was not renewed", run=run.hex(), problem=repr(error))
            return  # it runs out by itself
        if version is None:
            held.revoke()
        else:
            known = suppressed if len(suppressed) <= REMEMBERED else None
            held.grant(since=since, version=version, suppressed=known)
