"""Owns the rows of runs, chunks, totals, control: the only place that asks those tables.

Never commits: each function works inside the caller's transaction.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.runtime.database import Transaction

WORK_CHANNEL = "work"
SENDING, COMPLETED, CANCELLED = 2, 3, 4  # carillon.campaigns.v1.Run.State
ACTIVE, STOPPED = 1, 3  # carillon.delivery.v1.ControlState


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run; `fact` is the serialized CampaignLifecycle that announced it."""

    id: bytes
    tenant: bytes
    project: bytes
    campaign: bytes
    fact: bytes


async def runs_of_campaign(tx: Transaction, *, tenant: bytes, campaign: bytes) -> list[RunRow]:
    """The campaign's runs, oldest first."""
    rows = await tx.raw.fetch(
        "SELECT id, tenant, project, campaign, fact FROM run WHERE tenant = $1 AND campaign = $2 ORDER BY id",
        tenant,
        campaign,
    )
    return [RunRow(*row) for row in rows]


async def are_frozen(tx: Transaction, runs: Sequence[bytes]) -> bool:
    """Whether the audience of each of these runs is known whole."""
    known: int = await tx.raw.fetchval("SELECT count(*) FROM total WHERE run = ANY($1::bytea[])", list(runs))
    return known == len(runs)


async def wake_workers(tx: Transaction) -> None:
    """Every worker looks for work when this transaction commits."""
    await tx.raw.execute(f"SELECT pg_notify(current_schema() || '_{WORK_CHANNEL}', '')")


async def add_run(tx: Transaction, run: RunRow, *, expires_at: datetime.datetime) -> None:
    """Store a run; meeting it again changes nothing."""
    await tx.raw.execute(
        "INSERT INTO run (id, tenant, project, campaign, fact, state, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT DO NOTHING",
        run.id,
        run.tenant,
        run.project,
        run.campaign,
        run.fact,
        SENDING,
        expires_at,
    )


async def find_run(tx: Transaction, run: bytes) -> RunRow | None:
    """The run, if it has been met."""
    row = await tx.raw.fetchrow("SELECT id, tenant, project, campaign, fact FROM run WHERE id = $1", run)
    return None if row is None else RunRow(*row)


async def add_total(tx: Transaction, run: bytes, messages: int) -> None:
    """Store how many positions the run's audience has."""
    await tx.raw.execute("INSERT INTO total (run, messages) VALUES ($1, $2) ON CONFLICT DO NOTHING", run, messages)


async def add_chunk(
    tx: Transaction,
    *,
    run: bytes,
    batch: int,
    size: int,
    digest: bytes,
    recipients: bytes,
    contacts: tuple[bytes, bytes],
) -> bool:
    """Store a chunk and make all its positions due; `contacts` are the lowest and the highest in it. False where the
    number is there with another digest."""
    stored = await tx.raw.fetchval(
        """WITH stored AS (INSERT INTO chunk (run, batch, size, digest, recipients, first_contact, last_contact)
                           VALUES ($1, $2, $3, $4, $5, $6, $7)
                           ON CONFLICT DO NOTHING RETURNING run, batch, size),
                work AS (INSERT INTO due (run, batch, positions, due_at, attempt, doubtful)
                         SELECT run, batch, int4multirange(int4range(0, size)), clock_timestamp(), 0, false FROM stored)
           SELECT true FROM stored""",
        run,
        batch,
        size,
        digest,
        recipients,
        *contacts,
    )
    if stored:
        return True
    return bool(
        await tx.raw.fetchval("SELECT digest = $3 FROM chunk WHERE run = $1 AND batch = $2", run, batch, digest)
    )


async def set_control(tx: Transaction, *, campaign: bytes, tenant: bytes, epoch: int, state: int) -> tuple[int, int]:
    """Store the wanted state unless a higher epoch is stored; answers what is stored then."""
    await tx.raw.execute(
        "INSERT INTO control (campaign, tenant, epoch, state) VALUES ($1, $2, $3, $4) ON CONFLICT (campaign)"
        " DO UPDATE SET epoch = excluded.epoch, state = excluded.state WHERE control.epoch < excluded.epoch",
        campaign,
        tenant,
        epoch,
        state,
    )
    row = await tx.raw.fetchrow("SELECT epoch, state FROM control WHERE campaign = $1", campaign)
    return row["epoch"], row["state"]


async def sendable_version(tx: Transaction, run: bytes) -> int | None:
    """The tenant's suppression version, or None where no call of the run may start."""
    version: int | None = await tx.raw.fetchval(
        """SELECT coalesce(s.version, 0) FROM run r
             LEFT JOIN control k ON k.campaign = r.campaign
             LEFT JOIN suppression_version s ON s.tenant = r.tenant
            WHERE r.id = $1 AND r.state = $2 AND coalesce(k.state, $3) = $3 AND r.expires_at > clock_timestamp()""",
        run,
        SENDING,
        ACTIVE,
    )
    return version


async def sendable_runs(tx: Transaction) -> list[bytes]:
    """Runs that have something due now and may be sent, oldest first."""
    rows = await tx.raw.fetch(
        """SELECT r.id FROM run r LEFT JOIN control k ON k.campaign = r.campaign
            WHERE r.state = $1 AND coalesce(k.state, $2) = $2 AND r.expires_at > clock_timestamp()
              AND EXISTS (SELECT FROM due d WHERE d.run = r.id AND d.due_at <= clock_timestamp())
            ORDER BY r.id""",
        SENDING,
        ACTIVE,
    )
    return [row["id"] for row in rows]


