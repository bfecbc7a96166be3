"""Owns being woken by PostgreSQL: LISTEN on a connection of its own, for as long as the process lives.

Never carries data: a notification only says "look again", and whoever waits also looks again by itself now and then.
"""

from __future__ import annotations

import asyncio

import asyncpg
import structlog

from services.runtime.background import run_in_background
from services.runtime.database import Database

log = structlog.get_logger()

RECONNECT_SECONDS = 0.5


class Notifications:
    """Sets an event whenever its channel is notified, and at every new connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events: dict[str, list[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None

    def listen(self, channel: str) -> asyncio.Event:
        """An event for this channel (without the schema's name); call before start()."""
        event = asyncio.Event()
        self._events.setdefault(channel, []).append(event)
        return event

    async def start(self) -> None:
        """Begin listening."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """End listening."""
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen_until_lost()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("notifications lost, connecting again", problem=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_until_lost(self) -> None:
        lost = asyncio.Event()
        connection = await asyncpg.connect(self._database.dsn, timeout=5)
        try:
            connection.add_termination_listener(lambda _: lost.set())
            schema = await connection.fetchval("SELECT current_schema()")
            for channel, events in self._events.items():
                for event in events:
                    await connection.add_listener(f"{schema}_{channel}", lambda *_, event=event: event.set())
                    event.set()
            await lost.wait()
        finally:
            connection.terminate()
