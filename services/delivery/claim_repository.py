"""Owns the rows of due positions, claims and attempts: the statements that promises 1 to 3 rest on.

A claim moves positions from `due` into a row of its own before any call. That row's id is the fence: recording deletes
it, taking over deletes it, and who deletes nothing has lost. Never commits: each function works inside the caller's
transaction.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from services.delivery import outcome_repository
from services.delivery.outcome_repository import OutcomeBlock, OutcomeRow
from services.delivery.run_repository import ACTIVE, SENDING, STOPPED
from services.runtime.database import Transaction

LEASE = datetime.timedelta(seconds=30)

# The condition of each purpose on run r, its control row k; $2 is SENDING, $3 ACTIVE, $4 STOPPED in all of them.
TO_SEND = "coalesce(k.state, $3) = $3 AND r.expires_at > clock_timestamp() AND $4::smallint IS NOT NULL"
TO_CANCEL = "coalesce(k.state, $3) = $4"
TO_EXPIRE = "r.expires_at <= clock_timestamp() AND coalesce(k.state, $3) <> $4"

# At most $5 positions of the run's longest due row, counted over its ranges, not over their span.
CLAIM = """
WITH allowed AS MATERIALIZED (
    SELECT r.id, coalesce(s.version, 0) AS version FROM run r
      LEFT JOIN control k ON k.campaign = r.campaign
      LEFT JOIN suppression_version s ON s.tenant = r.tenant
     WHERE r.id = $1 AND r.state = $2 AND {condition}),
work AS MATERIALIZED (
    SELECT d.id, d.batch, d.positions, d.attempt, d.doubtful,
           (SELECT range_agg(int4range(lower(w.part), least(upper(w.part), lower(w.part) + $5 - w.before)))
              FROM (SELECT part, (sum(upper(part) - lower(part)) OVER (ORDER BY lower(part)))::int
                                 - (upper(part) - lower(part)) AS before
                      FROM unnest(d.positions) part) w
             WHERE w.before < $5) AS take
      FROM allowed a JOIN due d ON d.run = a.id
     WHERE d.due_at <= clock_timestamp() OR $8
     ORDER BY d.due_at, d.id LIMIT 1 FOR UPDATE OF d SKIP LOCKED),
gone AS (DELETE FROM due USING work WHERE due.id = work.id AND work.take = work.positions),
rest AS (UPDATE due SET positions = due.positions - work.take FROM work
          WHERE due.id = work.id AND work.take <> work.positions),
claimed AS (
    INSERT INTO claim (run, batch, positions, owner, lease_until, attempt, doubtful, for_sending)
    SELECT $1, batch, take, $6, clock_timestamp() + $7, attempt, doubtful, NOT $8 FROM work
    RETURNING id, batch, positions, attempt, doubtful)
SELECT c.id, c.batch, c.attempt, c.doubtful, a.version, k.recipients,
       (SELECT array_agg(p ORDER BY p) FROM unnest(c.positions) part,
               generate_series(lower(part), upper(part) - 1) p) AS positions
  FROM claimed c CROSS JOIN allowed a JOIN chunk k ON k.run = $1 AND k.batch = c.batch
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """Positions that are this process' to deal with. `attempt` counts tries begun before; `doubtful` if one of them
    may have arrived; `version` is the tenant's suppression version that the claim saw; `for_sending` unless it is made
    to end them without a call."""

    id: int
    run: bytes
    batch: int
    positions: list[int]
    attempt: int
    doubtful: bool
    version: int
    recipients: bytes
    for_sending: bool = True


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Positions that are due again."""

    positions: str  # an int4multirange
    due_at: datetime.datetime
    attempt: int
    doubtful: bool


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt that did not end its message, in the order of the table's columns behind run and batch."""

    position: int
    attempt: int
    kind: str
    code: int
    reason: str
    at: datetime.datetime


ATTEMPT_COLUMNS = ("run", "batch", "position", "attempt", "kind", "code", "reason", "at")


async def claim(tx: Transaction, run: bytes, *, purpose: str, owner: str, most: int) -> Claim | None:
    """Claim up to `most` positions of the run for TO_SEND, TO_CANCEL or TO_EXPIRE; None where there is nothing."""
    row = await tx.raw.fetchrow(
        CLAIM.format(condition=purpose), run, SENDING, ACTIVE, STOPPED, most, owner, LEASE, purpose is not TO_SEND
    )
    if row is None:
        return None
    return Claim(
        id=row["id"],
        run=run,
        batch=row["batch"],
        positions=row["positions"],
        attempt=row["attempt"],
        doubtful=row["doubtful"],
        version=row["version"],
        recipients=row["recipients"],
    )


