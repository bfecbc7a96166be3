"""Owns what the tests of the chassis share: a hop with a topic of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from services.runtime.database import Database
from services.runtime.topic_keeper import TopicKeeper
from tests.integration.conftest import Servers
from tests.integration.runtime.hop import Hop


@pytest.fixture
async def hop(servers: Servers, connect: Callable[..., Database]) -> AsyncIterator[Hop]:
    """From campaigns' schema to delivery's."""
    hop = Hop(producer=connect("campaigns"), consumer=connect("delivery"), kafka=servers.kafka)
    await hop.prepare()
    keeper = TopicKeeper(kafka=servers.kafka, topics=[hop.topic], replication=1)
    await keeper.start()
    await keeper.made.wait()
    await keeper.stop()
    yield hop
    await hop.clear()
