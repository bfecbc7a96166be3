"""Owns the rows of due positions, claims and outcomes: the statements that promises 1 to 3 rest on.

A claim moves positions from `due` into a row of its own before any call. That row's id is the fence: recording deletes
it, taking over deletes it, and who deletes nothing has lost. Never commits: each function works inside the caller's
transaction.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from services import columns_as_text
from services.delivery.run_repository import ACTIVE, SENDING, STOPPED
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.database import Transaction

LEASE = datetime.timedelta(seconds=30)
EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)

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


class OutcomeRow(NamedTuple):
    """One message's final state, in the order of the table's columns behind run and batch."""

    position: int
    contact: bytes
    endpoint: bytes
    channel: int
    state: int
    reason: str
    code: int
    attempts: int
    repeated: bool
    final_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class OutcomeBlock:
    """Messages of one channel that were accepted and stand side by side in their batch: one row for all of them."""

    first: int
    size: int
    channel: int
    contacts: bytes  # end to end
    endpoints: bytes  # end to end, or empty where the channel has none
    code: int
    attempts: int
    repeated: bool
    final_at: Sequence[int]  # microseconds since 1970, one entry where it is the same for all

    @property
    def positions(self) -> range:
        """All of them."""
        return range(self.first, self.first + self.size)

    def instants(self) -> Sequence[int]:
        """`final_at` of each."""
        return self.final_at if len(self.final_at) > 1 else [*self.final_at] * self.size

    def rows(self) -> Iterator[OutcomeRow]:
        """Message by message."""
        for index, (position, at) in enumerate(zip(self.positions, self.instants(), strict=True)):
            part = slice(index * ids.SIZE, (index + 1) * ids.SIZE)
            yield OutcomeRow(
                position=position,
                contact=self.contacts[part],
                endpoint=self.endpoints[part],
                channel=self.channel,
                state=MessageState.SENT,
                reason="",
                code=self.code,
                attempts=self.attempts,
                repeated=self.repeated,
                final_at=EPOCH + datetime.timedelta(microseconds=at),
            )


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt that did not end its message, in the order of the table's columns behind run and batch."""

    position: int
    attempt: int
    kind: str
    code: int
    reason: str
    at: datetime.datetime


OUTCOME_COLUMNS = (
    "run",
    "batch",
    "position",
    "contact",
    "endpoint",
    "channel",
    "state",
    "reason",
    "code",
    "attempts",
    "repeated",
    "final_at",
)


STORE_BLOCK = """
INSERT INTO outcome_block (run, batch, first, size, channel, contacts, endpoints, code, attempts, repeated, final_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::bigint[])
"""
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
    if mine and outcomes:
        await tx.raw.copy_records_to_table(
            "outcome_row",
            columns=OUTCOME_COLUMNS,
            records=[(claim.run, claim.batch, *row) for row in outcomes],
        )
    for block in blocks if mine else ():
        await _store_block(tx, claim, block)
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


async def _store_block(tx: Transaction, claim: Claim, block: OutcomeBlock) -> None:
    await tx.raw.execute(
        STORE_BLOCK,
        claim.run,
        claim.batch,
        block.first,
        block.size,
        block.channel,
        block.contacts,
        block.endpoints,
        block.code,
        block.attempts,
        block.repeated,
        columns_as_text.array(block.final_at),
    )


async def store_late(
    tx: Transaction, run: bytes, *, batch: int, rows: Sequence[OutcomeRow], ranks: Sequence[int]
) -> None:
    """Keep answers that came after their claim was taken over; of two about one message, that of the higher rank."""
    columns = (
        [row.position for row in rows],
        [row.state for row in rows],
        list(ranks),
        [row.reason for row in rows],
        [row.code for row in rows],
        [row.final_at for row in rows],
    )
    await tx.raw.execute(
        """INSERT INTO late_outcome (run, batch, position, state, rank, reason, code, answered_at)
           SELECT $1, $2, l.* FROM unnest($3::int[], $4::smallint[], $5::smallint[], $6::text[], $7::int[],
                                          $8::timestamptz[]) l
           ON CONFLICT (run, batch, position) DO UPDATE
              SET state = excluded.state, rank = excluded.rank, reason = excluded.reason, code = excluded.code,
                  answered_at = excluded.answered_at
            WHERE late_outcome.rank < excluded.rank""",
        run,
        batch,
        *columns,
    )


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


