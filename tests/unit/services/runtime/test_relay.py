"""The relay lets go of every producer, of one that never reached its broker too."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from services.runtime.relay import Relay

NOBODY = "127.0.0.1:1"


async def test_a_producer_that_cannot_reach_its_broker_is_closed() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    relay = Relay(database=None, kafka=NOBODY, wake=asyncio.Event())  # type: ignore[arg-type]

    with pytest.raises(KafkaError):
        await relay._connected()
    await relay._drop_producer()
    gc.collect()

    assert complaints == []
