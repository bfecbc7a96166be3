"""Transactions, with a real PostgreSQL and a wire that fails at the worst moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
import sqlalchemy as sa

from services.runtime import ids
from services.runtime.database import ATTEMPTS, Database, Transaction
from services.runtime.errors import Unavailable
from tests.integration.wire import Wire

ROLE = "campaigns"


@pytest.fixture
async def database(connect: Callable[..., Database]) -> AsyncIterator[Database]:
    """A database with a table of the test's own."""
    database = connect(ROLE, pool_size=4)

    async def make(tx: Transaction) -> None:
        await tx.raw.execute("CREATE TABLE effect (id bytea PRIMARY KEY, n integer NOT NULL DEFAULT 0)")

    async def drop(tx: Transaction) -> None:
        await tx.raw.execute("DROP TABLE effect")

    await database.transaction(make)
    yield database
    await database.transaction(drop)


@pytest.fixture
def behind_the_wire(wire: Wire, connect: Callable[..., Database]) -> Database:
    """The same database, reached over the wire."""
    return connect(ROLE, wire=wire)


async def effects(database: Database) -> dict[bytes, int]:
    async def work(tx: Transaction) -> dict[bytes, int]:
        return {row["id"]: row["n"] for row in await tx.raw.fetch("SELECT id, n FROM effect")}

    return await database.transaction(work)


def in_use(database: Database) -> int:
    """Connections that somebody has taken out of the pool."""
    pool = database._engine.pool
    assert isinstance(pool, sa.AsyncAdaptedQueuePool)
    return pool.checkedout()


async def test_a_transaction_is_committed_though_its_caller_has_gone(database: Database) -> None:
    inside, go_on, effect = asyncio.Event(), asyncio.Event(), ids.new_id()

    async def work(tx: Transaction) -> None:
        inside.set()
        await go_on.wait()
        await tx.raw.execute("INSERT INTO effect (id) VALUES ($1)", effect)

    caller = asyncio.create_task(database.transaction(work))
    await inside.wait()
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    go_on.set()
    await asyncio.wait(database._running)

    assert caller.cancelled()
    assert effect in await effects(database)
    assert in_use(database) == 0


async def test_callers_that_go_at_any_moment_leak_no_connection(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await tx.raw.execute("INSERT INTO effect (id) VALUES ($1)", ids.new_id())

    for delay in range(30):
        caller = asyncio.create_task(database.transaction(work))
        await asyncio.sleep(delay / 10_000)
        caller.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await caller
    await asyncio.sleep(0)
    await asyncio.gather(*database._running)

    assert in_use(database) == 0
    assert len(await effects(database)) == 30


async def test_what_raises_changes_nothing_and_leaks_nothing(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await tx.raw.execute("INSERT INTO effect (id) VALUES ($1)", ids.new_id())
        raise LookupError("no")

    with pytest.raises(LookupError):
        await database.transaction(work)

    assert await effects(database) == {}
    assert in_use(database) == 0


@pytest.mark.parametrize("by", ["asyncpg", "sqlalchemy"])
async def test_transactions_that_collide_are_tried_again_whole(database: Database, by: str) -> None:
    effect, attempts, both_have_read = ids.new_id(), 0, asyncio.Barrier(2)

    async def start(tx: Transaction) -> None:
        await tx.raw.execute("INSERT INTO effect (id) VALUES ($1)", effect)

    async def count(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await tx.raw.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        n = await tx.raw.fetchval("SELECT n FROM effect WHERE id = $1", effect)
        if attempts <= 2:
            await both_have_read.wait()
        if by == "asyncpg":
            await tx.raw.execute("UPDATE effect SET n = $2 WHERE id = $1", effect, n + 1)
        else:
            await tx.execute(sa.text("UPDATE effect SET n = :n WHERE id = :id"), {"n": n + 1, "id": effect})

    await database.transaction(start)
    await asyncio.gather(database.transaction(count), database.transaction(count))

    assert (await effects(database))[effect] == 2
    assert attempts == 3


async def test_a_collision_that_does_not_end_is_raised_after_some_attempts(database: Database) -> None:
    attempts = 0

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await tx.raw.execute("DO $$ BEGIN RAISE EXCEPTION 'collided' USING ERRCODE = '40001'; END $$")

    with pytest.raises(asyncpg.SerializationError):
        await database.transaction(work)

    assert attempts == ATTEMPTS


async def test_statements_of_both_kinds_share_one_transaction(database: Database) -> None:
    one, other = ids.new_id(), ids.new_id()

    async def work(tx: Transaction) -> None:
        await tx.execute(sa.text("INSERT INTO effect (id) VALUES (:id)"), {"id": one})
        await tx.raw.copy_records_to_table("effect", columns=["id"], records=[(other,)])
        raise LookupError("no")

    with pytest.raises(LookupError):
        await database.transaction(work)

    assert await effects(database) == {}


async def test_a_connection_that_is_lost_is_unavailable_and_the_next_one_works(
    database: Database, behind_the_wire: Database, wire: Wire
) -> None:
    await behind_the_wire.ping()

    wire.cut()
    with pytest.raises(Unavailable):
        await behind_the_wire.ping()
    wire.heal()
    await behind_the_wire.ping()

    assert in_use(behind_the_wire) == 0


async def test_a_connection_that_ended_while_nobody_used_it_is_replaced_unnoticed(
    database: Database, connect: Callable[..., Database]
) -> None:
    async def process(tx: Transaction) -> int:
        return int(await tx.raw.fetchval("SELECT pg_backend_pid()"))

    used = connect(ROLE, pool_size=1)
    ended = await used.read(process)

    await database.read(lambda tx: tx.raw.fetchval("SELECT pg_terminate_backend($1, 1000)", ended))
    await asyncio.sleep(0)

    assert await used.read(process) != ended
    assert await used.transaction(process) != ended


async def test_a_lost_answer_to_commit_is_unavailable_and_is_not_tried_again_by_itself(
    database: Database, behind_the_wire: Database, wire: Wire
) -> None:
    effect = ids.new_id()

    async def work(tx: Transaction) -> None:
        await tx.raw.execute("INSERT INTO effect (id) VALUES ($1)", effect)
        wire.lose_answer_to(b"COMMIT")

    with pytest.raises(Unavailable):
        await behind_the_wire.transaction(work)

    assert wire.lost == 1
    assert effect in await effects(database)


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await tx.raw.execute("SET LOCAL statement_timeout = '20ms'")
        await tx.raw.execute("SELECT pg_sleep(5)")

    with pytest.raises(asyncpg.QueryCanceledError):
        await database.transaction(work)

    assert in_use(database) == 0


@pytest.mark.parametrize(
    ("setting", "value"),
    [("statement_timeout", "15s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "30s")],
)
async def test_every_transaction_is_bounded_by_the_server(database: Database, setting: str, value: str) -> None:
    async def work(tx: Transaction) -> str:
        return str(await tx.raw.fetchval(f"SHOW {setting}"))

    assert await database.transaction(work) == value
