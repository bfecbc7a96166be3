"""Owns reading who did nothing with a campaign: one query, a page in hand and one waiting, whatever their number.

Never waits for a reader for longer than 20 s: a transaction must not be held open by somebody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from services.analytics import receipt_repository
from services.runtime.database import Database, Transaction

PAGE = 5_000  # contacts, 60 kB
STALL_SECONDS = 20.0


async def stream_non_openers(database: Database, *, tenant: bytes, campaign: bytes) -> AsyncIterator[bytes]:
    """Contacts, 12 bytes each, end to end, ascending, each once. Raises Unavailable where the reader stalls."""
    pages: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
    left = False

    async def read(tx: Transaction) -> None:
        cursor = await receipt_repository.open_non_openers(tx, tenant=tenant, campaign=campaign)
        while rows := await cursor.fetch(PAGE):
            async with asyncio.timeout(STALL_SECONDS):
                await pages.put(b"".join([row["contact"] for row in rows]))
            if left:
                return

    reading = asyncio.create_task(database.transaction(read))
    try:
        while (page := await _next(pages, reading)) is not None:
            yield page
        await reading
    finally:
        left = True
        while not pages.empty():
            pages.get_nowait()  # whoever waits for room sees that nobody is here
        if not reading.done():
            await asyncio.wait([reading])


async def _next(pages: asyncio.Queue[bytes], reading: asyncio.Task[None]) -> bytes | None:
    """The next page; None once the reading has ended and nothing is left."""
    if not pages.empty():
        return pages.get_nowait()
    getting = asyncio.create_task(pages.get())
    try:
        await asyncio.wait([getting, reading], return_when=asyncio.FIRST_COMPLETED)
        return getting.result() if getting.done() else None
    finally:
        getting.cancel()
