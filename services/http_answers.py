"""Owns how a servicer answers by REST with anything but 200: metadata that the edge turns into a status and headers.

Never decides which: the servicer does. Plain gRPC callers see metadata and nothing else.
"""

from __future__ import annotations

from typing import Any

STATUS_KEY = "x-http-status"


async def created(context: Any) -> None:
    """Answer 201. Call it last: nothing may fail after it."""
    await context.send_initial_metadata(((STATUS_KEY, "201"),))


async def no_content(context: Any) -> None:
    """Answer 204, whatever is returned. Call it last: nothing may fail after it."""
    await context.send_initial_metadata(((STATUS_KEY, "204"),))


async def with_headers(context: Any, **headers: str) -> None:
    """Answer with these headers, spelled with `_` for `-`. Call it last."""
    await context.send_initial_metadata(tuple((name.replace("_", "-"), value) for name, value in headers.items()))
