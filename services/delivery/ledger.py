"""Owns finding messages: page by page, one by one, all of one contact. Always of one instant.

Never decides who may ask: that is known before. A page looks through so many windows of batches at most, and then says
where the next one goes on, however few it has found.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle

from services.delivery import message_repository as messages
from services.delivery.domain.links import MessagePlace
from services.delivery.message_repository import WINDOW, MessageRow, Wanted
from services.delivery.run_repository import RunRow
from services.runtime.database import Database, Transaction
from services.runtime.ids import SIZE

MOST_WINDOWS = 32  # a page's: about a million messages are looked through in a part of a second
MOST_OF_CONTACT = 1000
PLACE = struct.Struct(f">{SIZE}sii")


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, and behind which place the next page begins; None where there is none."""

    rows: list[MessageRow]
    next: MessagePlace | None


@dataclass(frozen=True, slots=True)
class Detail:
    """One message, its history, and its address where that is still kept."""

    row: MessageRow
    address: str
    attempts: Sequence[asyncpg.Record]
    receipts: Sequence[asyncpg.Record]


def pack(place: MessagePlace) -> bytes:
    """A place as a page token carries it."""
    return PLACE.pack(place.run, place.batch, place.position)


def unpack(raw: bytes) -> MessagePlace:
    """The place that `pack` wrote; before the first message where it is empty."""
    return MessagePlace(*PLACE.unpack(raw)) if raw else MessagePlace(b"", 0, -1)


class Ledger:
    """Finds messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, runs: Sequence[RunRow], wanted: Wanted, *, after: MessagePlace, size: int) -> Page:
        """The messages of these runs behind this place."""

        async def work(tx: Transaction) -> Page:
            await _one_instant(tx)
            return await _Search(tx, wanted, size).of(runs, after)

        return await self._database.transaction(work)

    async def of_contact(self, runs: Sequence[RunRow], contact: bytes) -> list[MessageRow]:
        """All messages of these runs to the contact."""
        start = MessagePlace(b"", 0, -1)
        return (await self.page(runs, Wanted(contact=contact), after=start, size=MOST_OF_CONTACT)).rows

    async def find(self, place: MessagePlace) -> Detail | None:
        """The message at this place."""

        async def work(tx: Transaction) -> Detail | None:
            await _one_instant(tx)
            batches = range(place.batch, place.batch + 1)
            before = (place.batch, place.position - 1)
            rows = await messages.read_window(tx, place.run, Wanted(), batches=batches, after=before, limit=1)
            if not rows or rows[0].position != place.position:
                return None
            columns = await messages.read_columns(tx, place.run, place.batch)
            return Detail(
                row=rows[0],
                address=columns.address(place.position) if columns else "",
                attempts=await messages.read_attempts(tx, place),
                receipts=await messages.read_receipts(tx, place),
            )

        return await self._database.transaction(work)


async def _one_instant(tx: Transaction) -> None:
    """A message that moves meanwhile is seen in one place."""
    await tx.raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


class _Search:
    def __init__(self, tx: Transaction, wanted: Wanted, size: int) -> None:
        self._tx = tx
        self._wanted = wanted
        self._size = size
        self._looked = 0
        self._found: list[MessageRow] = []

    async def of(self, runs: Sequence[RunRow], after: MessagePlace) -> Page:
        for run in runs:
            if run.id < after.run or not _can_have(run, self._wanted):
                continue
            behind = (after.batch, after.position) if run.id == after.run else (0, -1)
            for batches in await self._windows(run.id, first=behind[0]):
                if self._looked == MOST_WINDOWS:
                    return Page(self._found, MessagePlace(run.id, batches.start, -1))
                self._looked += 1
                room = self._size - len(self._found)
                self._found += await messages.read_window(
                    self._tx, run.id, self._wanted, batches=batches, after=behind, limit=room + 1
                )
                if len(self._found) > self._size:
                    last = self._found[self._size - 1]
                    return Page(self._found[: self._size], MessagePlace(last.run, last.batch, last.position))
        return Page(self._found, None)

    async def _windows(self, run: bytes, *, first: int) -> list[range]:
        if self._wanted.contact:
            found = await messages.batches_of_contact(self._tx, run, contact=self._wanted.contact, first=first)
            return [range(batch, batch + 1) for batch in found]
        last = await messages.last_batch(self._tx, run)
        return [range(start, start + WINDOW) for start in range(first, last + 1, WINDOW)]


def _can_have(run: RunRow, wanted: Wanted) -> bool:
    channels = CampaignLifecycle.FromString(run.fact).run_started.channels
    return not wanted.channels or not channels or not wanted.channels.isdisjoint(channels)
