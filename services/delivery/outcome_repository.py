"""Owns the rows of outcomes, singly and in blocks, and of answers that came late.

Never decides who may write an outcome: whoever deleted the claim. Never commits.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from services import columns_as_text
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.database import Transaction

EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)


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


async def store(
    tx: Transaction, run: bytes, *, batch: int, rows: Sequence[OutcomeRow], blocks: Sequence[OutcomeBlock]
) -> None:
    """Store outcomes of a batch of a run."""
    if rows:
        await tx.raw.copy_records_to_table(
            "outcome_row", columns=OUTCOME_COLUMNS, records=[(run, batch, *row) for row in rows]
        )
    for block in blocks:
        await _store_block(tx, run, batch, block)


async def _store_block(tx: Transaction, run: bytes, batch: int, block: OutcomeBlock) -> None:
    await tx.raw.execute(
        STORE_BLOCK,
        run,
        batch,
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