async def seconds_to_next_due(tx: Transaction) -> float | None:
    """Seconds until something may be sent, none or less where it may be already, None where nothing will be."""
    seconds = await tx.raw.fetchval(
        """SELECT extract(epoch FROM min(d.due_at) - clock_timestamp()) FROM run r
             LEFT JOIN control k ON k.campaign = r.campaign
             JOIN LATERAL (SELECT due_at FROM due WHERE run = r.id ORDER BY due_at LIMIT 1) d ON true
            WHERE r.state = $1 AND coalesce(k.state, $2) = $2 AND r.expires_at > clock_timestamp()""",
        SENDING,
        ACTIVE,
    )
    return None if seconds is None else float(seconds)


async def runs_to_sweep(tx: Transaction) -> list[tuple[bytes, bool]]:
    """(run, whether it was cancelled) of runs with due positions that must not be sent any more."""
    rows = await tx.raw.fetch(
        """SELECT r.id, coalesce(k.state, $2) = $3 AS cancelled
             FROM run r LEFT JOIN control k ON k.campaign = r.campaign
            WHERE r.state = $1 AND (coalesce(k.state, $2) = $3 OR r.expires_at <= clock_timestamp())
              AND EXISTS (SELECT FROM due d WHERE d.run = r.id)""",
        SENDING,
        ACTIVE,
        STOPPED,
    )
    return [(row["id"], row["cancelled"]) for row in rows]


async def runs_at_rest(tx: Transaction) -> list[bytes]:
    """Runs that look as if they could be completed."""
    rows = await tx.raw.fetch(
        """SELECT r.id FROM run r JOIN total t ON t.run = r.id
            WHERE r.state = $1 AND NOT EXISTS (SELECT FROM due WHERE run = r.id)
              AND NOT EXISTS (SELECT FROM claim WHERE run = r.id)""",
        SENDING,
    )
    return [row["id"] for row in rows]


async def begun_batches(tx: Transaction, run: bytes) -> int:
    """How many of the run's batches have nothing due."""
    count = await tx.raw.fetchval(
        """SELECT (SELECT count(*) FROM chunk WHERE run = $1)
                  - (SELECT count(DISTINCT batch) FROM due WHERE run = $1)""",
        run,
    )
    return int(count)


async def complete(tx: Transaction, run: bytes) -> Any:
    """End the run if nothing is due, nothing is claimed and the chunks add up to the total; its row then, else None."""
    return await tx.raw.fetchrow(
        """UPDATE run r
              SET ended_at = clock_timestamp(),
                  state = CASE WHEN (SELECT state FROM control WHERE campaign = r.campaign) = $5 THEN $4::smallint
                               ELSE $3::smallint END
            WHERE r.id = $1 AND r.state = $2
              AND NOT EXISTS (SELECT FROM due WHERE run = r.id)
              AND NOT EXISTS (SELECT FROM claim WHERE run = r.id)
              AND (SELECT messages FROM total WHERE run = r.id)
                  = (SELECT coalesce(sum(size), 0) FROM chunk WHERE run = r.id)
        RETURNING r.tenant, r.campaign, r.state, r.ended_at, r.corrections""",
        run,
        SENDING,
        COMPLETED,
        CANCELLED,
        STOPPED,
    )


async def lock_run(tx: Transaction, run: bytes) -> bool:
    """Keep the run from ending, or its end from being corrected, until this transaction is over; whether it has ended
    already."""
    state = await tx.raw.fetchval("SELECT state FROM run WHERE id = $1 FOR NO KEY UPDATE", run)
    return bool(state != SENDING)


async def count_correction(tx: Transaction, run: bytes) -> Any:
    """The ended run's numbers change once more; its row."""
    return await tx.raw.fetchrow(
        """UPDATE run SET corrections = corrections + 1, corrected_at = clock_timestamp() WHERE id = $1
        RETURNING tenant, campaign, state, ended_at, corrections""",
        run,
    )


async def store_ended_fact(tx: Transaction, run: bytes, fact: bytes) -> None:
    """Keep what was announced, for whoever asks again."""
    await tx.raw.execute("UPDATE run SET ended_fact = $2 WHERE id = $1", run, fact)


async def ended_facts(tx: Transaction, runs: Sequence[bytes]) -> list[bytes]:
    """The serialized RunEnded of those of these runs that have ended."""
    rows = await tx.raw.fetch(
        "SELECT ended_fact FROM run WHERE id = ANY($1::bytea[]) AND ended_fact IS NOT NULL", list(runs)
    )
    return [row["ended_fact"] for row in rows]


async def corrected_facts(
    tx: Transaction, *, since: datetime.datetime, after: bytes, limit: int
) -> list[tuple[bytes, bytes]]:
    """(run, its serialized RunEnded) of the runs behind this one whose numbers were corrected since then."""
    rows = await tx.raw.fetch(
        "SELECT id, ended_fact FROM run WHERE corrected_at >= $1 AND id > $2 ORDER BY id LIMIT $3", since, after, limit
    )
    return [(row["id"], row["ended_fact"]) for row in rows]


async def incomplete_runs(tx: Transaction) -> list[tuple[bytes, list[int]]]:
    """(run, numbers of the chunks that are here) of open runs whose audience is not here whole."""
    rows = await tx.raw.fetch(
        """SELECT r.id, coalesce(array_agg(c.batch) FILTER (WHERE c.batch IS NOT NULL), '{}') AS batches
             FROM run r LEFT JOIN chunk c ON c.run = r.id LEFT JOIN total t ON t.run = r.id
            WHERE r.state = $1 GROUP BY r.id, t.messages
           HAVING t.messages IS NULL OR t.messages <> coalesce(sum(c.size), 0)""",
        SENDING,
    )
    return [(row["id"], list(row["batches"])) for row in rows]
