"""Owns what is nobody's turn: claims of the dead, claims that nobody remembers, what must not be sent any more, runs
that are at rest without anybody having noticed.

Never touches what a living process holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import structlog

from services.delivery import claim_repository, run_repository
from services.delivery.claim_repository import TO_CANCEL, TO_EXPIRE, Claim
from services.delivery.completion import Completion
from services.delivery.dispatches import Dispatches
from services.delivery.journal import Journals
from services.delivery.messages import RecipientColumns, unknown_policy
from services.delivery.owners import Owner, Owners
from services.delivery.recording import Record, Recorder
from services.delivery.run_repository import RunRow
from services.delivery.worker import Worker
from services.message_states import MessageState
from services.runtime import metrics
from services.runtime.background import run_in_background
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable

log = structlog.get_logger()

ROUND_SECONDS = 2.0
RENEW_SECONDS = 5.0
LEASE_GRACE = 2 * RENEW_SECONDS  # after a restart of PostgreSQL, the living renew before anybody judges
SWEEP_SIZE = 2000


async def _by_itself(what: bytes | int, work: Awaitable[object]) -> None:
    """Whatever is wrong with one run, or one claim, the others are looked after."""
    try:
        await work
    except Unavailable:
        raise
    except Exception:
        name = what.hex() if isinstance(what, bytes) else what
        log.exception("a run or a claim could not be looked after", which=name)


class Janitor:
    """Makes a round every two seconds."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        owners: Owners,
        journals: Journals,
        worker: Worker,
        dispatches: Dispatches,
        recorder: Recorder,
        completion: Completion,
        wake: asyncio.Event,
    ) -> None:
        self._database = database
        self._clock = clock
        self._owners = owners
        self._journals = journals
        self._worker = worker
        self._dispatches = dispatches
        self._recorder = recorder
        self._completion = completion
        self._wake = wake
        self._unknown: dict[int, float] = {}  # claim → when it was first seen without anybody knowing it
        self._over: dict[str, float] = {}  # owner → when all its leases were first seen to have run out
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin the rounds."""
        self._tasks = [run_in_background(self._run()), run_in_background(self._keep_leases())]

    async def stop(self) -> None:
        """End the rounds, and let go of the lock."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        self._owners.close()

    async def _keep_leases(self) -> None:
        """Apart from the rounds, which may take long: what runs out gives the claims of a living process away."""
        while True:
            try:
                if self._worker.claims:
                    await self._database.transaction(lambda tx: claim_repository.renew_leases(tx, str(self._owners.me)))
            except Unavailable as error:
                log.warning("leases could not be renewed", problem=str(error.__cause__ or error))
            except Exception:
                log.exception("leases could not be renewed")
            await asyncio.sleep(RENEW_SECONDS)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._round()
            except Unavailable as error:
                log.warning("the janitor's round was cut short", problem=str(error.__cause__ or error))
            except Exception:
                log.exception("the janitor's round failed")
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._wake.wait()
                await asyncio.sleep(0.1)  # a burst of notifications is one round
            except TimeoutError:
                pass

    async def _round(self) -> None:
        await self._take_over_the_dead()
        await self._release_the_forgotten()
        await self._remove_old_journals()
        for run, cancelled in await self._database.read(run_repository.runs_to_sweep):
            await _by_itself(run, self._sweep(run, cancelled=cancelled))
        for run in await self._database.read(run_repository.runs_at_rest):
            await _by_itself(run, self._completion.attempt(run))

    async def _take_over_the_dead(self) -> None:
        async def others(tx: Transaction) -> list[tuple[str, bool]]:
            return await claim_repository.owners_of_claims(tx, other_than=str(self._owners.me))

        held = await self._database.read(others)
        now = self._clock.boot_seconds()
        self._over = {name: self._over.get(name, now) for name, lease_over in held if lease_over}
        for name, _ in held:
            lease_over = now - self._over.get(name, now) >= LEASE_GRACE
            owner = Owner.parse(name)
            if self._owners.is_dead(owner, lease_over=name in self._over and lease_over):
                await self._take_over(owner)

    async def _take_over(self, owner: Owner) -> None:
        claims = await self._database.read(lambda tx: claim_repository.claims_of(tx, str(owner)))
        for claim in claims:
            await _by_itself(claim, self._take_over_claim(owner, claim))
        metrics.CLAIMS_TAKEN.inc(len(claims))
        log.warning("claims of a dead process were taken over", owner=str(owner), claims=len(claims))

    async def _take_over_claim(self, owner: Owner, claim_id: int) -> None:
        """Whatever the owner's journal says became of it is recorded for it; the rest is due again, or in doubt."""

        async def read(tx: Transaction) -> tuple[Claim, RunRow] | None:
            claim = await claim_repository.read_claim(tx, claim_id)
            run = None if claim is None else await run_repository.find_run(tx, claim.run)
            return None if claim is None or run is None else (claim, run)

        found = await self._database.transaction(read)
        if found is None:
            return
        claim, run = found
        record = Record(claim=claim, run=run, policy=unknown_policy(run.fact), is_mine=False)
        trail = self._journals.read(owner, claim_id)
        record.take_over(RecipientColumns(claim.recipients), trail, now=self._clock.now().timestamp())
        await self._recorder.store(record)
        self._journals.remove(owner, claim_id)
        await self._database.transaction(run_repository.wake_workers)

    async def _release_the_forgotten(self) -> None:
        """A claim of mine that I do not know had its COMMIT's answer lost; seen for a while, nobody will begin it."""
        held = await self._database.read(lambda tx: claim_repository.claims_of(tx, str(self._owners.me)))
        now = self._clock.boot_seconds()
        self._unknown = {claim: self._unknown.get(claim, now) for claim in set(held) - self._worker.claims}
        if self._worker.claiming_since is not None:  # what was claimed since then may be answered yet
            now = min(now, self._worker.claiming_since)
        forgotten = {claim for claim, since in self._unknown.items() if now - since >= ROUND_SECONDS}
        if not forgotten:
            return
        broken = self._worker.broken.intersection(forgotten)

        async def work(tx: Transaction) -> None:
            await claim_repository.release(tx, sorted(forgotten - broken))
            await run_repository.wake_workers(tx)

        await self._database.transaction(work)
        for claim in broken:  # calls may have been made
            await _by_itself(claim, self._take_over_claim(self._owners.me, claim))
        self._worker.broken.difference_update(broken)
        log.warning("claims that nobody remembered are due again", claims=len(forgotten))

    async def _remove_old_journals(self) -> None:
        """Those whose process died between its record's commit and their removal."""
        left = self._journals.left_behind()
        if not left:
            return
        claims = await self._database.transaction(
            lambda tx: claim_repository.existing_claims(tx, [claim for _, claim in left])
        )
        for start, claim in left:
            if claim not in claims and self._owners.is_over(start):
                self._journals.remove_left_behind(start, claim)

    async def _sweep(self, run: bytes, *, cancelled: bool) -> None:
        """Everything due becomes CANCELLED or EXPIRED, by the same claim and record as everything else."""
        dispatch = await self._dispatches.of(run)
        state = MessageState.CANCELLED if cancelled else MessageState.EXPIRED
        while True:
            claim = await self._claim_to_end(run, TO_CANCEL if cancelled else TO_EXPIRE)
            if claim is None:
                break
            record = Record(claim=claim, run=dispatch.run, policy=dispatch.policy)
            reason = "CAMPAIGN_CANCELLED" if cancelled else "RUN_EXPIRED"
            record.end(RecipientColumns(claim.recipients), claim.positions, state, reason, self._clock.now())
            await self._recorder.store(record)
        await self._completion.attempt(run)

    async def _claim_to_end(self, run: bytes, purpose: str) -> Claim | None:
        async def work(tx: Transaction) -> Claim | None:
            return await claim_repository.claim(tx, run, purpose=purpose, owner=str(self._owners.me), most=SWEEP_SIZE)

        return await self._database.transaction(work)
