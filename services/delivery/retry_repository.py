"""Owns the statements about retries: what a retry run has taken of its campaign's earlier runs.

Never commits: each function works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.message_states import MessageState
from services.runtime.database import Transaction

if TYPE_CHECKING:
    from services.delivery.retries import Place, Wanted

# A row that another retry is taking is waited for, and looked at again.
TAKE = """
WITH wanted AS MATERIALIZED (
    SELECT o.run, o.batch, o.position FROM outcome_row o
     WHERE o.run = ANY(ARRAY(SELECT id FROM run WHERE tenant = $2 AND campaign = $3 AND id <> $1))
       AND (o.run, o.batch, o.position) > ($4, $5, $6)
       AND o.retried_by IS NULL AND o.state = ANY($7::smallint[]) AND ($8::text[] = '{{}}' OR o.reason = ANY($8))
       {places}
     ORDER BY o.run, o.batch, o.position LIMIT $9 FOR UPDATE OF o),
taken AS (
    UPDATE outcome_row o SET retried_by = $1 FROM wanted w
     WHERE o.run = w.run AND o.batch = w.batch AND o.position = w.position RETURNING o.run, o.batch, o.position)
SELECT run, batch, position FROM taken ORDER BY run DESC, batch DESC, position DESC LIMIT 1
"""
AMONG = """
       AND (o.run, o.batch, o.position) IN (
           SELECT * FROM unnest($10::bytea[], $11::int[], $12::int[]))
"""
TAKEN = """
SELECT run, batch, position FROM outcome_row WHERE retried_by = $1 AND (run, batch, position) > ($2, $3, $4)
 ORDER BY run, batch, position LIMIT $5
"""


async def is_settled(tx: Transaction, run: bytes, *, campaign: bytes) -> bool:
    """Whether the retry run has all it will ever have; until the commit, nobody else takes for it."""
    await tx.raw.execute(
        "INSERT INTO retry (run, campaign, settled) VALUES ($1, $2, false) ON CONFLICT DO NOTHING", run, campaign
    )
    return bool(await tx.raw.fetchval("SELECT settled FROM retry WHERE run = $1 FOR UPDATE", run))


async def take(
    tx: Transaction, run: bytes, *, tenant: bytes, campaign: bytes, wanted: Wanted, after: Place, limit: int
) -> Place | None:
    """Take the next messages behind this one; answers the last of them, None where there is none."""
    among = [list(column) for column in zip(*wanted.places, strict=True)]
    row = await tx.raw.fetchrow(
        TAKE.format(places=AMONG if among else ""),
        run,
        tenant,
        campaign,
        *after,
        sorted(wanted.states),
        list(wanted.reasons),
        limit,
        *among,
    )
    return None if row is None else (row["run"], row["batch"], row["position"])


async def settle(tx: Transaction, run: bytes) -> None:
    """The retry run has all it will ever have."""
    await tx.raw.execute("UPDATE retry SET settled = true WHERE run = $1", run)


async def taken_after(tx: Transaction, run: bytes, *, after: Place, limit: int) -> list[Place]:
    """What the retry run has taken, in order, behind this one."""
    rows = await tx.raw.fetch(TAKEN, run, *after, limit)
    return [(row["run"], row["batch"], row["position"]) for row in rows]


async def sent_after_all(tx: Transaction, run: bytes, *, contacts: Sequence[bytes]) -> set[tuple[bytes, int, bytes]]:
    """(contact, channel, endpoint) of the messages of these contacts that the retry run has taken and that turned out
    to have been sent."""
    rows = await tx.raw.fetch(
        "SELECT contact, channel, endpoint FROM outcome_row"
        " WHERE retried_by = $1 AND contact = ANY($2::bytea[]) AND state = $3",
        run,
        list(contacts),
        int(MessageState.SENT),
    )
    return {(row["contact"], row["channel"], row["endpoint"]) for row in rows}
