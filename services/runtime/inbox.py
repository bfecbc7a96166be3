"""Owns seeing each event once: its id and its effect commit together.

Never keeps ids longer than an event can come again: the consumer's housekeeping drops them after RETENTION.
"""

from __future__ import annotations

import datetime

from services.runtime.database import Transaction

RETENTION = datetime.timedelta(days=8)  # longer than any topic keeps its records


async def first_sight(tx: Transaction, event_id: bytes) -> bool:
    """Whether this event's effect is still to be had; if so, it is marked as had by this transaction."""
    return bool(
        await tx.raw.fetchval(
            "INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true", event_id
        )
    )


async def forget(tx: Transaction) -> None:
    """Drop the ids of events that Kafka itself no longer has."""
    await tx.raw.execute("DELETE FROM inbox WHERE seen_at < clock_timestamp() - $1::interval", RETENTION)
