"""Receipts are written together, and each is answered after its own transaction."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.delivery import receipts as module
from services.delivery.domain.links import MessagePlace
from services.delivery.domain.receipts import Receipt, ReceiptKind
from services.delivery.receipts import Receipts
from services.runtime.errors import Exhausted, Unavailable

NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)


class OneTable:
    """Stands in for the database; each transaction waits until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[Receipt]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.down = False

    async def transaction(self, work: Any) -> None:
        await work(self)
        await self.open.wait()
        if self.down:
            raise Unavailable("DATABASE_UNAVAILABLE", "A part is restarting; try again.")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> OneTable:
    async def store(tx: OneTable, receipts: list[Receipt]) -> None:
        tx.groups.append(receipts)

    monkeypatch.setattr(module, "store", store)
    return OneTable()


@pytest.fixture
async def receipts(table: OneTable) -> AsyncIterator[Receipts]:
    part = Receipts(table)  # type: ignore[arg-type]
    await part.start()
    yield part
    await part.stop()


def receipt(position: int) -> Receipt:
    return Receipt(MessagePlace(b"r" * 12, 0, position), ReceiptKind.CLICKED, "", NOW)


async def test_what_comes_together_is_one_transaction(table: OneTable, receipts: Receipts) -> None:
    await asyncio.gather(*(receipts.take(receipt(n)) for n in range(200)))

    assert [len(group) for group in table.groups] == [200]


async def test_nobody_is_answered_before_the_commit(table: OneTable, receipts: Receipts) -> None:
    table.open.clear()
    taking = asyncio.create_task(receipts.take(receipt(0)))
    while not table.groups:
        await asyncio.sleep(0.01)

    assert not taking.done()

    table.open.set()
    await taking


async def test_without_a_database_everybody_is_told_and_the_next_are_taken(table: OneTable, receipts: Receipts) -> None:
    table.down = True
    with pytest.raises(Unavailable):
        await receipts.take(receipt(0))
    table.down = False

    await receipts.take(receipt(1))

    assert len(table.groups) == 2


async def test_a_defect_is_told_to_those_it_met_and_to_nobody_else(
    table: OneTable, receipts: Receipts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(module, "store", None)
        with pytest.raises(Unavailable):
            await receipts.take(receipt(0))

    await receipts.take(receipt(1))


async def test_who_leaves_does_not_keep_the_others_from_their_answer(table: OneTable, receipts: Receipts) -> None:
    leaving = asyncio.create_task(receipts.take(receipt(0)))
    staying = asyncio.create_task(receipts.take(receipt(1)))
    await asyncio.sleep(0)
    leaving.cancel()

    await staying

    assert len(table.groups[0]) == 2


async def test_too_many_at_once_are_sent_away(
    table: OneTable, receipts: Receipts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    taking = [asyncio.create_task(receipts.take(receipt(n))) for n in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(Exhausted):
        await receipts.take(receipt(3))

    await asyncio.gather(*taking)
