"""Owns what sending one run takes: its ways, one for each channel; built once per run and process.

Never builds a message: the ways do.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle, RunStarted

from services.delivery import run_repository
from services.delivery.account_senders import AccountSenders
from services.delivery.domain.channels import Channel, UnknownPolicy
from services.delivery.domain.links import UNSUBSCRIBING, Links
from services.delivery.email_way import EmailWay
from services.delivery.http_way import HttpWay
from services.delivery.messages import RecipientColumns, is_retry, unknown_policy
from services.delivery.payloads import PushPayload
from services.delivery.provider_accounts import ProviderAccounts
from services.delivery.push_way import PushWay
from services.delivery.run_repository import RunRow
from services.delivery.senders.sender import Answer, AnswerKind, Journal, Sender
from services.delivery.senders.vapid import VapidSigner
from services.delivery.senders.web_push import WebPushSender
from services.delivery.settings import DeliverySettings
from services.delivery.vapid_keys import VapidKeys
from services.delivery.way import NoWay, Way
from services.runtime import metrics
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid

log = structlog.get_logger()

REMEMBERED = 64
ENCRYPTION_THREADS = 2  # of all projects together; one or three were slower on two cores


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A run, ready to be sent."""

    run: RunRow
    policy: UnknownPolicy
    is_retry: bool
    ways: Mapping[int, Way]  # by channel

    async def send(
        self,
        batch: int,
        recipients: RecipientColumns,
        positions: Sequence[int],
        *,
        may_start: Callable[[], bool],
        journal: Journal | None,
    ) -> list[Answer]:
        """Send the messages of these positions of a batch, those of each channel beside the others'.

        `journal` is there where one of them needs it.
        """
        by_channel = _by_channel(recipients, positions)
        parts = await asyncio.gather(
            *(
                self.ways.get(channel, NoWay()).send(batch, recipients, some, may_start=may_start, journal=journal)
                for channel, some in by_channel.items()
            )
        )
        for channel, part in zip(by_channel, parts, strict=True):
            self._tell(Channel(channel).name.lower(), part)
        return parts[0] if len(parts) == 1 else [answer for part in parts for answer in part]

    def _tell(self, channel: str, answers: Sequence[Answer]) -> None:
        """Whoever operates this sees how providers answer, and why messages wait."""
        for kind, count in Counter([answer.kind for answer in answers]).items():
            metrics.PROVIDER_ANSWERS.labels(channel=channel, kind=kind.value).inc(count)
        waiting = Counter([answer.reason for answer in answers if answer.kind is AnswerKind.RETRY])
        if waiting:
            log.warning(
                "messages wait for their provider", channel=channel, run=self.run.id.hex(), reasons=dict(waiting)
            )


def _by_channel(recipients: RecipientColumns, positions: Sequence[int]) -> Mapping[int, Sequence[int]]:
    if recipients.only_channel is not None:
        return {recipients.only_channel: positions}
    found: dict[int, list[int]] = {}
    for position in positions:
        found.setdefault(recipients.channel(position), []).append(position)
    return found


class Dispatches:
    """The dispatches of this process; senders, with their connections, are shared by runs."""

    def __init__(
        self,
        *,
        database: Database,
        settings: DeliverySettings,
        keys: VapidKeys,
        accounts: ProviderAccounts,
        links: Links,
    ) -> None:
        self._database = database
        self._settings = settings
        self._links = links
        self._unsubscribe_links = Links(settings.encryption_key, purpose=UNSUBSCRIBING)
        self._keys = keys
        self._threads = ThreadPoolExecutor(ENCRYPTION_THREADS, thread_name_prefix="encryption")
        self._senders: dict[tuple[bytes, bytes], WebPushSender] = {}
        self._accounts = AccountSenders(accounts=accounts, allowed_private_hosts=settings.allowed_private_hosts)
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
        await self._accounts.close()
        self._threads.shutdown(wait=False)

    async def _build(self, run: bytes) -> Dispatch:
        async def read(tx: Transaction) -> RunRow | None:
            return await run_repository.find_run(tx, run)

        row = await self._database.read(read)
        assert row is not None, "a claim joins its run"
        started = CampaignLifecycle.FromString(row.fact).run_started
        return Dispatch(
            run=row,
            policy=unknown_policy(row.fact),
            is_retry=is_retry(row.fact),
            ways=await self._ways(row, started),
        )

    async def _ways(self, row: RunRow, started: RunStarted) -> dict[int, Way]:
        ways: dict[int, Way] = {}
        if started.HasField("push_content"):
            ways[Channel.PUSH] = await self._push(row, started)
        if started.HasField("email_content"):
            try:
                ways[Channel.EMAIL] = self._email(row, started)
            except (Invalid, ValueError):
                log.exception("the run's email cannot be built", run=row.id.hex())
        if started.HasField("http_content"):
            ways[Channel.HTTP] = HttpWay(
                run=row,
                identity_run=started.identity_run,
                content=started.http_content,
                fields=started.contact_fields,
                accounts=self._accounts,
            )
        return ways

    async def _push(self, row: RunRow, started: RunStarted) -> Way:
        return PushWay(
            identity_run=started.identity_run,
            payload=PushPayload(
                campaign=row.campaign, content=started.push_content, public_url=self._settings.public_url
            ),
            links=self._links.of_run(row.id),
            sender=await self._sender(row.tenant, row.project),
        )

    def _email(self, row: RunRow, started: RunStarted) -> Way:
        return EmailWay(
            run=row,
            identity_run=started.identity_run,
            content=started.email_content,
            fields=started.contact_fields,
            links=self._unsubscribe_links.of_run(row.id),
            public_url=self._settings.public_url,
            accounts=self._accounts,
        )

    async def _sender(self, tenant: bytes, project: bytes) -> Sender:
        if (tenant, project) not in self._senders:
            key = await self._keys.private_key(tenant=tenant, project=project)
            self._senders[tenant, project] = WebPushSender(
                VapidSigner(key, self._settings.vapid_subject),
                allowed_private_hosts=self._settings.allowed_private_hosts,
                connections_per_origin=self._settings.connections_per_origin,
                threads=self._threads,
            )
        return self._senders[tenant, project]
