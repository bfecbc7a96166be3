"""Owns reading single messages, wherever they stand: due, claimed or final.

Never changes one. Lists go window by window of batches, so that a page costs what a window costs, whatever it looks for
and whatever the statistics say. What is due or claimed is known by its positions: whose it is, the chunk says.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg

from services.delivery.domain.links import MessagePlace
from services.delivery.messages import RecipientColumns
from services.message_states import MessageState
from services.runtime.database import Transaction

WINDOW = 32  # batches, of up to 2,000 messages each

# The columns of the chunk are read only where there is no outcome yet.
RECIPIENT = """
SELECT r.tenant, r.project, o.contact, o.channel, CASE WHEN o.run IS NULL THEN c.recipients END AS recipients
  FROM run r JOIN chunk c ON c.run = r.id AND c.batch = $2 AND $3 < c.size
  LEFT JOIN LATERAL (SELECT * FROM outcome WHERE run = $1 AND batch = $2 AND position = $3) o ON true
 WHERE r.id = $1
"""
FINAL = """
SELECT batch, position, contact, endpoint, channel, state, reason, code, attempts, repeated, final_at, retried_by
  FROM outcome
"""
PENDING = """
SELECT batch, positions, due_at, attempt FROM due WHERE run = $1 AND batch >= $2 AND batch < $3
 UNION ALL
SELECT batch, positions, NULL, attempt FROM claim WHERE run = $1 AND batch >= $2 AND batch < $3
"""
# Chunks of before there were bounds are looked through.
BATCHES_OF_CONTACT = """
SELECT batch FROM chunk WHERE run = $1 AND batch >= $2
   AND coalesce(first_contact <= $3, true) AND coalesce(last_contact >= $3, true) ORDER BY batch
"""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who a message is for."""

    tenant: bytes
    project: bytes
    contact: bytes
    channel: int


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as it stands; `due_at` is None where it is final or claimed, `final_at` where it is neither."""

    run: bytes
    batch: int
    position: int
    contact: bytes
    endpoint: bytes
    channel: int
    state: int
    reason: str = ""
    code: int = 0
    attempts: int = 0
    repeated: bool = False
    final_at: datetime.datetime | None = None
    due_at: datetime.datetime | None = None
    retried_by: bytes | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages a list is about; everything where nothing is said."""

    states: frozenset[int] = frozenset()
    reasons: frozenset[str] = frozenset()
    channels: frozenset[int] = frozenset()
    contact: bytes = b""

    @property
    def pending(self) -> bool:
        """Whether a message that is not final can be one of them."""
        return not self.reasons and (not self.states or MessageState.PENDING in self.states)

    @property
    def final_states(self) -> frozenset[int]:
        """The final states that one of them can have; only what was not sent has a reason."""
        wanted = (self.states or frozenset(MessageState)) - {MessageState.PENDING}
        return wanted - {MessageState.SENT} if self.reasons else wanted

    def fits(self, contact: bytes, channel: int) -> bool:
        """Whether it is one of them, as far as contact and channel say."""
        return (not self.contact or contact == self.contact) and (not self.channels or channel in self.channels)


async def find_recipient(tx: Transaction, place: MessagePlace) -> Recipient | None:
    """Who the message at this place is for; None where there is no such message, or nobody knows any more."""
    row = await tx.raw.fetchrow(RECIPIENT, place.run, place.batch, place.position)
    if row is None:
        return None
    if row["contact"] is not None:
        return Recipient(row["tenant"], row["project"], row["contact"], row["channel"])
    if row["recipients"] is None:
        return None
    columns = RecipientColumns(row["recipients"])
    return Recipient(row["tenant"], row["project"], *columns.person(place.position))


async def last_batch(tx: Transaction, run: bytes) -> int:
    """The highest number of a chunk that is here, -1 where none is."""
    number: int = await tx.raw.fetchval("SELECT coalesce(max(batch), -1) FROM chunk WHERE run = $1", run)
    return number


async def batches_of_contact(tx: Transaction, run: bytes, *, contact: bytes, first: int) -> list[int]:
    """The chunks, from this number on, that may have a message of the contact."""
    return [row["batch"] for row in await tx.raw.fetch(BATCHES_OF_CONTACT, run, first, contact)]


