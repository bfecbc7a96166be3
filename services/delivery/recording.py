"""Owns turning a claim's answers into rows, and storing them in the one transaction that also deletes the claim.

Never forgets an answer: while PostgreSQL is away it is tried again, and where another process has taken the claim over
the answers are kept as late truth.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from services import topics
from services.delivery import claim_repository, late_truth, messages, suppression_repository
from services.delivery.claim_repository import AttemptRow, Claim, GiveBack
from services.delivery.domain.channels import JOURNALLED, Channel, UnknownPolicy, parks
from services.delivery.domain.positions import ranges, spell_positions
from services.delivery.domain.verdicts import NO_ANSWER, Again, Final, judge, unsent
from services.delivery.journal import Trail
from services.delivery.messages import RecipientColumns
from services.delivery.outcome_repository import OutcomeBlock, OutcomeRow
from services.delivery.run_repository import RunRow
from services.delivery.senders.sender import Answer, AnswerKind
from services.message_states import MessageState
from services.runtime import metrics, outbox
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable

log = structlog.get_logger()

TRY_AGAIN_SECONDS = 0.5
SENT = Final(MessageState.SENT, "")  # what every accepted message becomes
LEAST_BLOCK = 16  # messages; for fewer, rows are less work to read and hardly more to write


@dataclass(slots=True)
class Record:
    """What became of a claim's positions; `policy` is the run's."""

    claim: Claim
    run: RunRow
    policy: UnknownPolicy
    is_mine: bool = True  # whether this process made the attempts
    outcomes: list[OutcomeRow] = field(default_factory=list)
    blocks: list[OutcomeBlock] = field(default_factory=list)  # further outcomes: of what was accepted
    attempts: list[AttemptRow] = field(default_factory=list)
    again: dict[tuple[float, int, bool], list[int]] = field(default_factory=dict)
    retired: list[bytes] = field(default_factory=list)  # browsers' subscriptions
    dead_addresses: list[str] = field(default_factory=list)  # of emails

    def end(
        self,
        recipients: RecipientColumns,
        positions: Iterable[int],
        state: MessageState,
        reason: str,
        at: datetime.datetime,
    ) -> None:
        """These positions end without a call; what an earlier try left in doubt stays in doubt."""
        final = unsent(state, reason, doubtful=self.claim.doubtful)
        for position in positions:
            self._final(recipients, position, final, 0, self.claim.attempt, at)

    def judge(self, recipients: RecipientColumns, answers: Sequence[Answer]) -> None:
        """Take each answer for what it means."""
        claim, chance = self.claim, random.random  # looked up once: this is every message's way
        only = recipients.only_channel
        accepted: dict[tuple[int, int], list[tuple[int, float]]] = {}  # (channel, code) → (position, instant)
        for answer in answers:
            if answer.kind is AnswerKind.ACCEPTED:
                channel = recipients.channel(answer.position) if only is None else only
                accepted.setdefault((channel, answer.code), []).append((answer.position, answer.at))
                continue
            verdict = judge(
                answer,
                attempt=claim.attempt,
                doubtful=claim.doubtful,
                parks=answer.kind is AnswerKind.UNANSWERED and parks(recipients.channel(answer.position), self.policy),
                chance=chance(),
            )
            if isinstance(verdict, Again):
                self._again(answer, verdict)
                continue
            at = datetime.datetime.fromtimestamp(answer.at, datetime.UTC)
            self._final(recipients, answer.position, verdict, answer.code, claim.attempt + 1, at)
            if answer.kind is AnswerKind.RETIRED:
                self._retire(recipients, answer.position)
        for (channel, code), places in accepted.items():
            self._sent(recipients, places, channel=channel, code=code)

    def take_over(self, recipients: RecipientColumns, trail: Trail, *, now: float) -> None:
        """What becomes of the positions of somebody who will never record them; `trail` is the journal's."""
        if not self.claim.for_sending:  # nothing was ever going to be called
            self._untouched(self.claim.positions)
            return
        answers = [
            trail.answer(position, now=now)
            if recipients.channel(position) in JOURNALLED
            else Answer(position, AnswerKind.UNANSWERED, 0, NO_ANSWER, now)
            for position in self.claim.positions
        ]
        self.judge(recipients, [answer for answer in answers if answer.kind is not AnswerKind.UNANSWERED])
        unanswered = [answer for answer in answers if answer.kind is AnswerKind.UNANSWERED]
        parked = [answer for answer in unanswered if parks(recipients.channel(answer.position), self.policy)]
        self.judge(recipients, parked)
        at_once = Again(0.0, self.claim.attempt + 1, doubtful=True)  # a death is no reason to back off
        for answer in unanswered:
            if not parks(recipients.channel(answer.position), self.policy):
                self._again(answer, at_once)

    def rows(self) -> list[OutcomeRow]:
        """All outcomes, one by one."""
        return [*self.outcomes, *itertools.chain.from_iterable(block.rows() for block in self.blocks)]

    def give_back(self, now: datetime.datetime) -> list[GiveBack]:
        """The rows of what is due again."""
        return [
            GiveBack(
                positions=spell_positions(positions),
                due_at=now + datetime.timedelta(seconds=seconds),
                attempt=attempt,
                doubtful=doubtful,
            )
            for (seconds, attempt, doubtful), positions in self.again.items()
        ]

    def _untouched(self, positions: Sequence[int]) -> None:
        self.again.setdefault((0.0, self.claim.attempt, self.claim.doubtful), []).extend(positions)

    def _again(self, answer: Answer, verdict: Again) -> None:
        self.again.setdefault((verdict.seconds, verdict.attempt, verdict.doubtful), []).append(answer.position)
        if answer.kind is AnswerKind.NOT_STARTED:
            return
        at = datetime.datetime.fromtimestamp(answer.at, datetime.UTC)
        self.attempts.append(
            AttemptRow(answer.position, verdict.attempt, answer.kind.value, answer.code, answer.reason, at)
        )

    def _retire(self, recipients: RecipientColumns, position: int) -> None:
        if recipients.channel(position) == Channel.PUSH:
            self.retired.append(recipients.endpoint(position))
        elif recipients.channel(position) == Channel.EMAIL:
            self.dead_addresses.append(recipients.address(position))

    def _sent(self, recipients: RecipientColumns, places: list[tuple[int, float]], *, channel: int, code: int) -> None:
        """Blocks of neighbours, and rows of those that have none."""
        places.sort()
        index = 0
        for first, end in ranges(position for position, _ in places):
            instants = [at for _, at in places[index : index + end - first]]
            index += end - first
            if end - first >= LEAST_BLOCK:
                self._block(recipients, range(first, end), instants, channel=channel, code=code)
                continue
            for position, instant in zip(range(first, end), instants, strict=True):
                at = datetime.datetime.fromtimestamp(instant, datetime.UTC)
                self._final(recipients, position, SENT, code, self.claim.attempt + 1, at)

    def _block(
        self, recipients: RecipientColumns, positions: range, instants: Sequence[float], *, channel: int, code: int
    ) -> None:
        self.blocks.append(
            OutcomeBlock(
                first=positions.start,
                size=len(positions),
                channel=channel,
                contacts=recipients.contacts(positions),
                endpoints=recipients.endpoints(positions) if channel == Channel.PUSH else b"",
                code=code,
                attempts=self.claim.attempt + 1,
                repeated=self.claim.doubtful,
                final_at=[round(at * 1_000_000) for at in (instants[:1] if len(set(instants)) == 1 else instants)],
            )
        )

    def _final(
        self,
        recipients: RecipientColumns,
        position: int,
        final: Final,
        code: int,
        attempts: int,
        at: datetime.datetime,
    ) -> None:
        row = OutcomeRow(
            position,
            recipients.contact(position),
            recipients.endpoint(position),
            recipients.channel(position),
            int(final.state),
            final.reason,
            code,
            attempts,
            self.claim.doubtful and self._may_have_arrived_twice(final.state),
            at,
        )
        self.outcomes.append(row)

    def _may_have_arrived_twice(self, state: MessageState) -> bool:
        """An UNKNOWN one that was tried twice did if a late answer says so."""
        return state is MessageState.SENT or (state is MessageState.UNKNOWN and self.claim.attempt > 1)


