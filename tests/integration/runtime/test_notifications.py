"""Being woken: at every notification, and again after each loss of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from services.runtime import notifications as notifications_module
from services.runtime.database import Database
from services.runtime.notifications import Notifications
from tests.integration.wire import Wire

ROLE = "campaigns"


async def notify(database: Database, channel: str) -> None:
    await database.transaction(lambda tx: tx.raw.execute(f"SELECT pg_notify('{channel}', '')"))


async def woken(event: asyncio.Event) -> None:
    """Return when it is, and let it be woken again."""
    await asyncio.wait_for(event.wait(), 5)
    event.clear()


async def test_whoever_listens_is_woken_and_nobody_else(connect: Callable[..., Database]) -> None:
    database = connect(ROLE)
    notifications = Notifications(database)
    one, two, other = notifications.listen("work"), notifications.listen("work"), notifications.listen("other")
    await notifications.start()
    await asyncio.gather(woken(one), woken(two), woken(other))  # once at the start: something may have been missed

    await notify(database, f"{ROLE}_work")
    await asyncio.gather(woken(one), woken(two))
    await asyncio.sleep(0.05)

    assert not other.is_set()
    await notifications.stop()


async def test_another_services_notification_wakes_nobody_here(connect: Callable[..., Database]) -> None:
    database = connect(ROLE)
    notifications = Notifications(database)
    event = notifications.listen("work")
    await notifications.start()
    await woken(event)

    await notify(connect("delivery"), "delivery_work")
    await asyncio.sleep(0.1)

    assert not event.is_set()
    await notifications.stop()


async def test_after_a_loss_of_the_connection_everybody_is_woken_and_can_be_woken_again(
    connect: Callable[..., Database], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications_module, "RECONNECT_SECONDS", 0.05)
    database = connect(ROLE)
    notifications = Notifications(connect(ROLE, wire=wire))
    event = notifications.listen("work")
    await notifications.start()
    await woken(event)

    wire.cut()
    await notify(database, f"{ROLE}_work")  # nobody hears it
    wire.heal()
    await woken(event)
    await asyncio.sleep(0.1)
    event.clear()
    await notify(database, f"{ROLE}_work")
    await woken(event)

    await notifications.stop()
