"""Owns what the tests of campaigns share: its database, its operators, the delivery that they command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from services.runtime.database import Database, Transaction
from tests.integration.campaigns.delivery_server import DeliveryServer
from tests.integration.campaigns.operators import Operators


@pytest.fixture
async def database(connect: Callable[..., Database]) -> Database:
    """campaigns' own, with no campaign in it: what repeats and schedules asks for those of all tenants."""
    database = connect("campaigns", pool_size=12)

    async def empty(tx: Transaction) -> None:
        await tx.raw.execute("TRUNCATE campaign, run, outbox, template, template_version")

    await database.transaction(empty)
    return database


@pytest.fixture
async def delivery() -> AsyncIterator[DeliveryServer]:
    """Where commands go."""
    async with DeliveryServer() as server:
        yield server


@pytest.fixture
async def operators(database: Database, delivery: DeliveryServer) -> AsyncIterator[Operators]:
    """Those of a new organization, with delivery at the other end."""
    operators = Operators(database, delivery=f"127.0.0.1:{delivery.port}")
    yield operators
    await operators.close()
