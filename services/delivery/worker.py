"""Owns the way of a claim: claim, exclude, authorise, send, record; a few claims at a time per process.

Never sends without a committed claim and a fresh authorisation.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from services.delivery import claim_repository, late_truth, run_repository
from services.delivery.authorisation import Authorisations
from services.delivery.claim_repository import TO_SEND, Claim
from services.delivery.completion import Completion
from services.delivery.dispatches import Dispatch, Dispatches
from services.delivery.domain.channels import JOURNALLED
from services.delivery.domain.pace import MOST_CLAIMS, Pace
from services.delivery.exclusion import excluded, sent_after_all
from services.delivery.journal import Journals
from services.delivery.messages import RecipientColumns
from services.delivery.outcome_repository import OutcomeRow
from services.delivery.owners import Owners
from services.delivery.recording import Record, Recorder
from services.delivery.senders.sender import Answer, AnswerKind
from services.message_states import MessageState
from services.runtime.background import run_in_background
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable

log = structlog.get_logger()

LONGEST_SLEEP = 5.0
FULL = 1.001  # weights are fractions
JOURNAL_UNWRITABLE = "JOURNAL_UNWRITABLE"
REMEMBERED = 64


def _backing_off(answers: Sequence[Answer]) -> list[Answer]:
    """What did not start for want of a journal is not due at once: the disk may be full for a while."""
    return [
        replace(answer, kind=AnswerKind.RETRY, reason=JOURNAL_UNWRITABLE)
        if answer.kind is AnswerKind.NOT_STARTED
        else answer
        for answer in answers
    ]


class Worker:
    """Sends whatever is due, fairly among runs."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        owners: Owners,
        journals: Journals,
        authorisations: Authorisations,
        dispatches: Dispatches,
        recorder: Recorder,
        completion: Completion,
        wake: asyncio.Event,
        claims_at_once: int,
        claim_size: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._owner = owners.me
        self._journals = journals
        self._authorisations = authorisations
        self._dispatches = dispatches
        self._recorder = recorder
        self._completion = completion
        self._wake = wake
        self._claims_at_once = claims_at_once
        self._lightest = 1 / max(MOST_CLAIMS, claims_at_once)
        self._claim_size = claim_size
        self._paces: dict[bytes, Pace] = {}
        self._runs: deque[bytes] = deque()
        self._in_hand: dict[asyncio.Task[None], Claim] = {}
        self.claiming_since: float | None = None  # a claim may have committed since, whose answer is under way
        self.broken: set[int] = set()  # claims whose carrying out failed by a defect, maybe after calls
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def claims(self) -> set[int]:
        """The claims that this process knows it holds."""
        return {claim.id for claim in self._in_hand.values()}

    async def start(self) -> None:
        """Begin sending."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """Claim nothing more, start no call, record what was answered."""
        self._stopping = True
        self._wake.set()
        if self._task:
            await asyncio.wait([self._task], timeout=5)
            self._task.cancel()
        self._authorisations.revoke_all()
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=12)
        await self._dispatches.close()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                pause = await self._fill()
            except (Unavailable, OSError) as error:
                log.warning("nothing can be claimed", problem=str(error.__cause__ or error))
                pause = 0.5
            except Exception:
                log.exception("claiming failed")
                pause = 1.0
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _fill(self) -> float:
        """Take claims until enough are in hand or nothing is due; answers how long to sleep unless woken."""
        while self._load() + self._lightest <= FULL and not self._stopping:
            if not self._runs:
                self._runs.extend(await self._database.read(run_repository.sendable_runs))
            if not self._runs:
                pause = await self._database.read(run_repository.seconds_to_next_due)
                return LONGEST_SLEEP if pause is None else min(max(pause, 0.01), LONGEST_SLEEP)
            if self._load() + self._pace(self._runs[0]).weight > FULL:
                break
            await self._claim(self._runs.popleft())  # one claim a turn: in the next, runs that started since are seen
        return LONGEST_SLEEP

    def _load(self) -> float:
        """What is in hand, as a share of what may be."""
        return sum(self._pace(claim.run).weight for claim in self._in_hand.values())

    async def _claim(self, run: bytes) -> None:
        since = self._clock.boot_seconds()
        most = self._pace(run).claim_size

        async def work(tx: Transaction) -> Claim | None:
            return await claim_repository.claim(tx, run, purpose=TO_SEND, owner=str(self._owner), most=most)

        self.claiming_since = since
        try:
            claim = await self._database.transaction(work)
        finally:
            self.claiming_since = None
        if claim is None:
            return
        task = asyncio.create_task(self._carry_out(claim, since))
        self._in_hand[task] = claim
        task.add_done_callback(self._let_go)

    def _pace(self, run: bytes) -> Pace:
        if run not in self._paces:
            if len(self._paces) >= REMEMBERED:
                self._paces.pop(next(iter(self._paces)))
            self._paces[run] = Pace(most=self._claim_size, claims_at_once=self._claims_at_once)
        return self._paces[run]

    def _let_go(self, task: asyncio.Task[None]) -> None:
        claim = self._in_hand.pop(task).id
        self._wake.set()
        if not task.cancelled() and task.exception():
            self.broken.add(claim)
            log.error("a claim was dropped; the janitor will give it back", claim=claim, exc_info=task.exception())

    async def _carry_out(self, claim: Claim, since: float) -> None:
        dispatch = await self._dispatches.of(claim.run)
        recipients = RecipientColumns(claim.recipients)
        record = Record(claim=claim, run=dispatch.run, policy=dispatch.policy)
        wanted = await self._exclude(claim, dispatch, recipients, record)
        authorisation = self._authorisations.of(claim.run, since=since, version=claim.version)
        may_start = authorisation.asker(
            version=claim.version, people=lambda: {recipients.person(position) for position in wanted}
        )
        began = self._clock.boot_seconds()
        answers = await self._send(claim, dispatch, recipients, wanted, may_start)
        called = sum(answer.kind is not AnswerKind.NOT_STARTED for answer in answers)
        beside = sum(other.run == claim.run for other in self._in_hand.values())
        self._pace(claim.run).observe(answered=called, seconds=self._clock.boot_seconds() - began, claims=beside)
        record.judge(recipients, answers)
        await self._recorder.store(record)
        if recipients.has_any(JOURNALLED):
            self._journals.remove(self._owner, claim.id)
        try:
            await self._completion.attempt(claim.run)
        except Unavailable:
            log.info("the janitor will see whether the run is at rest", run=claim.run.hex())

    async def _send(
        self,
        claim: Claim,
        dispatch: Dispatch,
        recipients: RecipientColumns,
        wanted: Sequence[int],
        may_start: Callable[[], bool],
    ) -> list[Answer]:
        """Every attempt is written down where a channel among them asks for it."""
        if not recipients.has_any(JOURNALLED):
            return await dispatch.send(claim.batch, recipients, wanted, may_start=may_start, journal=None)
        try:
            journal = self._journals.open(claim.id)
        except OSError as error:
            log.error("no attempt can be written down, so none is made", claim=claim.id, problem=str(error))
            return _backing_off([Answer(position, AnswerKind.NOT_STARTED, 0, "", time.time()) for position in wanted])
        try:
            answers = await dispatch.send(claim.batch, recipients, wanted, may_start=may_start, journal=journal)
        finally:
            journal.close()
        return _backing_off(answers) if journal.failed else answers

    async def _exclude(
        self, claim: Claim, dispatch: Dispatch, recipients: RecipientColumns, record: Record
    ) -> list[int]:
        """The positions to send; those of people who do not want it end as SUPPRESSED."""
        if claim.version == 0 and not (dispatch.is_retry or claim.doubtful):
            return claim.positions  # nobody of this tenant was ever suppressed

        async def work(tx: Transaction) -> tuple[dict[int, OutcomeRow], dict[int, str]]:
            known = await late_truth.sent(tx, claim, recipients) if claim.doubtful else {}
            reasons = await excluded(tx, dispatch.run, recipients, claim.positions) if claim.version else {}
            if dispatch.is_retry:
                reasons |= await sent_after_all(tx, dispatch.run, recipients, claim.positions)
            return known, reasons

        known, reasons = await self._database.read(work)
        record.outcomes.extend(known.values())
        reasons = {position: reason for position, reason in reasons.items() if position not in known}
        for position, reason in reasons.items():
            record.end(recipients, [position], MessageState.SUPPRESSED, reason, self._clock.now())
        return [position for position in claim.positions if position not in reasons and position not in known]
