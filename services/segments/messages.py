"""Owns the events this service writes: their content, their keys, and ids that are the same each time.

Never stores or sends them: the outbox does.
"""

from __future__ import annotations

import hashlib

from carillon.events.v1.audience_batches_pb2 import AudienceBatch
from carillon.events.v1.audience_totals_pb2 import AudienceTotals

from services.runtime.database import Transaction
from services.runtime.outbox import publish
from services.segments.domain.audience import Audience, Batch
from services.topics import AUDIENCE_BATCHES, AUDIENCE_TOTALS


def digest(content: bytes) -> bytes:
    """BLAKE2b-128."""
    return hashlib.blake2b(content, digest_size=16).digest()


def batch_event(audience: Audience, *, number: int, size: int, digest: bytes, recipients: bytes) -> AudienceBatch:
    """The fact that a piece of the audience is frozen."""
    return AudienceBatch(
        tenant=audience.tenant,
        campaign=audience.campaign,
        run=audience.run,
        number=number,
        size=size,
        digest=digest,
        recipients=recipients,
    )


def totals_event(audience: Audience) -> AudienceTotals:
    """The fact that no further piece will come."""
    return AudienceTotals(
        tenant=audience.tenant,
        campaign=audience.campaign,
        run=audience.run,
        batch_count=audience.batch_count,
        message_count=audience.message_count,
        contact_count=audience.contact_count,
        failure_reason=audience.failure_reason,
    )


async def publish_batch(tx: Transaction, audience: Audience, batch: Batch) -> None:
    """Announce a batch with the transaction that stores it."""
    await publish(
        tx,
        topic=AUDIENCE_BATCHES.name,
        key=audience.tenant + audience.run,
        event=batch_event(
            audience, number=batch.number, size=batch.size, digest=batch.digest, recipients=batch.recipients
        ),
        event_id=digest(b"audience-batch" + audience.run + batch.number.to_bytes(4)),
    )


async def publish_totals(tx: Transaction, audience: Audience) -> None:
    """Announce the totals with the transaction that makes them final."""
    await publish(
        tx,
        topic=AUDIENCE_TOTALS.name,
        key=audience.tenant + audience.run,
        event=totals_event(audience),
        event_id=digest(b"audience-totals" + audience.run),
    )
