"""A background task that fails takes its process with it; one that ends or is cancelled does not."""

from __future__ import annotations

import asyncio
import os
import signal
from types import SimpleNamespace

import pytest

from services.runtime import background
from services.runtime.background import run_in_background


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What was sent to whom, instead of being sent."""
    sent: list[tuple[int, int]] = []
    kill = lambda pid, number: sent.append((pid, number))  # noqa: E731
    monkeypatch.setattr(background, "os", SimpleNamespace(getpid=os.getpid, kill=kill))
    return sent


async def test_a_task_that_fails_asks_its_process_to_stop(signals: list[tuple[int, int]]) -> None:
    async def fail() -> None:
        raise LookupError("a defect")

    await asyncio.wait([run_in_background(fail())])
    await asyncio.sleep(0)

    assert signals == [(os.getpid(), signal.SIGTERM)]


async def test_a_task_that_ends_or_is_cancelled_stops_nobody(signals: list[tuple[int, int]]) -> None:
    waiting = run_in_background(asyncio.Event().wait())  # type: ignore[arg-type]
    await asyncio.wait([run_in_background(asyncio.sleep(0))])

    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0)

    assert signals == []
