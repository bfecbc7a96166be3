"""Owns the statements on receipts. Counters change only by exactly what the same statement added to the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from services.analytics.domain.receipts import ReceiptCounts, ReceiptKind, Receipts
from services.message_states import MessageState
from services.runtime.database import Transaction

STORE = """
WITH added AS (
    INSERT INTO receipt (run, batch, position, kind, at)
    SELECT $1, i.batch, i.position, i.kind, timestamptz 'epoch' + i.ms * interval '1 millisecond'
      FROM unnest($2::int[], $3::int[], $4::smallint[], $5::bigint[]) AS i(batch, position, kind, ms)
     ORDER BY i.batch, i.position, i.kind
    ON CONFLICT DO NOTHING RETURNING kind),
difference AS (SELECT kind, count(*) AS n FROM added GROUP BY kind ORDER BY kind)
INSERT INTO receipt_counter AS k (run, kind, n) SELECT $1, kind, n FROM difference
ON CONFLICT (run, kind) DO UPDATE SET n = k.n + excluded.n
"""
COUNTS = "SELECT run, sum(n)::int AS n FROM receipt_counter WHERE run = ANY($1::bytea[]) GROUP BY run"
COUNTERS = "SELECT kind, sum(n)::int FROM receipt_counter WHERE run = ANY($1::bytea[]) GROUP BY kind"
ROWS = "SELECT kind, count(*)::int FROM receipt WHERE run = ANY($1::bytea[]) GROUP BY kind"
RUNS = "SELECT run FROM run WHERE campaign = $2 AND tenant = $1"
# Who clicked any of their messages is out, whichever browser it was; sorted by the server, on its disk if need be.
NON_OPENERS = """
WITH opened AS MATERIALIZED (
    SELECT DISTINCT o.contact FROM receipt AS p
      JOIN outcome AS o ON o.run = p.run AND o.batch = p.batch AND o.position = p.position
     WHERE p.run = ANY($1::bytea[]) AND o.run = ANY($1::bytea[]) AND p.kind = $3)
SELECT DISTINCT o.contact FROM outcome AS o
 WHERE o.run = ANY($1::bytea[]) AND o.state = $2
   AND NOT EXISTS (SELECT FROM opened WHERE opened.contact = o.contact)
 ORDER BY o.contact
"""
# Without statistics, as after a large campaign, the planner would compare each with each.
WITHOUT_LOOPS = "SET LOCAL enable_nestloop = off; SET LOCAL statement_timeout = '60s'"


async def store(tx: Transaction, receipts: Receipts) -> None:
    """Store those that are new, and count them."""
    await tx.raw.execute(STORE, receipts.run, receipts.batches, receipts.positions, receipts.kinds, receipts.times)


async def counts(tx: Transaction, runs: Sequence[bytes]) -> dict[bytes, int]:
    """run → receipts, of those of these runs that have any."""
    return dict(await tx.raw.fetch(COUNTS, runs))


async def read_counters(tx: Transaction, runs: Sequence[bytes]) -> ReceiptCounts:
    """What the counters of these runs say."""
    return ReceiptCounts.of(dict(await tx.raw.fetch(COUNTERS, runs)))


async def count_rows(tx: Transaction, runs: Sequence[bytes]) -> ReceiptCounts:
    """What the rows of these runs say, counted now."""
    return ReceiptCounts.of(dict(await tx.raw.fetch(ROWS, runs)))


async def open_non_openers(tx: Transaction, *, tenant: bytes, campaign: bytes) -> asyncpg.cursor.Cursor[Any]:
    """A cursor over the contacts that something of the campaign was sent to and who clicked none of it, ascending."""
    await tx.raw.execute(WITHOUT_LOOPS)
    runs = [row["run"] for row in await tx.raw.fetch(RUNS, tenant, campaign)]
    return await tx.raw.cursor(NON_OPENERS, runs, int(MessageState.SENT), int(ReceiptKind.CLICKED))
