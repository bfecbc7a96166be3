"""The statements that everything rests on: what one claims nobody else has, and nothing is ever nowhere."""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import Sequence

import pytest

from services.delivery import claim_repository
from services.delivery.claim_repository import TO_CANCEL, TO_EXPIRE, TO_SEND, Claim, GiveBack
from services.delivery.domain.positions import spell_positions
from services.delivery.outcome_repository import OutcomeRow
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.database import Database, Transaction
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.proof import Books, read_books

PURPOSES = {"send": TO_SEND, "cancel": TO_CANCEL, "expire": TO_EXPIRE}


async def claim(
    database: Database, run: Run, *, most: int = 1000, purpose: str = TO_SEND, owner: str = "me"
) -> Claim | None:
    return await database.transaction(
        lambda tx: claim_repository.claim(tx, run.id, purpose=purpose, owner=owner, most=most)
    )


def outcomes(claim: Claim, positions: Sequence[int]) -> list[OutcomeRow]:
    """Each of them is sent."""
    return [
        OutcomeRow(
            position=position,
            contact=ids.new_id(),
            endpoint=b"",
            channel=1,
            state=MessageState.SENT,
            reason="",
            code=201,
            attempts=claim.attempt + 1,
            repeated=False,
            final_at=datetime.datetime.now(datetime.UTC),
        )
        for position in positions
    ]


def again(positions: Sequence[int], *, seconds: float = 0.0, attempt: int = 0, doubtful: bool = False) -> GiveBack:
    due_at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return GiveBack(spell_positions(positions), due_at, attempt, doubtful)


async def settle(database: Database, claim: Claim, *, final: Sequence[int] = (), back: Sequence[GiveBack] = ()) -> bool:
    return await database.transaction(
        lambda tx: claim_repository.settle(tx, claim, outcomes=outcomes(claim, final), back=back)
    )


async def due_are(database: Database, run: Run, positions: Sequence[int]) -> None:
    """Of a run of one batch, these positions are due, in one row."""
    await announce(database, [run.started(), run.batch(0), run.totals()])

    async def work(tx: Transaction) -> None:
        await tx.raw.execute(
            "UPDATE due SET positions = $2::text::int4multirange WHERE run = $1", run.id, spell_positions(positions)
        )

    await database.transaction(work)


async def set_control(database: Database, run: Run, state: int) -> None:
    async def work(tx: Transaction) -> None:
        await tx.raw.execute("INSERT INTO control VALUES ($1, $2, 1, $3)", run.campaign, run.tenant, state)

    await database.transaction(work)


async def unfinished(database: Database, run: Run) -> bool:
    """Whether anything is due or claimed."""
    question = "SELECT EXISTS (SELECT FROM due WHERE run = $1) OR EXISTS (SELECT FROM claim WHERE run = $1)"
    return bool(await database.transaction(lambda tx: tx.raw.fetchval(question, run.id)))


def standing(books: Books) -> int:
    """Positions, wherever they stand."""
    return books.due.total() + books.claimed.total() + len(books.outcomes)


@pytest.mark.parametrize("seed", range(3))
async def test_eight_claimers_never_have_the_same_and_nothing_is_ever_nowhere(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    run = Run(sizes=(150, 100, 50))
    await announce(database, run.facts())
    held: set[tuple[int, int]] = set()
    twice: list[tuple[int, int]] = []
    instants: list[int] = []

    async def carry_out(taken: Claim) -> None:
        places = {(taken.batch, position) for position in taken.positions}
        twice.extend(places & held)
        held.update(places)
        await asyncio.sleep(chance.random() / 200)
        held.difference_update(places)
        final = [position for position in taken.positions if chance.random() < 0.6]
        rest = [position for position in taken.positions if position not in final]
        back = [again(part, attempt=taken.attempt + 1) for part in (rest[::2], rest[1::2]) if part]
        assert await settle(database, taken, final=final, back=back)

    async def claim_until_nothing_is_left() -> None:
        while await unfinished(database, run):
            taken = await claim(database, run, most=chance.randint(1, 60))
            if taken is not None:
                await carry_out(taken)

    async def watch() -> None:
        while True:
            instants.append(standing(await read_books(database, run)))

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(claim_until_nothing_is_left() for _ in range(8)))
    watching.cancel()

    assert twice == []
    assert len(instants) > 3
    assert set(instants) == {run.total}
    books = await read_books(database, run)
    assert (books.due.total(), books.claimed.total(), len(books.outcomes)) == (0, 0, run.total)


@pytest.mark.parametrize(
    ("due", "most", "taken"),
    [
        ([0, 900, 1800], 1000, [0, 900, 1800]),
        ([0, 900, 1800], 2, [0, 900]),
        ([0, 900, 1800], 1, [0]),
        ([*range(10), 900], 10, [*range(10)]),
        ([*range(10), *range(20, 30)], 15, [*range(10), *range(20, 25)]),
        ([1999], 5, [1999]),
    ],
)
async def test_what_is_sparse_is_claimed_by_count_and_not_by_span(
    database: Database, due: list[int], most: int, taken: list[int]
) -> None:
    run = Run(sizes=(2000,))
    await due_are(database, run, due)

    found = await claim(database, run, most=most)

    assert found is not None
    assert found.positions == taken
    books = await read_books(database, run)
    assert sorted(position for _, position in books.due) == sorted(set(due) - set(taken))
    assert sorted(position for _, position in books.claimed) == taken