async def settle(
    tx: Transaction,
    claim: Claim,
    *,
    outcomes: Sequence[OutcomeRow],
    back: Sequence[GiveBack],
    blocks: Sequence[OutcomeBlock] = (),
    attempts: Sequence[AttemptRow] = (),
) -> bool:
    """Delete the claim, give back what is not final, store what is, and the attempts that ended nothing. False where
    the claim was not there: fenced."""
    mine = await tx.raw.fetchval(
        """WITH mine AS (DELETE FROM claim WHERE id = $1 RETURNING run, batch),
                back AS (INSERT INTO due (run, batch, positions, due_at, attempt, doubtful)
                         SELECT m.run, m.batch, b.positions, b.due_at, b.attempt, b.doubtful FROM mine m,
                                unnest($2::text[]::int4multirange[], $3::timestamptz[], $4::int[], $5::bool[])
                                AS b(positions, due_at, attempt, doubtful))
           SELECT true FROM mine""",
        claim.id,
        [item.positions for item in back],
        [item.due_at for item in back],
        [item.attempt for item in back],
        [item.doubtful for item in back],
    )
    if mine:
        await outcome_repository.store(tx, claim.run, batch=claim.batch, rows=outcomes, blocks=blocks)
    if mine and attempts:
        await tx.raw.copy_records_to_table(
            "attempt",
            columns=ATTEMPT_COLUMNS,
            records=[
                (claim.run, claim.batch, row.position, row.attempt, row.kind, row.code, row.reason, row.at)
                for row in attempts
            ],
        )
    return bool(mine)


async def owners_of_claims(tx: Transaction, *, other_than: str) -> list[tuple[str, bool]]:
    """(owner, whether all its leases ran out) of everybody else who holds a claim."""
    rows = await tx.raw.fetch(
        "SELECT owner, max(lease_until) < clock_timestamp() AS over FROM claim WHERE owner <> $1 GROUP BY owner",
        other_than,
    )
    return [(row["owner"], row["over"]) for row in rows]


async def claims_of(tx: Transaction, owner: str) -> list[int]:
    """The ids of the claims that the owner holds by the table."""
    return [row["id"] for row in await tx.raw.fetch("SELECT id FROM claim WHERE owner = $1 ORDER BY id", owner)]


async def read_claim(tx: Transaction, claim: int) -> Claim | None:
    """The claim, if nobody has recorded it or taken it over."""
    row = await tx.raw.fetchrow(
        """SELECT c.id, c.run, c.batch, c.attempt, c.doubtful, c.for_sending, k.recipients,
                  (SELECT array_agg(p ORDER BY p) FROM unnest(c.positions) part,
                          generate_series(lower(part), upper(part) - 1) p) AS positions
             FROM claim c JOIN chunk k ON k.run = c.run AND k.batch = c.batch WHERE c.id = $1""",
        claim,
    )
    return None if row is None else Claim(version=0, **row)


async def existing_claims(tx: Transaction, claims: Sequence[int]) -> set[int]:
    """Which of these claims are there, whoever holds them."""
    return {row["id"] for row in await tx.raw.fetch("SELECT id FROM claim WHERE id = ANY($1::bigint[])", list(claims))}


async def release(tx: Transaction, claims: Sequence[int]) -> None:
    """Give back claims of this process that it never began to carry out."""
    await tx.raw.execute(
        """WITH gone AS (DELETE FROM claim WHERE id = ANY($1::bigint[])
                         RETURNING run, batch, positions, attempt, doubtful)
           INSERT INTO due (run, batch, positions, due_at, attempt, doubtful)
           SELECT run, batch, positions, clock_timestamp(), attempt, doubtful FROM gone""",
        list(claims),
    )


async def renew_leases(tx: Transaction, owner: str) -> None:
    """The owner lives."""
    await tx.raw.execute("UPDATE claim SET lease_until = clock_timestamp() + $2 WHERE owner = $1", owner, LEASE)


async def waiting(tx: Transaction, runs: Sequence[bytes]) -> int:
    """Positions that are due or claimed, over these runs."""
    return int(
        await tx.raw.fetchval(
            """SELECT coalesce(sum(upper(part) - lower(part)), 0)
                 FROM (SELECT positions FROM due WHERE run = ANY($1::bytea[])
                       UNION ALL SELECT positions FROM claim WHERE run = ANY($1::bytea[])) w,
                      unnest(w.positions) part""",
            list(runs),
        )
    )
