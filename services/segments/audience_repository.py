"""Owns the statements on audiences and their batches, and the order in which a campaign's facts take effect.

Never leaves RESOLVING but through `stop` and `complete`, which ask for it as `append` does: whoever finds another
state, or another count of batches than expected, changes nothing and is told so.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import asyncpg

from services.runtime.database import Transaction
from services.segments.domain.audience import Audience, AudienceState, Batch
from services.segments.domain.filters import Filter
from services.segments.walk_sql import compile_walk

CHANNEL = "audience"
COLUMNS = """run, tenant, project, campaign, filter, state, batch_count, message_count, contact_count, last_contact,
last_channel, last_endpoint, failure_reason"""
# The campaign's row is what a start and a cancel meet at: one of them sees the other. With a retry it ends again.
MEET = """
INSERT INTO campaign AS k (campaign, tenant, stopped, end_time) VALUES ($1, $2, $3, $4)
ON CONFLICT (campaign) DO UPDATE
   SET stopped = k.stopped OR excluded.stopped, end_time = greatest(k.end_time, excluded.end_time)
RETURNING stopped
"""
INSERT = f"""
INSERT INTO audience (run, tenant, project, campaign, fact, filter, state, failure_reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (run) DO NOTHING RETURNING {COLUMNS}
"""
STOP = f"""
UPDATE audience SET state = 'STOPPED' WHERE campaign = $1 AND state = 'RESOLVING' RETURNING {COLUMNS}
"""
APPEND = """
WITH moved AS (
    UPDATE audience SET batch_count = $2 + 1, message_count = message_count + $7, contact_count = contact_count + $8,
                        last_contact = $5, last_endpoint = $6, last_channel = $11
     WHERE run = $1 AND state = 'RESOLVING' AND batch_count = $2 RETURNING run)
INSERT INTO audience_batch (run, number, first_contact, first_endpoint, last_contact, last_endpoint, size, digest,
                            recipients)
SELECT run, $2, $3, $4, $5, $6, $7, $9, $10 FROM moved RETURNING true
"""
COMPLETE = f"""
UPDATE audience SET state = 'COMPLETE', failure_reason = $3
 WHERE run = $1 AND state = 'RESOLVING' AND batch_count = $2 RETURNING {COLUMNS}
"""
STREAM = """
SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off; SET LOCAL plan_cache_mode = force_custom_plan
"""
MISSING = """
SELECT number, size, digest, recipients FROM audience_batch
 WHERE run = $1 AND number > $2 AND number <> ALL($3::int[]) ORDER BY number LIMIT $4
"""
DROP = """
DELETE FROM audience_batch USING audience AS a JOIN campaign AS k ON k.campaign = a.campaign
 WHERE audience_batch.run = a.run AND k.end_time < clock_timestamp() - $1::interval
   AND NOT EXISTS (SELECT FROM audience AS b
                    WHERE b.campaign = k.campaign AND b.create_time >= clock_timestamp() - $1::interval)
"""


def _audience(row: Any) -> Audience:
    return Audience(**{**dict(row), "state": AudienceState(row["state"])})


async def meet_campaign(
    tx: Transaction, *, tenant: bytes, campaign: bytes, stopped: bool, end_time: datetime.datetime | None
) -> bool:
    """Take the campaign's row until the commit; whether the campaign was ever stopped."""
    return bool(await tx.raw.fetchval(MEET, campaign, tenant, stopped, end_time))


async def insert(tx: Transaction, audience: Audience, fact: bytes) -> Audience | None:
    """Store a run's audience; None where it is there already."""
    row = await tx.raw.fetchrow(
        INSERT,
        audience.run,
        audience.tenant,
        audience.project,
        audience.campaign,
        fact,
        audience.filter,
        audience.state.value,
        audience.failure_reason,
    )
    return _audience(row) if row else None


async def wake_freezer(tx: Transaction) -> None:
    """Tell every process of this service, with the commit, that there is something to resolve."""
    await tx.raw.execute("SELECT pg_notify(current_schema() || '_' || $1, '')", CHANNEL)


async def stop(tx: Transaction, campaign: bytes) -> list[Audience]:
    """End the resolving of the campaign's runs where they are; those that this ended."""
    return [_audience(row) for row in await tx.raw.fetch(STOP, campaign)]


async def resolving(tx: Transaction) -> list[bytes]:
    """The runs whose audience is not whole, oldest first."""
    rows = await tx.raw.fetch("SELECT run FROM audience WHERE state = 'RESOLVING' ORDER BY run")
    return [row["run"] for row in rows]


async def find(tx: Transaction, run: bytes) -> Audience | None:
    """The run's audience."""
    row = await tx.raw.fetchrow(f"SELECT {COLUMNS} FROM audience WHERE run = $1", run)
    return _audience(row) if row else None


async def known_runs(tx: Transaction, runs: Sequence[bytes]) -> set[bytes]:
    """Which of these runs have an audience here."""
    return {row["run"] for row in await tx.raw.fetch("SELECT run FROM audience WHERE run = ANY($1::bytea[])", runs)}


async def take(tx: Transaction, run: bytes) -> bool:
    """Be the only one that walks this run, until the transaction ends; False where somebody is."""
    return bool(await tx.raw.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 0))", run))