async def test_a_claim_is_the_lowest_of_what_is_due_whatever_that_is(database: Database) -> None:
    chance = random.Random(20261121)
    run = Run(sizes=(200,))
    for _ in range(20):
        due = sorted(chance.sample(range(200), chance.randint(1, 200)))
        most = chance.randint(1, 220)
        for table in ("due", "claim", "chunk"):
            await database.transaction(lambda tx, table=table: tx.raw.execute(f"DELETE FROM {table}"))  # type: ignore[misc]
        await due_are(database, run, due)

        found = await claim(database, run, most=most)

        assert found is not None
        assert found.positions == due[:most]
        assert standing(await read_books(database, run)) == len(due)


async def test_what_was_due_first_is_claimed_first(database: Database) -> None:
    run = Run(sizes=(10, 10))
    await announce(database, run.facts())

    first, second, nothing = [await claim(database, run) for _ in range(3)]

    assert first is not None and second is not None
    assert (first.batch, second.batch, nothing) == (0, 1, None)


async def test_what_is_not_due_yet_is_not_claimed_to_be_sent(database: Database) -> None:
    run = Run(sizes=(10,))
    await announce(database, run.facts())
    taken = await claim(database, run)
    assert taken is not None

    await settle(database, taken, back=[again(taken.positions, seconds=60)])

    assert await claim(database, run) is None


@pytest.mark.parametrize(
    ("control", "expired", "allowed"),
    [
        (None, False, {"send"}),
        (1, False, {"send"}),
        (2, False, set()),
        (3, False, {"cancel"}),
        (None, True, {"expire"}),
        (1, True, {"expire"}),
        (2, True, {"expire"}),
        (3, True, {"cancel"}),
    ],
)
async def test_each_purpose_has_its_time_and_there_is_never_more_than_one(
    database: Database, control: int | None, expired: bool, allowed: set[str]
) -> None:
    run = Run(sizes=(10,), lifetime=datetime.timedelta(hours=0 if expired else 1))
    await announce(database, run.facts())
    if control is not None:
        await set_control(database, run, control)

    possible = {
        name for name, purpose in PURPOSES.items() if await claim(database, run, purpose=purpose, most=1) is not None
    }

    assert possible == allowed


async def test_a_claim_remembers_what_went_before(database: Database) -> None:
    run = Run(sizes=(10,))
    await announce(database, run.facts())
    first = await claim(database, run)
    assert first is not None

    await settle(database, first, final=range(4), back=[again(range(4, 10), attempt=3, doubtful=True)])
    second = await claim(database, run)

    assert second is not None
    assert (first.attempt, first.doubtful) == (0, False)
    assert (second.positions, second.attempt, second.doubtful) == ([*range(4, 10)], 3, True)


async def test_who_deletes_no_claim_stores_nothing(database: Database) -> None:
    run = Run(sizes=(10,))
    await announce(database, run.facts())
    taken = await claim(database, run)
    assert taken is not None
    await database.transaction(lambda tx: claim_repository.release(tx, [taken.id]))

    mine = await settle(database, taken, final=range(5), back=[again(range(5, 10))])

    books = await read_books(database, run)
    assert mine is False
    assert (books.due.total(), books.claimed.total(), books.outcomes) == (10, 0, {})


async def test_settling_twice_is_settling_once(database: Database) -> None:
    run = Run(sizes=(10,))
    await announce(database, run.facts())
    taken = await claim(database, run)
    assert taken is not None

    answers = [await settle(database, taken, final=range(5), back=[again(range(5, 10))]) for _ in range(2)]

    assert answers == [True, False]
    books = await read_books(database, run)
    assert (books.due.total(), books.claimed.total(), len(books.outcomes)) == (5, 0, 5)


@pytest.mark.parametrize("doubtful", [True, False])
async def test_what_is_released_is_as_it_was(database: Database, doubtful: bool) -> None:
    run = Run(sizes=(10,))
    await announce(database, run.facts())
    first = await claim(database, run)
    assert first is not None
    await settle(database, first, back=[again(range(10), attempt=2, doubtful=doubtful)])
    mine = await claim(database, run, owner="mine")
    assert mine is not None

    await database.transaction(lambda tx: claim_repository.release(tx, [mine.id]))
    later = await claim(database, run)

    assert later is not None
    assert (later.positions, later.attempt, later.doubtful) == ([*range(10)], 2, doubtful)


@pytest.mark.parametrize(("purpose", "for_sending"), [("send", True), ("cancel", False)])
async def test_a_claim_is_read_as_it_was_made(database: Database, purpose: str, for_sending: bool) -> None:
    run = Run(sizes=(10,))
    await announce(database, run.facts())
    if purpose == "cancel":
        await set_control(database, run, 3)
    made = await claim(database, run, purpose=PURPOSES[purpose], owner="dead", most=4)
    assert made is not None

    ids_of_the_dead = await database.transaction(lambda tx: claim_repository.claims_of(tx, "dead"))
    found = await database.transaction(lambda tx: claim_repository.read_claim(tx, made.id))

    assert ids_of_the_dead == [made.id]
    assert found is not None
    assert (found.positions, found.batch, found.recipients) == (made.positions, made.batch, made.recipients)
    assert (found.attempt, found.doubtful, found.for_sending) == (0, False, for_sending)


async def test_living_owners_keep_their_leases(database: Database) -> None:
    run = Run(sizes=(10,))
    await announce(database, run.facts())
    await claim(database, run, owner="renewing", most=5)
    await claim(database, run, owner="silent", most=5)
    await database.transaction(lambda tx: tx.raw.execute("UPDATE claim SET lease_until = clock_timestamp()"))

    await database.transaction(lambda tx: claim_repository.renew_leases(tx, "renewing"))
    owners = await database.transaction(lambda tx: claim_repository.owners_of_claims(tx, other_than="me"))

    assert dict(owners) == {"renewing": False, "silent": True}
