"""Owns writing an event beside the state that it tells of.

Never talks to Kafka: relay.py does, after the commit.
"""

from __future__ import annotations

import structlog
from google.protobuf.message import Message

from services.runtime import ids
from services.runtime.database import Transaction

CHANNEL = "outbox"
INSERT = """
WITH stored AS (INSERT INTO outbox (event_id, topic, key, payload, request_id) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (event_id) DO NOTHING)
SELECT pg_notify(current_schema() || '_outbox', '')
"""


async def publish(tx: Transaction, *, topic: str, key: bytes, event: Message, event_id: bytes | None = None) -> None:
    """Store the event in this transaction; the same `event_id` twice is one event."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    await tx.raw.execute(INSERT, event_id or ids.new_id(), topic, key, event.SerializeToString(), request_id)
