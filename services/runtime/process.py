"""Owns a process' life: start its parts in order, wait for a signal, stop them in the opposite order.

Never swallows a part that failed to start: the process exits with 1 and the supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
import uvloop

from services.runtime.logs import configure_logs

log = structlog.get_logger()

STOP_SECONDS = 20.0
YOUNG_OBJECTS = 10_000  # made since the last look for garbage; at Python's 700 the looking is a cost of every call


class Part(Protocol):
    """Something that runs as long as the process does."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


def run_process(*, name: str, log_level: str, build: Callable[[], Sequence[Part]]) -> None:
    """Run the parts that `build` makes, inside the event loop, until SIGTERM or SIGINT."""
    configure_logs(process=name, level=log_level)
    uvloop.run(_live(name, build))


async def _live(name: str, build: Callable[[], Sequence[Part]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    started: list[Part] = []
    try:
        for part in build():
            await part.start()
            started.append(part)
        _spare_what_stays()
        log.info("started", name=name)
        await stop.wait()
    finally:
        for part in reversed(started):
            await _stop(part)
        log.info("stopped", name=name)


def _spare_what_stays() -> None:
    """Modules and parts live as long as the process: looking through them for garbage would only stop every call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


async def _stop(part: Part) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await part.stop()
    except Exception:  # the parts before it still have to be stopped
        log.exception("a part did not stop", part=type(part).__name__)
