"""Owns ending a run: one statement decides, and its totals are announced in the same transaction.

Never "the last fetch was empty": nothing due, nothing claimed, and the chunks add up to the announced total.
"""

from __future__ import annotations

import structlog

from services import topics
from services.delivery import late_truth, messages, outcome_repository, run_repository
from services.runtime import outbox
from services.runtime.database import Database, Transaction

log = structlog.get_logger()


class Completion:
    """Ends runs that are at rest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def attempt(self, run: bytes) -> bool:
        """End the run if it is at rest."""

        async def work(tx: Transaction) -> bool:
            return await self._complete(tx, run)

        return await self._database.transaction(work)

    async def _complete(self, tx: Transaction, run: bytes) -> bool:
        row = await run_repository.complete(tx, run)
        if row is None:
            return False
        await late_truth.correct(tx, run)
        counts = await outcome_repository.counts(tx, [run])
        total = await tx.raw.fetchval("SELECT messages FROM total WHERE run = $1", run)
        if sum(counts.values()) != total:
            raise AssertionError(f"run {run.hex()} is at rest with {sum(counts.values())} of {total} outcomes")
        event = messages.run_ended(run, row, counts)
        await run_repository.store_ended_fact(tx, run, event.SerializeToString())
        await outbox.publish(
            tx, topic=topics.RUN_ENDED.name, key=row["tenant"] + run, event=event, event_id=b"ended:" + run
        )
        log.info("run ended", run=run.hex(), total=total)
        return True
