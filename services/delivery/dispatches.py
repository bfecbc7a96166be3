"""Owns what sending one run takes: its content, its identities, its sender; built once per run and process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle

from services.delivery import run_repository
from services.delivery.domain.channels import UnknownPolicy
from services.delivery.domain.links import Links, RunLinks
from services.delivery.domain.message_identity import message_id
from services.delivery.messages import RecipientColumns, is_retry, unknown_policy
from services.delivery.payloads import PushPayload
from services.delivery.run_repository import RunRow
from services.delivery.senders.sender import Answer, Journal, JournallingSender, Message, Sender
from services.delivery.senders.vapid import VapidSigner
from services.delivery.senders.web_push import PushAddress, WebPushSender
from services.delivery.settings import DeliverySettings
from services.delivery.vapid_keys import VapidKeys
from services.runtime.database import Database, Transaction

REMEMBERED = 64
ENCRYPTION_THREADS = 2  # of all projects together; one or three were slower on two cores


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A run, ready to be sent."""

    run: RunRow
    identity_run: bytes
    policy: UnknownPolicy
    is_retry: bool
    payload: PushPayload
    links: RunLinks
    sender: Sender

    async def send(
        self,
        batch: int,
        recipients: RecipientColumns,
        positions: Sequence[int],
        *,
        may_start: Callable[[], bool],
        journal: Journal | None,
    ) -> list[Answer]:
        """Send the messages of these positions of a batch; `journal` is there where one of them needs it."""
        messages = self.messages(batch, recipients, positions)
        if journal is None:
            return await self.sender.send(messages, may_start=may_start)
        return await cast(JournallingSender, self.sender).send(messages, may_start=may_start, journal=journal)

    def messages(self, batch: int, recipients: RecipientColumns, positions: Sequence[int]) -> list[Message]:
        """The messages of these positions of a batch."""
        return [self._message(batch, recipients, position) for position in positions]

    def _message(self, batch: int, recipients: RecipientColumns, position: int) -> Message:
        identity = message_id(
            run=self.identity_run,
            contact=recipients.contact(position),
            channel=recipients.channel(position),
            endpoint=recipients.endpoint(position),
        )
        p256dh, auth = recipients.push_keys(position)
        return Message(
            position=position,
            message_id=identity,
            address=PushAddress(url=recipients.address(position), p256dh=p256dh, auth=auth),
            payload=self.payload.of(identity, self.links.token(batch, position)),
        )


class Dispatches:
    """The dispatches of this process; one sender, with its connections, per project."""

    def __init__(self, *, database: Database, settings: DeliverySettings, keys: VapidKeys, links: Links) -> None:
        self._database = database
        self._settings = settings
        self._links = links
        self._keys = keys
        self._threads = ThreadPoolExecutor(ENCRYPTION_THREADS, thread_name_prefix="encryption")
        self._senders: dict[tuple[bytes, bytes], WebPushSender] = {}
        self._known: dict[bytes, Dispatch] = {}

    async def of(self, run: bytes) -> Dispatch:
        """The run's dispatch."""
        if run not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[run] = await self._build(run)
        return self._known[run]

    async def close(self) -> None:
        """Drop all connections."""
        for sender in self._senders.values():
            await sender.close()
        self._threads.shutdown(wait=False)

    async def _build(self, run: bytes) -> Dispatch:
        async def read(tx: Transaction) -> RunRow | None:
            return await run_repository.find_run(tx, run)

        row = await self._database.transaction(read)
        assert row is not None, "a claim joins its run"
        started = CampaignLifecycle.FromString(row.fact).run_started
        return Dispatch(
            run=row,
            identity_run=started.identity_run,
            policy=unknown_policy(row.fact),
            is_retry=is_retry(row.fact),
            payload=PushPayload(
                campaign=row.campaign, content=started.push_content, public_url=self._settings.public_url
            ),
            links=self._links.of_run(run),
            sender=await self._sender(row.tenant, row.project),
        )

    async def _sender(self, tenant: bytes, project: bytes) -> WebPushSender:
        if (tenant, project) not in self._senders:
            key = await self._keys.private_key(tenant=tenant, project=project)
            self._senders[tenant, project] = WebPushSender(
                VapidSigner(key, self._settings.vapid_subject),
                allowed_private_hosts=self._settings.allowed_private_hosts,
                connections_per_origin=self._settings.connections_per_origin,
                threads=self._threads,
            )
        return self._senders[tenant, project]
