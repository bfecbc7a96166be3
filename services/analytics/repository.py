"""Owns the statements of this service. Counters change only by exactly what the same statement changed in the rows.

Never decides which truth stands (ranks come in as a column), nor when a run is counted.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services import columns_as_text
from services.analytics.domain.counts import Counts
from services.analytics.domain.outcomes import Outcomes
from services.analytics.domain.receipts import ReceiptCounts
from services.analytics.domain.snapshot import Snapshot
from services.message_states import RANKS, MessageState
from services.runtime import ids
from services.runtime.database import Transaction

RANK_OF = {int(state): rank for state, rank in RANKS.items()}
# Columns come as text, which is a third of the work of an array's elements one by one. Of a column that is the same for
# all positions only the first entry comes, from $13 on, and an empty array.
ARRIVED = f"""
    SELECT $1, $2, i.position, coalesce(i.state, $13), coalesce(i.rank, $14), coalesce(i.channel, $15), $3, $4,
           substring($5::bytea FROM ({ids.SIZE} * (i.n - 1) + 1)::int FOR {ids.SIZE}),
           ($6::text[])[coalesce(i.reason, $16) + 1],
           timestamptz 'epoch' + coalesce(i.ms, $17) * interval '1 millisecond'
      FROM unnest($7::text::int[], $8::text::int[], $9::text::int[], $10::text::int[], $11::text::int[],
                  $12::text::bigint[]) WITH ORDINALITY AS i(position, state, rank, channel, reason, ms, n)
"""
INSERT = f"""
INSERT INTO outcome_row AS o (run, batch, position, state, rank, channel, tenant, campaign, contact, reason, at)
{ARRIVED}
"""
COUNT = """
INSERT INTO counter AS k (run, state, n) SELECT $1, state, n FROM difference
ON CONFLICT (run, state) DO UPDATE SET n = k.n + excluded.n
"""
ARE_NEW = """
SELECT NOT EXISTS (SELECT FROM outcome_row WHERE run = $1 AND batch = $2 AND position BETWEEN $3 AND $4)
   AND NOT EXISTS (SELECT FROM outcome_block WHERE run = $1 AND batch = $2 AND first <= $4 AND first + size > $3)
"""
STORE_BLOCK = """
WITH added AS (
    INSERT INTO outcome_block (run, batch, first, size, channel, tenant, campaign, contacts, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::bigint[]))
INSERT INTO counter AS k (run, state, n) VALUES ($1, $10, $4)
ON CONFLICT (run, state) DO UPDATE SET n = k.n + excluded.n
"""
# Without ON CONFLICT, which inserts each row tentatively first, this is faster by half.
STORE_NEW = f"""
WITH added AS ({INSERT} RETURNING state),
difference AS (SELECT state, count(*) AS n FROM added GROUP BY state ORDER BY state) {COUNT}
"""
STORE_BY_RANK = f"""
WITH changed AS (
    {INSERT}
     WHERE NOT EXISTS (SELECT FROM outcome_block AS b
                        WHERE b.run = $1 AND b.batch = $2 AND i.position >= b.first AND i.position < b.first + b.size)
    ON CONFLICT (run, batch, position) DO UPDATE
       SET state = excluded.state, rank = excluded.rank, reason = excluded.reason, at = excluded.at
     WHERE o.rank < excluded.rank
    RETURNING old.state AS was, new.state AS is_now
), difference AS (
    SELECT state, sum(n) AS n
      FROM (SELECT is_now AS state, 1 AS n FROM changed
            UNION ALL SELECT was, -1 FROM changed WHERE was IS NOT NULL) AS steps
     GROUP BY state HAVING sum(n) <> 0 ORDER BY state
) {COUNT}
"""
MEET_RUN = "INSERT INTO run (run, tenant, campaign) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
LOCK_RUN = "SELECT ended, counted IS NOT NULL AS is_counted FROM run WHERE run = $1 FOR NO KEY UPDATE"
PUT_CAMPAIGN = """
INSERT INTO campaign AS k (campaign, tenant, project, state, queued, revision, final)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (campaign) DO UPDATE
   SET state = excluded.state, queued = excluded.queued, revision = excluded.revision, final = excluded.final
 WHERE k.revision < excluded.revision
