"""Owns waiting before an answer: a slow provider is one whose every answer takes so much longer.

Never decides how long: the faults say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def later(delay_ms: int, act: Callable[..., None], *arguments: object) -> None:
    """Act after so many milliseconds, at once where there are none."""
    if delay_ms:
        asyncio.get_running_loop().call_later(delay_ms / 1000, act, *arguments)
    else:
        act(*arguments)