async def correct_by_late(tx: Transaction, run: bytes, ranks: dict[int, int], batch: int | None) -> int:
    """Let every late answer of higher rank than its outcome correct it, in one batch or in all; answers how many."""
    return int(
        await tx.raw.fetchval(
            """WITH corrected AS (
                   UPDATE outcome_row o SET state = l.state, reason = l.reason, code = l.code, final_at = l.answered_at
                     FROM late_outcome l, unnest($2::smallint[], $3::smallint[]) AS rank(state, value)
                    WHERE o.run = $1 AND l.run = o.run AND l.batch = o.batch AND l.position = o.position
                      AND ($4::int IS NULL OR l.batch = $4) AND rank.state = o.state AND rank.value < l.rank
                   RETURNING 1)
               SELECT count(*) FROM corrected""",
            run,
            list(ranks),
            list(ranks.values()),
            batch,
        )
    )


async def late_answers(
    tx: Transaction, run: bytes, *, batch: int, positions: Sequence[int], state: int
) -> list[asyncpg.Record]:
    """The late answers of this state about these positions of a batch."""
    rows: list[asyncpg.Record] = await tx.raw.fetch(
        "SELECT position, code, answered_at FROM late_outcome"
        " WHERE run = $1 AND batch = $2 AND position = ANY($3::int[]) AND state = $4",
        run,
        batch,
        list(positions),
        state,
    )
    return rows


async def counts(tx: Transaction, runs: Sequence[bytes]) -> dict[int, int]:
    """state → rows, over these runs."""
    rows = await tx.raw.fetch(
        """SELECT state, sum(n)::int AS n
             FROM (SELECT state, count(*) AS n FROM outcome_row WHERE run = ANY($1::bytea[]) GROUP BY state
                   UNION ALL SELECT $2, sum(size) FROM outcome_block WHERE run = ANY($1::bytea[])) c
            WHERE n > 0 GROUP BY state""",
        list(runs),
        int(MessageState.SENT),
    )
    return {row["state"]: row["n"] for row in rows}


async def reasons(tx: Transaction, runs: Sequence[bytes]) -> dict[tuple[int, str], int]:
    """(state, reason) → rows, over these runs; what was sent has no reason, and rows without one are left out."""
    rows = await tx.raw.fetch(
        "SELECT state, reason, count(*) AS n FROM outcome_row"
        " WHERE run = ANY($1::bytea[]) AND state <> 2 AND reason <> '' GROUP BY state, reason",
        list(runs),
    )
    return {(row["state"], row["reason"]): row["n"] for row in rows}


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


async def repeated(tx: Transaction, runs: Sequence[bytes]) -> int:
    """SENT messages that may have reached their device twice."""
    return int(
        await tx.raw.fetchval(
            "SELECT count(*) FROM outcome WHERE run = ANY($1::bytea[]) AND repeated AND state = $2",
            list(runs),
            int(MessageState.SENT),
        )
    )


async def outcomes_of(tx: Transaction, run: bytes, *, batch: int) -> list[OutcomeRow]:
    """All outcomes in a batch of a run, in the order of their positions."""
    columns = ", ".join(OUTCOME_COLUMNS[2:])
    rows = await tx.raw.fetch(
        f"SELECT {columns} FROM outcome WHERE run = $1 AND batch = $2 ORDER BY position", run, batch
    )
    return [OutcomeRow(*row) for row in rows]
