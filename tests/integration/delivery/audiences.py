"""Owns runs as the other services announce them: the facts that reach delivery, and how they are handed to it."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from carillon.campaigns.v1.campaigns_pb2 import UNKNOWN_POLICY_UNSPECIFIED, PushContent, UnknownPolicy
from carillon.events.v1.audience_batches_pb2 import AudienceBatch
from carillon.events.v1.audience_totals_pb2 import AudienceTotals
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle, RetryOf, RunStarted

from services.delivery import suppression_repository
from services.delivery.domain.message_identity import message_id
from services.delivery.messages import RecipientColumns
from services.delivery.subscriptions import Reactions
from services.runtime import ids
from services.runtime.database import Database, Transaction
from tests.unit.services.delivery.builders import PUSH, recipients

Place = tuple[int, int]  # batch, position
Fact = CampaignLifecycle | AudienceBatch | AudienceTotals


@dataclass(frozen=True)
class Run:
    """A run of a new organization, to so many people, in batches of these sizes."""

    sizes: tuple[int, ...]
    lifetime: datetime.timedelta = datetime.timedelta(hours=1)
    tenant: bytes = field(default_factory=ids.new_id)
    campaign: bytes = field(default_factory=ids.new_id)
    id: bytes = field(default_factory=ids.new_id)
    channel: int = PUSH
    policy: UnknownPolicy = UNKNOWN_POLICY_UNSPECIFIED
    of: Run | None = None  # the run that it sends some messages of again
    chosen: tuple[int, ...] = ()  # which, of its first batch

    @property
    def total(self) -> int:
        """Messages."""
        return sum(self.sizes)

    def started(self) -> CampaignLifecycle:
        """campaigns' fact."""
        now = datetime.datetime.now(datetime.UTC)
        started = RunStarted(
            run=self.id,
            identity_run=self._first.id,
            push_content=PushContent(title="Hello"),
            unknown_policy=self.policy,
            retry_of=RetryOf() if self.of else None,
        )
        started.start_time.FromDatetime(now)
        started.expire_time.FromDatetime(now + self.lifetime)
        return CampaignLifecycle(tenant=self.tenant, project=self.tenant, campaign=self.campaign, run_started=started)

    def batch(self, number: int) -> AudienceBatch:
        """segments' fact."""
        columns = self._columns(number)
        return AudienceBatch(
            tenant=self.tenant,
            campaign=self.campaign,
            run=self.id,
            number=number,
            size=self.sizes[number],
            digest=hashlib.blake2b(columns, digest_size=16).digest(),
            recipients=columns,
        )

    def totals(self) -> AudienceTotals:
        """segments' last fact."""
        return AudienceTotals(
            tenant=self.tenant,
            campaign=self.campaign,
            run=self.id,
            batch_count=len(self.sizes),
            message_count=self.total,
            contact_count=self.total,
        )

    def retry(self, *positions: int) -> Run:
        """A run that sends these messages of the first batch again."""
        return replace(self, id=ids.new_id(), sizes=(len(positions),), of=self._first, chosen=positions)

    def facts(self) -> list[Fact]:
        """All of them, in order."""
        return [self.started(), *(self.batch(number) for number in range(len(self.sizes))), self.totals()]

    def places(self) -> dict[Place, tuple[str, bytes]]:
        """Where each message stands → (its address, its id)."""
        return {
            (number, position): (columns.address(position), self._message_id(columns, position))
            for number, size in enumerate(self.sizes)
            for columns in [RecipientColumns(self._columns(number))]
            for position in range(size)
        }

    def contact(self, place: Place) -> bytes:
        """Whose message stands there."""
        return RecipientColumns(self._columns(place[0])).contact(place[1])

    def endpoint(self, place: Place) -> bytes:
        """Which subscription it goes to."""
        return RecipientColumns(self._columns(place[0])).endpoint(place[1])

    def with_late_batch(self, size: int) -> Run:
        """The same run, with one more batch."""
        return replace(self, sizes=(*self.sizes, size))

    @property
    def _first(self) -> Run:
        """Whose message identities it keeps."""
        return self.of or self

    def _columns(self, number: int) -> bytes:
        size = self.sizes[number]
        numbers = self.chosen or [number * 10_000 + index for index in range(size)]  # nobody is in two batches
        contacts = b"".join(self._numbered(b"c", person) for person in numbers)
        if self.channel == PUSH:
            return recipients(
                size,
                contacts=contacts,
                endpoints=b"".join(self._numbered(b"e", person) for person in numbers),
                addresses=[f"https://push.example/{self._first.id.hex()}/{person}" for person in numbers],
            )
        return recipients(
            size,
            channels=[self.channel],
            contacts=contacts,
            addresses=[f"{person}@{self._first.id.hex()}.example" for person in numbers],
            endpoints=b"",
            p256dh=b"",
            auths=b"",
        )

    def _numbered(self, word: bytes, number: int) -> bytes:
        return word + self._first.id[-7:] + number.to_bytes(4)

    def _message_id(self, columns: RecipientColumns, position: int) -> bytes:
        return message_id(
            run=self._first.id,
            contact=columns.contact(position),
            channel=self.channel,
            endpoint=columns.endpoint(position),
        )


async def announce(database: Database, facts: Sequence[Fact]) -> None:
    """Hand facts to delivery as its consumer does: each in a transaction of its own."""
    reactions = Reactions(database=database, campaigns=None, segments=None)  # type: ignore[arg-type]
    handlers = {subscription.message: subscription.handle for subscription in reactions.subscriptions()}
    for fact in facts:
        handle = handlers[type(fact)]
        await database.transaction(lambda tx, handle=handle, fact=fact: handle(tx, fact))  # type: ignore[misc]


async def suppress(database: Database, run: Run, places: Sequence[Place]) -> None:
    """These people do not want to be messaged any more: what an unsubscribe commits."""

    async def work(tx: Transaction) -> None:
        people = [(run.contact(place), PUSH) for place in places]
        await suppression_repository.suppress(
            tx, tenant=run.tenant, project=run.tenant, people=people, reason="UNSUBSCRIBED"
        )

    await database.transaction(work)
