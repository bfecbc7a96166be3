"""Owns the rows of receipts and how many each run has: the only place that asks those tables.

Never commits. A receipt is stored once per message and kind; the first one stands.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import asyncpg

from services.delivery.domain.receipts import Receipt
from services.runtime.database import Transaction

# In the order of the key, so that two processes with the same receipts wait for each other and never in a circle. The
# chunk says whether there is such a message; its outcome may still be on its way.
STORE = """
WITH stored AS (
    INSERT INTO receipt (run, batch, position, kind, action, at)
    SELECT i.run, i.batch, i.position, i.kind, i.action, i.at
      FROM unnest($1::bytea[], $2::int[], $3::int[], $4::smallint[], $5::text[], $6::timestamptz[])
           AS i(run, batch, position, kind, action, at)
      JOIN chunk c ON c.run = i.run AND c.batch = i.batch AND i.position < c.size
     ORDER BY i.run, i.batch, i.position, i.kind, i.at
    ON CONFLICT DO NOTHING RETURNING run, batch, position, kind, at)
SELECT r.tenant, r.campaign, s.* FROM stored s JOIN run r ON r.id = s.run ORDER BY s.run, s.batch, s.position, s.kind
"""
ADD_COUNT = """
INSERT INTO receipt_count AS k (run, n, changed_at) VALUES ($1, $2, clock_timestamp())
ON CONFLICT (run) DO UPDATE SET n = k.n + excluded.n, changed_at = excluded.changed_at
"""
COUNTS = """
SELECT run, n FROM receipt_count WHERE changed_at >= $1 AND run > $2 ORDER BY run LIMIT $3
"""
AFTER = """
SELECT batch, position, kind, at FROM receipt
 WHERE run = $1 AND (batch, position, kind) > ($2, $3, $4) ORDER BY batch, position, kind LIMIT $5
"""


async def store(tx: Transaction, receipts: Sequence[Receipt]) -> list[asyncpg.Record]:
    """Store those that are new and whose message exists; their rows, with tenant and campaign, run by run."""
    rows: list[asyncpg.Record] = await tx.raw.fetch(
        STORE,
        [item.place.run for item in receipts],
        [item.place.batch for item in receipts],
        [item.place.position for item in receipts],
        [item.kind for item in receipts],
        [item.action for item in receipts],
        [item.at for item in receipts],
    )
    return rows


async def add_count(tx: Transaction, run: bytes, count: int) -> None:
    """So many receipts of the run were stored by this transaction."""
    await tx.raw.execute(ADD_COUNT, run, count)


async def read_clock(tx: Transaction) -> datetime.datetime:
    """The clock by which counts are dated."""
    now: datetime.datetime = await tx.raw.fetchval("SELECT clock_timestamp()")
    return now


async def counts(tx: Transaction, *, since: datetime.datetime, after: bytes, limit: int) -> list[tuple[bytes, int]]:
    """(run, receipts) of the runs behind this one whose count changed since then."""
    return [(row["run"], row["n"]) for row in await tx.raw.fetch(COUNTS, since, after, limit)]


async def by_kind(tx: Transaction, runs: Sequence[bytes]) -> dict[int, int]:
    """Kind → rows, over these runs."""
    rows = await tx.raw.fetch(
        "SELECT kind, count(*) AS n FROM receipt WHERE run = ANY($1::bytea[]) GROUP BY kind", list(runs)
    )
    return {row["kind"]: row["n"] for row in rows}


async def receipts_after(
    tx: Transaction, run: bytes, *, batch: int, position: int, kind: int, limit: int
) -> list[asyncpg.Record]:
    """Receipts of a run in the order of their key, behind this one."""
    rows: list[asyncpg.Record] = await tx.raw.fetch(AFTER, run, batch, position, kind, limit)
    return rows
