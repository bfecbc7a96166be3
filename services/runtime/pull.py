"""Owns asking again: every hop that Kafka carries is also pulled, at start and every so often.

Never the usual way: it mends what a lost log, or a lost record, left open.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import grpc
import structlog

from services.runtime import metrics
from services.runtime.background import run_in_background
from services.runtime.errors import Unavailable

log = structlog.get_logger()


class Pull:
    """Runs one hop's `ask` at start, every `seconds` (± 20 %), and a second after it failed."""

    def __init__(self, *, hop: str, ask: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._hop = hop
        self._ask = ask
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin asking."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """End asking."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=5)

    async def _run(self) -> None:
        while True:
            pause = self._seconds * random.uniform(0.8, 1.2)
            try:
                await self._ask()
            except (grpc.aio.AioRpcError, Unavailable, OSError, TimeoutError) as error:
                metrics.PULL_FAILURES.labels(hop=self._hop).inc()
                log.warning("pull failed", hop=self._hop, problem=_words(error))
                pause = 1.0
            except Exception:
                metrics.PULL_FAILURES.labels(hop=self._hop).inc()
                log.exception("pull failed", hop=self._hop)
                pause = 5.0
            await asyncio.sleep(pause)


def _words(error: Exception) -> str:
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.aio.AioRpcError) else repr(error)
