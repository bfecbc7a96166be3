"""Owns turning a claim's answers into rows, and storing them in the one transaction that also deletes the claim.

Never forgets an answer: while PostgreSQL is away it is tried again, and where another process has taken the claim over
the answers are kept as late truth.
"""

from __future__ import annotations

import asyncio
import datetime
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from services import topics
from services.delivery import claim_repository, messages
from services.delivery.claim_repository import Claim, GiveBack, OutcomeRow
from services.delivery.domain.positions import spell_positions
from services.delivery.domain.verdicts import Again, Final, judge
from services.delivery.messages import RecipientColumns
from services.delivery.run_repository import RunRow
from services.delivery.senders.sender import Answer, AnswerKind
from services.message_states import RANKS, MessageState
from services.runtime import metrics, outbox
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable

log = structlog.get_logger()

TRY_AGAIN_SECONDS = 0.5


@dataclass(slots=True)
class Record:
    """What became of a claim's positions."""

    claim: Claim
    run: RunRow
    outcomes: list[OutcomeRow] = field(default_factory=list)
    again: dict[tuple[float, int, bool], list[int]] = field(default_factory=dict)
    retired: list[bytes] = field(default_factory=list)

    def end(
        self,
        recipients: RecipientColumns,
        positions: Iterable[int],
        state: MessageState,
        reason: str,
        at: datetime.datetime,
    ) -> None:
        """These positions end without a call."""
        for position in positions:
            self._final(recipients, position, Final(state, reason), code=0, attempts=self.claim.attempt, at=at)

    def judge(self, recipients: RecipientColumns, answers: Sequence[Answer]) -> None:
        """Take each answer for what it means."""
        for answer in answers:
            verdict = judge(answer, attempt=self.claim.attempt, doubtful=self.claim.doubtful, chance=random.random())
            if isinstance(verdict, Again):
                key = (verdict.seconds, verdict.attempt, verdict.doubtful)
                self.again.setdefault(key, []).append(answer.position)
                continue
            at = datetime.datetime.fromtimestamp(answer.at, datetime.UTC)
            self._final(recipients, answer.position, verdict, code=answer.code, attempts=self.claim.attempt + 1, at=at)
            if answer.kind is AnswerKind.RETIRED:
                self.retired.append(recipients.endpoint(answer.position))

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

    def _final(
        self,
        recipients: RecipientColumns,
        position: int,
        final: Final,
        *,
        code: int,
        attempts: int,
        at: datetime.datetime,
    ) -> None:
        self.outcomes.append(
            OutcomeRow(
                position=position,
                contact=recipients.contact(position),
                endpoint=recipients.endpoint(position),
                channel=recipients.channel(position),
                state=int(final.state),
                reason=final.reason,
                code=code,
                attempts=attempts,
                repeated=self.claim.doubtful and final.state is MessageState.SENT,
                final_at=at,
            )
        )


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
            for state, count in Counter(row.state for row in record.outcomes).items():
                metrics.MESSAGES.labels(state=MessageState(state).name).inc(count)
        else:
            metrics.CLAIMS_LOST.inc()
            log.info("a claim was gone; its answers are kept as late truth", claim=record.claim.id)
        return mine

    async def _settle(self, tx: Transaction, record: Record) -> bool:
        claim, run, now = record.claim, record.run, self._clock.now()
        mine = await claim_repository.settle(tx, claim, outcomes=record.outcomes, back=record.give_back(now))
        if not mine:
            await self._keep_as_late(tx, record)
            return False
        if record.outcomes:
            await outbox.publish(
                tx,
                topic=topics.MESSAGE_OUTCOMES.name,
                key=run.tenant + run.id,
                event=messages.outcome_batch(
                    tenant=run.tenant, campaign=run.campaign, run=run.id, batch=claim.batch, rows=record.outcomes
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

    async def _keep_as_late(self, tx: Transaction, record: Record) -> None:
        """An attempt that succeeded is true whoever holds the claim now; a refusal is not ours to report any more."""
        rows = [row for row in record.outcomes if row.state == MessageState.SENT]
        ranks = [RANKS[MessageState(row.state)] for row in rows]
        await claim_repository.store_late(tx, record.claim, rows, ranks)
