"""Owns what the tests of delivery share: its database, empty; processes that end with the test; the outside world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from services.delivery import janitor as janitor_module
from services.delivery.tables import metadata
from services.runtime.database import Database, Transaction
from tests.integration.delivery.delivery_process import DeliveryProcess
from tests.integration.delivery.outside_world import OutsideWorld


class StartProcess(Protocol):
    """Starts a process; `machine` names the directory of locks that it shares."""

    async def __call__(
        self, *, machine: str = "one", database: Database | None = None, **settings: Any
    ) -> DeliveryProcess: ...


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The janitor makes its rounds as often as a test wants to see it."""
    monkeypatch.setattr(janitor_module, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(janitor_module, "LEASE_GRACE", 0.1)


@pytest.fixture
async def database(connect: Callable[..., Database]) -> Database:
    """delivery's own, with no run in it: a process sends the runs of all tenants."""
    database = connect("delivery", pool_size=12)

    async def empty(tx: Transaction) -> None:
        await tx.raw.execute(f"TRUNCATE {', '.join(metadata.tables)}, outbox, inbox, dead_letter")

    await database.transaction(empty)
    return database


@pytest.fixture
def world() -> OutsideWorld:
    """The provider, on a good day."""
    return OutsideWorld()


@pytest.fixture
async def start_process(
    database: Database, connect: Callable[..., Database], world: OutsideWorld, tmp_path: Path
) -> AsyncIterator[StartProcess]:
    """Processes of the test's own; those that nobody killed are stopped after it."""
    running: list[DeliveryProcess] = []

    async def start(*, machine: str = "one", database: Database | None = None, **settings: Any) -> DeliveryProcess:
        process = DeliveryProcess(database or connect("delivery"), world, tmp_path / machine, **settings)
        await process.start()
        running.append(process)
        return process

    yield start
    for process in running:
        if process.lives:
            await process.stop()
