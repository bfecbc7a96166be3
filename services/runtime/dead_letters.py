"""Owns what no handler could digest: kept whole, with the problem, for a person to look at.

Never drops anything, and is never silent: each parked record is an error in the log and a count in the metrics.
"""

from __future__ import annotations

import structlog

from services.runtime import metrics
from services.runtime.database import Database, Transaction

log = structlog.get_logger()


async def park(database: Database, *, event_id: bytes, topic: str, key: bytes, payload: bytes, problem: str) -> None:
    """Store the record and its problem; parking it again changes nothing."""

    async def work(tx: Transaction) -> None:
        await tx.raw.execute(
            "INSERT INTO dead_letter (event_id, topic, key, payload, problem) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT DO NOTHING",
            event_id,
            topic,
            key,
            payload,
            problem,
        )

    await database.transaction(work)
    metrics.DEAD_LETTERS.labels(topic=topic).inc()
    log.error("event parked", topic=topic, event_id=event_id.hex(), problem=problem)