class Recorder:
    """Stores records."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def store(self, record: Record) -> bool:
        """Store it, however long PostgreSQL is away. False where the claim had been taken over."""
        while True:
            try:
                mine = await self._database.transaction(lambda tx: self._settle(tx, record))
                break
            except Unavailable as error:
                log.warning("answers wait for the database", claim=record.claim.id, problem=str(error.__cause__))
                await asyncio.sleep(TRY_AGAIN_SECONDS)
        if mine:
            for state, count in _by_state(record).items():
                metrics.MESSAGES.labels(state=MessageState(state).name).inc(count)
        elif record.is_mine:
            metrics.CLAIMS_LOST.inc()
            log.info("a claim was gone; its answers are kept as late truth", claim=record.claim.id)
        return mine

    async def _settle(self, tx: Transaction, record: Record) -> bool:
        claim, run, now = record.claim, record.run, self._clock.now()
        mine = await claim_repository.settle(
            tx,
            claim,
            outcomes=record.outcomes,
            blocks=record.blocks,
            back=record.give_back(now),
            attempts=record.attempts,
        )
        if not mine:
            if record.is_mine:  # my attempts are true whoever holds the claim now, or had been recorded unheard
                event_id = b"late:%d" % claim.id
                await late_truth.learn(tx, run, batch=claim.batch, rows=record.rows(), event_id=event_id)
            return False
        if record.dead_addresses:
            await suppression_repository.suppress_addresses(
                tx,
                tenant=run.tenant,
                project=run.project,
                channel=Channel.EMAIL,
                addresses=record.dead_addresses,
                reason=suppression_repository.HARD_BOUNCE,
            )
        if record.outcomes or record.blocks:
            await outbox.publish(
                tx,
                topic=topics.MESSAGE_OUTCOMES.name,
                key=run.tenant + run.id,
                event=messages.outcome_batch(
                    tenant=run.tenant,
                    campaign=run.campaign,
                    run=run.id,
                    batch=claim.batch,
                    rows=record.outcomes,
                    blocks=record.blocks,
                ),
                event_id=b"claim:%d" % claim.id,
            )
        if record.retired:
            await outbox.publish(
                tx,
                topic=topics.ENDPOINT_RETIRED.name,
                key=run.tenant + run.id,
                event=messages.endpoints_retired(tenant=run.tenant, run=run.id, endpoints=record.retired, now=now),
                event_id=b"retired:%d" % claim.id,
            )
        return True


def _by_state(record: Record) -> Counter[int]:
    counts = Counter([row.state for row in record.outcomes])
    for block in record.blocks:
        counts[MessageState.SENT] += block.size
    return counts
