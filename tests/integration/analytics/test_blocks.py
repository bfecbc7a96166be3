"""Messages that were sent side by side are kept as one row, and counted and shown one by one all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pytest
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch

from services.analytics import repository, use_cases
from services.analytics.domain.counts import Counts
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.database import Database, Transaction

TENANT, CAMPAIGN = ids.new_id(), ids.new_id()
SENT, FAILED, UNKNOWN = MessageState.SENT, MessageState.FAILED, MessageState.UNKNOWN


def contact(position: int) -> bytes:
    return b"contact".ljust(8) + position.to_bytes(4)


@dataclass(frozen=True)
class Book:
    """One run's rows and counters."""

    database: Database
    run: bytes

    async def record(self, states: Mapping[int, MessageState], *, batch: int = 0) -> None:
        """Position → state, as delivery tells it: one entry where all are the same or stand side by side."""
        alike = len(set(states.values())) == 1
        neighbours = [*states] == [*range(min(states), min(states) + len(states))]
        event = OutcomeBatch(
            tenant=TENANT,
            campaign=CAMPAIGN,
            run=self.run,
            batch=batch,
            positions=[*states][: 1 if neighbours else None],
            states=[int(state) for state in states.values()][: 1 if alike else None],
            reason_words=[""],
            reasons=[0],
            contacts=b"".join(map(contact, states)),
            times=[1_700_000_000_000 + position for position in states],
            channels=[2],
        )

        async def work(tx: Transaction) -> None:
            await use_cases.record_outcomes(tx, event)

        await self.database.transaction(work)

    async def shown(self) -> dict[tuple[int, int], tuple[int, bytes, int]]:
        """(batch, position) → (state, contact, milliseconds)."""
        rows = await self.database.read(
            lambda tx: tx.raw.fetch(
                "SELECT batch, position, state, contact, extract(epoch FROM at) * 1000 AS at"
                " FROM outcome WHERE run = $1",
                self.run,
            )
        )
        found = {(row["batch"], row["position"]): (row["state"], row["contact"], int(row["at"])) for row in rows}
        assert len(found) == len(rows), "a message is shown twice"
        return found

    async def counts(self) -> Counts:
        """By the rows and by the counters, which say the same."""
        rows = await self.database.read(lambda tx: repository.count_rows(tx, [self.run]))
        assert rows == await self.database.read(lambda tx: repository.read_counters(tx, [self.run]))
        return rows


@pytest.fixture
def book(connect: Callable[..., Database]) -> Book:
    """Of a new run."""
    return Book(connect("analytics"), ids.new_id())


def sent(positions: Iterable[int]) -> dict[int, MessageState]:
    return dict.fromkeys(positions, SENT)


async def test_neighbours_are_shown_one_by_one(book: Book) -> None:
    await book.record(sent(range(100, 200)))
    await book.record(sent(range(2000)), batch=1)

    shown = await book.shown()

    assert shown.keys() == {(0, position) for position in range(100, 200)} | {(1, position) for position in range(2000)}
    assert shown[0, 150] == (SENT, contact(150), 1_700_000_000_150)
    assert await book.counts() == Counts(sent=2100)


async def test_hearing_of_a_block_again_changes_nothing_whatever_part_of_it(book: Book) -> None:
    await book.record(sent(range(100)))

    await book.record(sent(range(100)))
    await book.record(sent(range(50, 80)))
    await book.record(sent([3, 99]))
    await book.record({7: UNKNOWN, 8: FAILED})

    assert {state for state, _, _ in (await book.shown()).values()} == {SENT}
    assert await book.counts() == Counts(sent=100)


async def test_a_block_that_meets_what_is_known_becomes_rows(book: Book) -> None:
    await book.record(sent(range(50)))
    await book.record({60: UNKNOWN, 61: FAILED, 62: SENT})

    await book.record(sent(range(30, 100)))

    shown = await book.shown()
    assert shown.keys() == {(0, position) for position in range(100)}
    assert await book.counts() == Counts(sent=100)


async def test_what_stands_alone_or_was_not_sent_is_a_row(book: Book) -> None:
    await book.record(sent([1, 3, 5]))
    await book.record(dict.fromkeys(range(10, 60), FAILED))
    await book.record({**sent(range(100, 150)), 150: FAILED})

    blocks = await book.database.read(
        lambda tx: tx.raw.fetchval("SELECT count(*) FROM outcome_block WHERE run = $1", book.run)
    )

    assert blocks == 0
    assert await book.counts() == Counts(sent=53, failed=51)
