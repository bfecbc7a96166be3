"""Owns telling page by page what changed since an instant, as every pull between services asks for it.

Never knows what changed: whoever answers says how a page is read.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from services.runtime.database import Database, Transaction

Item = tuple[bytes, Any]  # its key, and what is told of it
Page = Callable[[Transaction, bytes], Awaitable[Sequence[Item]]]  # what is behind this key, in the keys' order


async def pages(
    database: Database, *, read_clock: Callable[[Transaction], Awaitable[datetime.datetime]], read: Page, size: int
) -> AsyncIterator[tuple[Sequence[Item], datetime.datetime]]:
    """Pages of `size` items, the last one smaller, each with the instant by which the next question goes on."""
    after, read_at = b"", await database.read(read_clock)
    while True:
        page = await database.read(lambda tx, after=after: read(tx, after))  # type: ignore[misc]
        yield page, read_at
        if len(page) < size:
            return
        after = page[-1][0]