"""
COUNTERS = "SELECT state, sum(n)::int FROM counter WHERE run = ANY($1::bytea[]) GROUP BY state"
ROWS = f"""
SELECT state, sum(n)::int
  FROM (SELECT state, count(*) AS n FROM outcome_row WHERE run = ANY($1::bytea[]) GROUP BY state
        UNION ALL SELECT {MessageState.SENT:d}, sum(size) FROM outcome_block WHERE run = ANY($1::bytea[])) AS c
 WHERE n > 0 GROUP BY state
"""
# One statement: state and numbers are of one instant.
SNAPSHOTS = """
SELECT k.tenant, k.project, k.campaign, k.state, k.queued, k.revision, k.final, statement_timestamp() AS at,
       c.states, c.numbers, p.kinds, p.receipts
  FROM campaign AS k CROSS JOIN LATERAL (
       SELECT array_agg(c.state) AS states, array_agg(c.n) AS numbers
         FROM run AS r JOIN counter AS c ON c.run = r.run WHERE r.campaign = k.campaign) AS c
       CROSS JOIN LATERAL (
       SELECT array_agg(p.kind) AS kinds, array_agg(p.n) AS receipts
         FROM run AS r JOIN receipt_counter AS p ON p.run = r.run WHERE r.campaign = k.campaign) AS p
 WHERE k.campaign = ANY($1::bytea[])
"""


@dataclass(frozen=True, slots=True)
class RunRow:
    """What is known of a run."""

    ended: bytes | None  # the serialized RunEnded, once heard
    is_counted: bool


async def store_outcomes(tx: Transaction, outcomes: Outcomes) -> None:
    """Store rows, or correct those of a lower rank, and their counters with them; the run's row must be locked."""
    positions = outcomes.positions
    if not positions:
        return
    are_new = await tx.raw.fetchval(ARE_NEW, outcomes.run, outcomes.batch, min(positions), max(positions))
    if are_new and outcomes.are_sent_neighbours:
        await _store_block(tx, outcomes)
        return
    ranks = [RANK_OF[state] for state in outcomes.states]
    columns = (outcomes.states, ranks, outcomes.channels, outcomes.reasons, outcomes.times)
    await tx.raw.execute(
        STORE_NEW if are_new else STORE_BY_RANK,
        outcomes.run,
        outcomes.batch,
        outcomes.tenant,
        outcomes.campaign,
        outcomes.contacts,
        outcomes.reason_words,
        columns_as_text.array(positions),
        *(columns_as_text.array(column if len(column) > 1 else ()) for column in columns),
        *(column[0] for column in columns),
    )


async def _store_block(tx: Transaction, outcomes: Outcomes) -> None:
    await tx.raw.execute(
        STORE_BLOCK,
        outcomes.run,
        outcomes.batch,
        outcomes.positions[0],
        len(outcomes.positions),
        outcomes.channels[0],
        outcomes.tenant,
        outcomes.campaign,
        outcomes.contacts,
        columns_as_text.array(outcomes.times),
        int(MessageState.SENT),
    )


async def meet_run(tx: Transaction, *, run: bytes, tenant: bytes, campaign: bytes) -> None:
    """Note that the run is the campaign's."""
    await tx.raw.execute(MEET_RUN, run, tenant, campaign)


async def lock_run(tx: Transaction, *, run: bytes, tenant: bytes, campaign: bytes) -> RunRow:
    """The run's row, until the commit: its last outcome and its end meet here, so that one of them sees the other."""
    row = await tx.raw.fetchrow(LOCK_RUN, run)
    if row is None:
        await meet_run(tx, run=run, tenant=tenant, campaign=campaign)
        row = await tx.raw.fetchrow(LOCK_RUN, run)
    assert row is not None
    return RunRow(ended=row["ended"], is_counted=row["is_counted"])


async def set_ended(tx: Transaction, run: bytes, ended: bytes) -> None:
    """Keep what delivery says of the run's end; it is to be counted by that."""
    await tx.raw.execute("UPDATE run SET ended = $2, counted = NULL WHERE run = $1", run, ended)


