"""Owns waiting until something is so, and saying what is so when it never was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")


async def eventually(
    ask: Callable[[], Awaitable[Value]], wanted: Callable[[Value], bool], *, seconds: float = 15.0
) -> Value:
    """The answer, once it is as wanted. Raises AssertionError with the last answer after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if wanted(answer):
            return answer
        assert time.monotonic() < deadline, f"after {seconds} s it still is: {answer}"
        await asyncio.sleep(0.02)
