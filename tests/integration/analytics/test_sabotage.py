"""The proof that counters are rows would notice: one is bumped by the event instead of by what the event changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch

from services.analytics import repository, use_cases
from services.analytics.domain.outcomes import Outcomes
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.database import Database, Transaction

BUMP = """
INSERT INTO counter AS k (run, state, n) SELECT $1, state, count(*) FROM unnest($2::int[]) AS state GROUP BY state
ON CONFLICT (run, state) DO UPDATE SET n = k.n + excluded.n
"""


@dataclass
class Book:
    """A run of a tenant of the test's own, as analytics hears of it."""

    database: Database
    run: bytes = field(default_factory=ids.new_id)
    tenant: bytes = field(default_factory=ids.new_id)

    async def hear(self, state: MessageState, *positions: int) -> None:
        """These messages ended so; from Kafka, or by a pull, which has no event id."""
        event = OutcomeBatch(
            tenant=self.tenant,
            campaign=self.tenant,
            run=self.run,
            positions=positions,
            states=[state] * len(positions),
            reason_words=[""],
            reasons=[0] * len(positions),
            contacts=bytes(12) * len(positions),
            times=[1] * len(positions),
            channels=[1],
        )
        await self.database.transaction(lambda tx: use_cases.record_outcomes(tx, event))

    async def violations(self) -> list[str]:
        """What the proof says of the counters."""

        async def read(tx: Transaction) -> list[str]:
            counters = await repository.read_counters(tx, [self.run])
            rows = await repository.count_rows(tx, [self.run])
            return [] if counters == rows else [f"the counters are {counters}, the rows {rows}"]

        return await self.database.transaction(read)


@pytest.fixture
def book(connect: Callable[..., Database]) -> Book:
    """An empty one."""
    return Book(connect("analytics"))


def bump_by_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is heard is counted."""
    store = repository.store_outcomes

    async def store_and_bump(tx: Transaction, outcomes: Outcomes) -> None:
        before = await tx.raw.fetch("DELETE FROM counter WHERE run = $1 RETURNING run, state, n", outcomes.run)
        await store(tx, outcomes)
        await tx.raw.execute("DELETE FROM counter WHERE run = $1", outcomes.run)
        await tx.raw.copy_records_to_table("counter", columns=("run", "state", "n"), records=before)
        await tx.raw.execute(BUMP, outcomes.run, outcomes.states)

    monkeypatch.setattr(repository, "store_outcomes", store_and_bump)


async def heard_twice_and_corrected(book: Book) -> list[str]:
    """Kafka tells of three messages, a pull tells of two of them again, a late truth corrects one."""
    await book.hear(MessageState.UNKNOWN, 0, 1, 2)
    await book.hear(MessageState.UNKNOWN, 1, 2)
    await book.hear(MessageState.SENT, 2)
    return await book.violations()


async def test_with_every_mechanism_in_place_the_proof_holds(book: Book) -> None:
    assert await heard_twice_and_corrected(book) == []


async def test_the_proof_notices_a_counter_that_is_bumped_twice(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    bump_by_the_event(monkeypatch)

    assert await heard_twice_and_corrected(book) != []