async def set_counted(tx: Transaction, run: bytes, counted: bytes, *, correction: int) -> None:
    """Keep that the run is counted, and when, if it had been before."""
    await tx.raw.execute(
        "UPDATE run SET counted = $2, corrected_at = CASE WHEN $3 > 0 THEN clock_timestamp() END WHERE run = $1",
        run,
        counted,
        correction,
    )


async def read_counters(tx: Transaction, runs: Sequence[bytes]) -> Counts:
    """What the counters of these runs say."""
    return Counts.of(dict(await tx.raw.fetch(COUNTERS, runs)))


async def count_rows(tx: Transaction, runs: Sequence[bytes]) -> Counts:
    """What the rows of these runs say, counted now."""
    return Counts.of(dict(await tx.raw.fetch(ROWS, runs)))


async def counted_runs(tx: Transaction, runs: Sequence[bytes]) -> list[bytes]:
    """The serialized RunCounted of those that are."""
    rows = await tx.raw.fetch("SELECT counted FROM run WHERE run = ANY($1::bytea[]) AND counted IS NOT NULL", runs)
    return [row["counted"] for row in rows]


async def corrected_runs(
    tx: Transaction, *, since: datetime.datetime, after: bytes, limit: int
) -> list[tuple[bytes, bytes]]:
    """(run, its serialized RunCounted) of the runs behind this one that were counted again since then."""
    rows = await tx.raw.fetch(
        "SELECT run, counted FROM run WHERE corrected_at >= $1 AND run > $2 AND counted IS NOT NULL"
        " ORDER BY run LIMIT $3",
        since,
        after,
        limit,
    )
    return [(row["run"], row["counted"]) for row in rows]


async def read_clock(tx: Transaction) -> datetime.datetime:
    """The clock by which corrections are dated."""
    now: datetime.datetime = await tx.raw.fetchval("SELECT clock_timestamp()")
    return now


async def uncounted_runs(tx: Transaction) -> list[bytes]:
    """The runs that are not, oldest first."""
    return [row["run"] for row in await tx.raw.fetch("SELECT run FROM run WHERE counted IS NULL ORDER BY run")]


async def known_runs(tx: Transaction, runs: Sequence[bytes]) -> set[bytes]:
    """Which of these runs were met."""
    return {row["run"] for row in await tx.raw.fetch("SELECT run FROM run WHERE run = ANY($1::bytea[])", runs)}


async def put_campaign(
    tx: Transaction,
    *,
    campaign: bytes,
    tenant: bytes,
    project: bytes,
    state: int,
    queued: int,
    revision: int,
    final: bool,
) -> None:
    """Keep this of the campaign, unless something newer is known."""
    await tx.raw.execute(PUT_CAMPAIGN, campaign, tenant, project, state, queued, revision, final)


async def open_campaigns(tx: Transaction) -> dict[bytes, int]:
    """The campaigns about which something may still change, with their revisions."""
    return dict(await tx.raw.fetch("SELECT campaign, revision FROM campaign WHERE NOT final ORDER BY campaign"))


async def revisions(tx: Transaction, campaigns: Sequence[bytes]) -> dict[bytes, int]:
    """The revisions of those of these campaigns that were met."""
    rows = await tx.raw.fetch("SELECT campaign, revision FROM campaign WHERE campaign = ANY($1::bytea[])", campaigns)
    return dict(rows)


async def read_snapshots(tx: Transaction, campaigns: Sequence[bytes]) -> dict[bytes, Snapshot]:
    """The numbers of those of these campaigns that were met, all of one instant."""
    return {row["campaign"]: _snapshot(row) for row in await tx.raw.fetch(SNAPSHOTS, campaigns)}


def _snapshot(row: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        tenant=row["tenant"],
        project=row["project"],
        campaign=row["campaign"],
        state=row["state"],
        queued=row["queued"],
        counts=Counts.of(_summed(row["states"], row["numbers"])),
        receipts=ReceiptCounts.of(_summed(row["kinds"], row["receipts"])),
        campaign_revision=row["revision"],
        final=row["final"],
        at=row["at"],
    )


def _summed(keys: Sequence[int] | None, numbers: Sequence[int] | None) -> dict[int, int]:
    """key → n over all runs; None where there are none."""
    sums: dict[int, int] = {}
    for key, number in zip(keys or (), numbers or (), strict=True):
        sums[key] = sums.get(key, 0) + number
    return sums
