"""Owns putting the chassis' parts together, the same for every service, in the order they start.

Never decides what a service does: that comes in as subscriptions, servicers and parts of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

from services.runtime import inbox
from services.runtime.consumer import Consumer, Subscription
from services.runtime.database import Database
from services.runtime.grpc_client import open_channel
from services.runtime.grpc_server import GrpcServer
from services.runtime.idempotency import Idempotency
from services.runtime.identity import IdentityTokens
from services.runtime.notifications import Notifications
from services.runtime.outbox import CHANNEL
from services.runtime.pages import Pages
from services.runtime.process import Part
from services.runtime.pull import Pull
from services.runtime.relay import Relay
from services.runtime.settings import Address, Secret
from services.runtime.topic_keeper import TopicKeeper, TopicSpec

HOUSEKEEPING_SECONDS = 3600.0
FORGET_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChassisSettings:
    """What every service is told."""

    listen: Address  # where its gRPC server listens
    http_listen: Address  # where its pages for operators listen
    database_url: str  # postgresql+asyncpg://role:password@host:port/database
    kafka: str  # host:port of a broker
    identity_secret: Secret  # signs and verifies identity tokens
    log_level: str = "info"
    kafka_replication: int = 1  # copies of each topic it makes
    pull_seconds: float = 10.0  # how often each hop is pulled


class Chassis:
    """The parts of one service's process."""

    def __init__(self, settings: ChassisSettings, *, service: str, pool_size: int = 8) -> None:
        self._settings = settings
        self._service = service
        self.tokens = IdentityTokens(settings.identity_secret)
        self.database = Database(settings.database_url, process=service, pool_size=pool_size)
        self.notifications = Notifications(self.database)
        self._channels: list[grpc.aio.Channel] = []

    def channel(self, address: str) -> grpc.aio.Channel:
        """A channel to a peer, closed with the process."""
        channel = open_channel(address, tokens=self.tokens, service=self._service)
        self._channels.append(channel)
        return channel

    def pull(self, hop: str, ask: Callable[[], object]) -> Pull:
        """A hop that is pulled as often as the settings say."""
        return Pull(hop=hop, ask=ask, seconds=self._settings.pull_seconds)  # type: ignore[arg-type]

    def parts(
        self,
        *,
        topics: Sequence[TopicSpec],
        subscriptions: Sequence[Subscription],
        grpc_services: Sequence[str],
        register: Callable[[grpc.aio.Server], None],
        own: Sequence[Part] = (),
        idempotency: Idempotency | None = None,
    ) -> list[Part]:
        """All parts in the order of their start; they stop the other way round.

        `idempotency` keeps the answers of the services' POSTs.
        """
        relay = Relay(database=self.database, kafka=self._settings.kafka, wake=self.notifications.listen(CHANNEL))
        keeper = TopicKeeper(kafka=self._settings.kafka, topics=topics, replication=self._settings.kafka_replication)
        consumer = Consumer(
            database=self.database,
            kafka=self._settings.kafka,
            group=self._service,
            subscriptions=subscriptions,
            topics_made=keeper.made,
        )
        server = GrpcServer(
            listen=self._settings.listen,
            tokens=self.tokens,
            services=grpc_services,
            register=register,
            idempotency=idempotency,
        )
        pages = Pages(listen=self._settings.http_listen, problem=consumer.problem, ready=self.database.ping)
        housekeeping = [Pull(hop="inbox", ask=self._forget, seconds=HOUSEKEEPING_SECONDS)]
        if idempotency is not None:
            housekeeping.append(forgetting(idempotency))
        return [_Closing(self), pages, self.notifications, keeper, relay, *housekeeping, *own, server, consumer]

    async def _forget(self) -> None:
        await self.database.transaction(inbox.forget)

    async def close(self) -> None:
        """Close what the parts shared."""
        for channel in self._channels:
            await channel.close()
        await self.database.close()


def forgetting(idempotency: Idempotency) -> Pull:
    """Drops the answers that need not be kept any longer."""
    return Pull(hop="idempotency keys", ask=idempotency.forget, seconds=FORGET_SECONDS)


class _Closing:
    def __init__(self, chassis: Chassis) -> None:
        self._chassis = chassis

    async def start(self) -> None:
        """Nothing to start: connections are made when they are needed."""

    async def stop(self) -> None:
        """Close what the parts shared, after the last of them."""
        await self._chassis.close()
