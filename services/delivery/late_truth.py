"""Owns answers that come after their claim was somebody else's, or after the run has ended: kept, told, and let correct
what was thought, if they are of higher rank.

Never decides which truth is the higher (services/message_states.py does), and never takes one back. Whoever ends a run
and whoever learns late meet at the run's row, so that one of them sees the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from services import topics
from services.delivery import messages, outcome_repository, run_repository
from services.delivery.claim_repository import Claim
from services.delivery.messages import RecipientColumns
from services.delivery.outcome_repository import OutcomeRow
from services.delivery.run_repository import RunRow
from services.message_states import RANKS, MessageState
from services.runtime import outbox
from services.runtime.database import Transaction

log = structlog.get_logger()

LEARNT = frozenset({MessageState.SENT, MessageState.FAILED})  # how an attempt ended; anything else is not an answer


async def learn(tx: Transaction, run: RunRow, *, batch: int, rows: Sequence[OutcomeRow], event_id: bytes) -> None:
    """Keep those of these rows that are answers, tell of them, and correct what is stored; `event_id` is the same for
    the same truth."""
    rows = [row for row in rows if row.state in LEARNT]
    if not rows:
        return
    ended = await run_repository.lock_run(tx, run.id)
    await outcome_repository.store_late(
        tx, run.id, batch=batch, rows=rows, ranks=[RANKS[MessageState(row.state)] for row in rows]
    )
    await outbox.publish(
        tx,
        topic=topics.MESSAGE_OUTCOMES.name,
        key=run.tenant + run.id,
        event=messages.outcome_batch(tenant=run.tenant, campaign=run.campaign, run=run.id, batch=batch, rows=rows),
        event_id=event_id,
    )
    corrected = await correct(tx, run.id, batch=batch)
    if corrected and ended:
        await _announce_corrected_end(tx, run.id)
        log.info("an ended run was corrected by late answers", run=run.id.hex(), messages=corrected)


async def sent(tx: Transaction, claim: Claim, recipients: RecipientColumns) -> dict[int, OutcomeRow]:
    """Position → outcome, of those of a doubtful claim that are known by now to have been sent."""
    rows = await outcome_repository.late_answers(
        tx, claim.run, batch=claim.batch, positions=claim.positions, state=MessageState.SENT
    )
    return {
        row["position"]: OutcomeRow(
            position=row["position"],
            contact=recipients.contact(row["position"]),
            endpoint=recipients.endpoint(row["position"]),
            channel=recipients.channel(row["position"]),
            state=MessageState.SENT,
            reason="",
            code=row["code"],
            attempts=claim.attempt,
            repeated=claim.attempt > 1,  # it is the only one that began, or nobody can tell
            final_at=row["answered_at"],
        )
        for row in rows
    }


async def correct(tx: Transaction, run: bytes, *, batch: int | None = None) -> int:
    """Let every late answer of higher rank than its outcome correct it, in one batch or all; how many it corrected."""
    return await outcome_repository.correct_by_late(tx, run, {int(state): rank for state, rank in RANKS.items()}, batch)


async def _announce_corrected_end(tx: Transaction, run: bytes) -> None:
    row = await run_repository.count_correction(tx, run)
    event = messages.run_ended(run, row, await outcome_repository.counts(tx, [run]))
    await run_repository.store_ended_fact(tx, run, event.SerializeToString())
    await outbox.publish(
        tx,
        topic=topics.RUN_ENDED.name,
        key=row["tenant"] + run,
        event=event,
        event_id=b"ended:%b:%d" % (run, row["corrections"]),
    )
