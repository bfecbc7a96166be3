"""Owns tasks that run as long as their process does: one that ends by a defect takes the process with it.

Never lets one die in silence: a process that looks alive and does nothing is worse than one that is started again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()

_running: set[asyncio.Task[Any]] = set()  # the loop itself keeps weak references only


def run_in_background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start the work; should it raise, log it and ask the process to stop, so that the supervisor starts it anew."""
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[None]) -> None:
    _running.discard(task)
    if task.cancelled() or task.exception() is None:
        return
    log.critical("a background task failed; the process stops", exc_info=task.exception())
    os.kill(os.getpid(), signal.SIGTERM)
