"""Owns live progress: one reader per process for all watched campaigns, the newest snapshot only, a slot per watcher.

Never goes back: a watcher is shown a snapshot only if its revision is higher. Never queues: who is slow misses what was
between. Nothing is read while nobody watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import structlog

from services.analytics import repository
from services.analytics.domain.snapshot import Snapshot
from services.runtime import metrics
from services.runtime.background import run_in_background
from services.runtime.database import Database
from services.runtime.errors import Unavailable

log = structlog.get_logger()

READ_SECONDS = 0.25
QUIET_SECONDS = 15.0


class _Slot:
    """What one watcher is to see next."""

    def __init__(self) -> None:
        self.newest: Snapshot | None = None
        self.filled = asyncio.Event()

    def put(self, snapshot: Snapshot) -> None:
        self.newest = snapshot
        self.filled.set()


class Watches:
    """Reads the watched campaigns four times a second and tells whoever watches."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._slots: dict[bytes, set[_Slot]] = defaultdict(set)
        self._watched = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin reading."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """End reading; the server ends the streams."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=5)

    async def follow(self, first: Snapshot) -> AsyncIterator[Snapshot]:
        """This snapshot, then newer ones as they come, a repeat in every 15 s of quiet; ends after the last."""
        shown = first
        yield shown
        if shown.is_last:
            return
        with self._slot(first.campaign) as slot:
            while not shown.is_last:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(QUIET_SECONDS):
                        await slot.filled.wait()
                if not slot.filled.is_set():
                    yield dataclasses.replace(shown, at=datetime.datetime.now(datetime.UTC))
                    continue
                slot.filled.clear()
                if slot.newest is not None and slot.newest.news_after(shown):
                    shown = slot.newest
                    yield shown

    @contextlib.contextmanager
    def _slot(self, campaign: bytes) -> Iterator[_Slot]:
        slot = _Slot()
        self._slots[campaign].add(slot)
        self._watched.set()
        metrics.STREAMS.inc()
        try:
            yield slot
        finally:
            metrics.STREAMS.dec()
            self._slots[campaign].discard(slot)
            if not self._slots[campaign]:
                del self._slots[campaign]

    async def _run(self) -> None:
        while True:
            await self._watched.wait()
            started = time.monotonic()
            try:
                await self._read()
            except Unavailable as error:
                log.warning("progress waits", problem=error.message)
            if not self._slots:
                self._watched.clear()
            await asyncio.sleep(max(0.0, started + READ_SECONDS - time.monotonic()))

    async def _read(self) -> None:
        campaigns = list(self._slots)
        found = await self._database.read(lambda tx: repository.read_snapshots(tx, campaigns))
        for campaign, snapshot in found.items():
            for slot in self._slots.get(campaign, ()):
                if slot.newest is None or snapshot.news_after(slot.newest):
                    slot.put(snapshot)
