"""Owns taking receipts in: what comes within 25 ms is one transaction, and each is answered after its commit.

Never answers before: who was told is counted, whatever dies next. Never counts a message twice for one kind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby

import structlog

from services import topics
from services.delivery import messages, receipt_repository
from services.delivery.domain.receipts import Receipt
from services.runtime import outbox
from services.runtime.background import run_in_background
from services.runtime.database import Database, Transaction
from services.runtime.errors import DomainError, Exhausted, Unavailable

log = structlog.get_logger()

GATHER_SECONDS = 0.025
MOST_AT_ONCE = 2_000
MOST_WAITING = 20_000


class Receipts:
    """The one writer of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Receipt, asyncio.Future[None]]] = []
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin writing."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """End writing; the server, which stops first, has waited for its calls."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=5)

    async def take(self, receipt: Receipt) -> None:
        """Return when it is stored, or was. Raises Exhausted where too many wait, Unavailable without a database."""
        if len(self._waiting) >= MOST_WAITING:
            raise Exhausted("TOO_MANY_RECEIPTS", "Too much at once; try again.")
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((receipt, stored))
        self._some.set()
        await stored

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_SECONDS)
            group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not self._waiting:
                self._some.clear()
            await self._write(group)

    async def _write(self, group: Sequence[tuple[Receipt, asyncio.Future[None]]]) -> None:
        problem: DomainError | None = None
        try:
            await self._database.transaction(lambda tx: store(tx, [receipt for receipt, _ in group]))
        except Unavailable as error:
            problem = error
        except Exception:  # a defect of ours: loud, and nobody is told that it was kept
            log.exception("receipts could not be stored", count=len(group))
            problem = Unavailable("RECEIPTS_UNAVAILABLE", "It could not be kept; try again.")
        for _, stored in group:
            if stored.done():
                continue  # whoever waited has left
            if problem is None:
                stored.set_result(None)
            else:
                stored.set_exception(problem)


async def store(tx: Transaction, receipts: Sequence[Receipt]) -> None:
    """Store what is new and announce it, one event per run."""
    rows = await receipt_repository.store(tx, receipts)
    for run, group in groupby(rows, key=lambda row: bytes(row["run"])):
        new = list(group)
        await receipt_repository.add_count(tx, run, len(new))
        await outbox.publish(
            tx,
            topic=topics.MESSAGE_RECEIPTS.name,
            key=new[0]["tenant"] + run,
            event=messages.receipt_batch(tenant=new[0]["tenant"], campaign=new[0]["campaign"], run=run, rows=new),
        )
