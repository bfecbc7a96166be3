"""Owns transactions: how work meets PostgreSQL, and that a cancelled call never leaves half of one behind.

Never knows a table. The engine is in autocommit and the transaction is asyncpg's own, so that SQLAlchemy statements and
COPY share it. A transaction goes on when its caller is cancelled (sqlalchemy#12077) and is bounded by the server.

A connection that was lost while nobody used it is replaced: asyncpg knows, so that none has to be asked beforehand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.runtime.errors import Unavailable

Result = TypeVar("Result")

ATTEMPTS = 5
SERVER_LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
}
LOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, TimeoutError)
LOST_STATES = ("57P01", "57P02", "57P03", "53300", "08")


class Transaction:
    """One transaction: `execute` for SQLAlchemy statements, `raw` for asyncpg's own calls."""

    def __init__(self, connection: AsyncConnection, raw: asyncpg.Connection) -> None:
        self._connection = connection
        self.raw = raw

    async def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run a Core statement."""
        return await self._connection.execute(statement, parameters)


Work = Callable[[Transaction], Awaitable[Result]]


def is_connection_loss(error: BaseException) -> bool:
    """Whether the server, not the statement, was the problem."""
    cause = getattr(error, "orig", None) or error
    cause = getattr(cause, "__cause__", None) or cause
    state = str(getattr(cause, "sqlstate", "") or "")
    return isinstance(cause, LOST) or state.startswith(LOST_STATES)


def _refuse_closed(connection: sa.pool.PoolProxiedConnection, *_: object) -> None:
    """Ask the pool for another where this one has ended."""
    if connection.driver_connection.is_closed():  # type: ignore[union-attr]
        raise sa.exc.DisconnectionError


async def _raw(connection: AsyncConnection) -> asyncpg.Connection:
    raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, asyncpg.Connection)
    return raw


class Database:
    """A pool of connections to one service's schema."""

    def __init__(self, url: str, *, process: str, pool_size: int = 8) -> None:
        self._engine = create_async_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_use_lifo=True,
            connect_args={
                "timeout": 5,
                "command_timeout": 30,
                "server_settings": {"application_name": process, **SERVER_LIMITS},
            },
        )
        sa.event.listen(self._engine.sync_engine, "checkout", _refuse_closed)
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def dsn(self) -> str:
        """The address for asyncpg's own connections."""
        return self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def transaction(self, work: Work[Result]) -> Result:
        """Run `work` in a transaction and commit; again, whole, where PostgreSQL says 40001 or 40P01.

        Raises Unavailable where PostgreSQL cannot be reached. A connection lost during COMMIT is Unavailable too: the
        caller's command has an id and is read back before it is tried again.
        """
        return await self._shielded(self._in_transaction, work)

    async def read(self, work: Work[Result]) -> Result:
        """Run `work`, which only reads, without BEGIN and COMMIT around it.

        Each statement sees what is committed when it begins, as it does in a transaction. Raises Unavailable where
        PostgreSQL cannot be reached.
        """
        return await self._shielded(self._plainly, work)

    async def _shielded(self, once: Callable[[Work[Result]], Awaitable[Result]], work: Work[Result]) -> Result:
        task = asyncio.create_task(self._attempt(once, work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _attempt(self, once: Callable[[Work[Result]], Awaitable[Result]], work: Work[Result]) -> Result:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await once(work)
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
                if attempt == ATTEMPTS:
                    raise
            except sa.exc.DBAPIError as error:
                if is_connection_loss(error):
                    raise Unavailable("DATABASE_UNAVAILABLE", "A part is restarting; try again.") from error
                if getattr(error.orig, "sqlstate", "") not in ("40001", "40P01") or attempt == ATTEMPTS:
                    raise
            except (*LOST, asyncpg.PostgresError, sa.exc.TimeoutError) as error:
                if isinstance(error, sa.exc.TimeoutError) or is_connection_loss(error):
                    raise Unavailable("DATABASE_UNAVAILABLE", "A part is restarting; try again.") from error
                raise
            await asyncio.sleep(0.01 * attempt)
        raise AssertionError("unreachable")

    async def _in_transaction(self, work: Work[Result]) -> Result:
        async with self._engine.connect() as connection:
            raw = await _raw(connection)
            async with raw.transaction():
                return await work(Transaction(connection, raw))

    async def _plainly(self, work: Work[Result]) -> Result:
        async with self._engine.connect() as connection:
            return await work(Transaction(connection, await _raw(connection)))

    async def ping(self) -> None:
        """Raise Unavailable unless PostgreSQL answers."""

        async def work(tx: Transaction) -> None:
            await tx.raw.fetchval("SELECT 1")

        await self.read(work)

    async def close(self) -> None:
        """Wait for what runs, then close the pool."""
        if self._running:
            await asyncio.wait(self._running, timeout=10)
        await self._engine.dispose()
