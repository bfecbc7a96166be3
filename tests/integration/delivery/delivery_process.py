"""Owns one delivery process inside a test: wired as the real one is, but for the outside world; it can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from carillon.events.v1.campaign_lifecycle_pb2 import RunStarted

from services.delivery.authorisation import Authorisations
from services.delivery.completion import Completion
from services.delivery.dispatches import Dispatches
from services.delivery.domain.channels import Channel
from services.delivery.domain.links import Links
from services.delivery.domain.message_identity import identities
from services.delivery.janitor import Janitor
from services.delivery.journal import Journals
from services.delivery.messages import RecipientColumns
from services.delivery.owners import Owners
from services.delivery.provider_accounts import ProviderAccounts
from services.delivery.recording import Recorder
from services.delivery.run_repository import WORK_CHANNEL, RunRow
from services.delivery.sealing import Seal
from services.delivery.senders.sender import Answer, Journal, Message
from services.delivery.senders.web_push import PushAddress
from services.delivery.settings import DeliverySettings
from services.delivery.vapid_keys import VapidKeys
from services.delivery.way import Way
from services.delivery.worker import Worker
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.idempotency import Idempotency
from services.runtime.notifications import Notifications
from services.runtime.settings import Address, Secret
from tests.integration.delivery.outside_world import OutsideWorld, ScriptedSender

NOWHERE = Address("127.0.0.1:1")
KEY = Secret(bytes(32))


def the_dispatches(
    database: Database, *, hosts: tuple[str, ...] = (), kind: type[Dispatches] = Dispatches
) -> Dispatches:
    """As the service makes them; `hosts` may be private."""
    settings = DeliverySettings(
        listen=NOWHERE,
        http_listen=NOWHERE,
        database_url="",
        kafka="",
        identity_secret=KEY,
        campaigns=NOWHERE,
        segments=NOWHERE,
        analytics=NOWHERE,
        gateway=NOWHERE,
        encryption_key=KEY,
        state_dir="",
        allowed_private_hosts=hosts,
    )
    keys = VapidKeys(database=database, encryption_key=KEY)
    accounts = provider_accounts(database)
    return kind(database=database, settings=settings, keys=keys, accounts=accounts, links=Links(KEY))


def provider_accounts(database: Database) -> ProviderAccounts:
    """As the service makes them."""
    clock = SystemClock()
    idempotency = Idempotency(database=database, clock=clock, services=(), secret=KEY)
    return ProviderAccounts(database=database, idempotency=idempotency, seal=Seal(KEY), clock=clock)


class ScriptedWay:
    """A Way (see services/delivery/way.py) of any channel whose calls go to the scripted sender."""

    def __init__(self, run: bytes, channel: Channel, sender: ScriptedSender) -> None:
        self._identities = identities(run=run, channel=channel)
        self._sender = sender

    async def send(
        self,
        batch: int,
        recipients: RecipientColumns,
        positions: Sequence[int],
        *,
        may_start: Callable[[], bool],
        journal: Journal | None,
    ) -> list[Answer]:
        """The address alone matters."""
        keys = self._identities([recipients.contact(position) for position in positions])
        messages = [
            Message(position, key, PushAddress(recipients.address(position), b"", b""), b"")
            for position, key in zip(positions, keys, strict=True)
        ]
        return await self._sender.send(messages, may_start=may_start, journal=journal)


class ScriptedDispatches(Dispatches):
    """The real ones, with one sender for every project and every channel."""

    sender_of_these_tests: ScriptedSender

    async def _ways(self, row: RunRow, started: RunStarted) -> dict[int, Way]:
        email = ScriptedWay(started.identity_run, Channel.EMAIL, self.sender_of_these_tests)
        return {**await super()._ways(row, started), Channel.EMAIL: email}

    async def _sender(self, tenant: bytes, project: bytes) -> Any:
        return self.sender_of_these_tests


class DeliveryProcess:
    """Worker and janitor. Processes that share `directory` see each other's death; others are other machines."""

    def __init__(
        self,
        database: Database,
        world: OutsideWorld,
        directory: Path,
        *,
        claim_size: int = 100,
        claims_at_once: int = 2,
        hosts: tuple[str, ...] = (),
        sender: ScriptedSender | None = None,
    ) -> None:
        """With `hosts`, calls go out to them; else to `world`."""
        clock = SystemClock()
        self.lives = False
        self.database = database
        self.sender = sender or ScriptedSender(world)
        self.owners = Owners(directory)
        self._notifications = Notifications(database)
        self._authorisations = Authorisations(database=database, clock=clock)
        journals = Journals(self.owners.directory, self.owners.me)
        dispatches = the_dispatches(database, hosts=hosts, kind=Dispatches if hosts else ScriptedDispatches)
        if isinstance(dispatches, ScriptedDispatches):
            dispatches.sender_of_these_tests = self.sender
        recorder = Recorder(database=database, clock=clock)
        completion = Completion(database)
        self.worker = Worker(
            database=database,
            clock=clock,
            owners=self.owners,
            journals=journals,
            authorisations=self._authorisations,
            dispatches=dispatches,
            recorder=recorder,
            completion=completion,
            wake=self._notifications.listen(WORK_CHANNEL),
            claims_at_once=claims_at_once,
            claim_size=claim_size,
        )
        self.janitor = Janitor(
            database=database,
            clock=clock,
            owners=self.owners,
            journals=journals,
            worker=self.worker,
            dispatches=dispatches,
            recorder=recorder,
            completion=completion,
            wake=self._notifications.listen(WORK_CHANNEL),
        )

    async def start(self) -> None:
        """As the chassis does."""
        self.lives = True
        await self._notifications.start()
        await self.janitor.start()
        await self.worker.start()

    async def stop(self) -> None:
        """In good order."""
        self.lives = False
        self.sender.let_go()
        await self.worker.stop()
        await self.janitor.stop()
        await self._notifications.stop()

    async def kill(self) -> None:
        """As SIGKILL does: nothing more is done, nothing is recorded, the lock is free."""
        self.lives = False
        loops = [self.worker._task, *self.janitor._tasks, *self._authorisations._tasks.values()]
        await _cancel([*loops, *self.worker._in_hand])
        await _cancel(list(self.database._running))
        os.close(self.owners._lock)
        await self._notifications.stop()


async def _cancel(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    present = [task for task in tasks if task is not None]
    for task in present:
        task.cancel()
    for task in present:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