async def read_window(
    tx: Transaction, run: bytes, wanted: Wanted, *, batches: range, after: tuple[int, int], limit: int
) -> list[MessageRow]:
    """At most so many of the run's messages in these batches, behind this (batch, position), in their order."""
    after = max(after, (batches.start, -1))  # an index is entered there
    found = await _finals(tx, run, wanted, batches=batches, after=after, limit=limit)
    if wanted.pending:
        found += await _pendings(tx, run, wanted, batches=batches, after=after, limit=limit)
        found.sort(key=lambda row: (row.batch, row.position))
    return found[:limit]


async def read_columns(tx: Transaction, run: bytes, batch: int) -> RecipientColumns | None:
    """Who a batch is for; None where there is none, or nobody knows any more."""
    recipients = await tx.raw.fetchval("SELECT recipients FROM chunk WHERE run = $1 AND batch = $2", run, batch)
    return None if recipients is None else RecipientColumns(recipients)


async def read_attempts(tx: Transaction, place: MessagePlace) -> list[asyncpg.Record]:
    """The attempts that did not end the message, oldest first."""
    rows: list[asyncpg.Record] = await tx.raw.fetch(
        "SELECT attempt, kind, code, reason, at FROM attempt WHERE run = $1 AND batch = $2 AND position = $3"
        " ORDER BY attempt, at",
        place.run,
        place.batch,
        place.position,
    )
    return rows


async def read_receipts(tx: Transaction, place: MessagePlace) -> list[asyncpg.Record]:
    """The message's receipts, oldest first."""
    rows: list[asyncpg.Record] = await tx.raw.fetch(
        "SELECT kind, action, at FROM receipt WHERE run = $1 AND batch = $2 AND position = $3 ORDER BY at, kind",
        place.run,
        place.batch,
        place.position,
    )
    return rows


async def _finals(
    tx: Transaction, run: bytes, wanted: Wanted, *, batches: range, after: tuple[int, int], limit: int
) -> list[MessageRow]:
    if not wanted.final_states:
        return []
    values: list[object] = [run, batches.stop, *after]
    conditions = ["run = $1 AND batch >= $3 AND batch < $2 AND (batch, position) > ($3, $4)"]

    def narrow(condition: str, value: object) -> None:
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))

    if wanted.states or wanted.reasons:
        narrow("state = ANY({}::smallint[])", sorted(wanted.final_states))
    if MessageState.SENT not in wanted.final_states:
        conditions.append("state <> 2")  # spelled as the partial index is
    if wanted.reasons:
        narrow("reason = ANY({}::text[])", sorted(wanted.reasons))
    if wanted.channels:
        narrow("channel = ANY({}::smallint[])", sorted(wanted.channels))
    if wanted.contact:
        narrow("contact = {}", wanted.contact)
    await tx.raw.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    rows = await tx.raw.fetch(
        f"{FINAL} WHERE {' AND '.join(conditions)} ORDER BY batch, position LIMIT {limit}", *values
    )
    return [MessageRow(run=run, **row) for row in rows]


async def _pendings(
    tx: Transaction, run: bytes, wanted: Wanted, *, batches: range, after: tuple[int, int], limit: int
) -> list[MessageRow]:
    waiting: dict[int, list[asyncpg.Record]] = {}
    for row in await tx.raw.fetch(PENDING, run, after[0], batches.stop):
        waiting.setdefault(row["batch"], []).append(row)
    found: list[MessageRow] = []
    for batch in sorted(waiting):
        if len(found) >= limit:
            break
        columns = await read_columns(tx, run, batch)
        if columns is not None:
            found += [item for item in _rows(run, batch, waiting[batch], columns, wanted) if _place(item) > after]
    return found


def _place(row: MessageRow) -> tuple[int, int]:
    return row.batch, row.position


def _rows(
    run: bytes, batch: int, waiting: Sequence[asyncpg.Record], columns: RecipientColumns, wanted: Wanted
) -> Iterator[MessageRow]:
    """The messages of a batch that are due or claimed, in the order of their positions."""
    places = {
        position: row for row in waiting for part in row["positions"] for position in range(part.lower, part.upper)
    }
    for position in sorted(places):
        contact, channel = columns.person(position)
        if wanted.fits(contact, channel):
            row = places[position]
            yield MessageRow(
                run=run,
                batch=batch,
                position=position,
                contact=contact,
                endpoint=columns.endpoint(position),
                channel=channel,
                state=MessageState.PENDING,
                attempts=row["attempt"],
                due_at=row["due_at"],
            )