async def open_walk(
    tx: Transaction,
    audience: Audience,
    tree: Filter,
    *,
    channels: Sequence[int],
    fields: Sequence[str],
    keys: Sequence[Sequence[str]],
) -> asyncpg.cursor.Cursor[Any]:
    """A cursor over (contact, channel, endpoint, address, p256dh, auth, *fields), ascending, behind the last one that
    was frozen; `keys` are the attributes that each field may be."""
    statement, parameters = compile_walk(channels=channels, tree=tree, fields=fields, keys=keys)
    await tx.raw.execute(STREAM)
    return await tx.raw.cursor(
        statement,
        audience.tenant,
        audience.project,
        audience.last_contact,
        audience.last_channel,
        audience.last_endpoint,
        *parameters,
    )


async def announced(tx: Transaction, run: bytes) -> bytes:
    """The serialized CampaignLifecycle that told of the run."""
    fact: bytes = await tx.raw.fetchval("SELECT fact FROM audience WHERE run = $1", run)
    return fact


async def append(tx: Transaction, run: bytes, batch: Batch) -> bool:
    """Store the batch and move the position; False where the audience was stopped or another walker was here."""
    return bool(
        await tx.raw.fetchval(
            APPEND,
            run,
            batch.number,
            *batch.first,
            *batch.last,
            batch.size,
            batch.contact_count,
            batch.digest,
            batch.recipients,
            batch.last_channel,
        )
    )


async def complete(tx: Transaction, run: bytes, *, batch_count: int, failure_reason: str = "") -> Audience | None:
    """Declare the audience whole, or all there can be, after so many batches; None where it was stopped first."""
    row = await tx.raw.fetchrow(COMPLETE, run, batch_count, failure_reason)
    return _audience(row) if row else None


async def missing(
    tx: Transaction, run: bytes, *, after: int, known: Sequence[int], limit: int
) -> list[tuple[int, int, bytes, bytes]]:
    """Batches (number, size, digest, recipients) that are not known, behind this number."""
    return [tuple(row) for row in await tx.raw.fetch(MISSING, run, after, known, limit)]


async def recipients_of(tx: Transaction, run: bytes, number: int) -> bytes | None:
    """The positions of a batch, serialized; None where it is not kept any more."""
    recipients: bytes | None = await tx.raw.fetchval(
        "SELECT recipients FROM audience_batch WHERE run = $1 AND number = $2", run, number
    )
    return recipients


async def unended_campaigns(tx: Transaction) -> list[bytes]:
    """The campaigns of which no end was heard, oldest first."""
    rows = await tx.raw.fetch("SELECT campaign FROM campaign WHERE end_time IS NULL ORDER BY campaign")
    return [row["campaign"] for row in rows]


async def drop_ended(tx: Transaction, *, after: datetime.timedelta) -> None:
    """Forget who was in the audience of campaigns that ended longer ago than this."""
    await tx.raw.execute(DROP, after)
