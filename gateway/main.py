"""Owns this process' wiring: the only place that chooses real parts."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from carillon.accounts.v1.accounts_service_pb2_grpc import add_AccountsServiceServicer_to_server
from carillon.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.dialects.reachbell.v1.campaigns_api_pb2_grpc import add_CampaignsServiceServicer_to_server
from carillon.feeds.v1.project_feed_service_pb2_grpc import add_ProjectFeedServiceServicer_to_server
from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server

from gateway.accounts.feed_api import ProjectFeedApi
from gateway.accounts.grpc_api import AccountsApi
from gateway.accounts.key_ring import KeyRing
from gateway.accounts.tokens import Published, Tokens
from gateway.accounts.use_cases import Accounts
from gateway.apis import BY_NAME
from gateway.dialects.reachbell.api import CampaignsApi as ReachBellApi
from gateway.door.authorization import AuthorizationApi
from gateway.door.credentials import Credentials
from gateway.numbers import Numbers
from gateway.patience import open_patient_channel
from gateway.settings import GatewaySettings
from gateway.watches import Watches
from services.runtime.chassis import forgetting
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.grpc_server import GrpcServer
from services.runtime.idempotency import Idempotency
from services.runtime.identity import IdentityTokens
from services.runtime.pages import Pages
from services.runtime.process import Part, run_process
from services.runtime.settings import read_settings

SERVICE = "gateway"
ACCOUNTS = "carillon.accounts.v1.AccountsService"
SERVICES = (
    ACCOUNTS,
    "carillon.feeds.v1.ProjectFeedService",
    "carillon.dialects.reachbell.v1.CampaignsService",
)


class Closing:
    """Closes what the parts shared, after the last of them."""

    def __init__(self, database: Database, channels: Sequence[grpc.aio.Channel]) -> None:
        self._database = database
        self._channels = channels

    async def start(self) -> None:
        """Nothing to start: connections are made when they are needed."""

    async def stop(self) -> None:
        """Close the channels and the pool."""
        for channel in self._channels:
            await channel.close()
        await self._database.close()


def build(settings: GatewaySettings) -> Sequence[Part]:
    """The parts of the process, in the order of their start."""
    clock = SystemClock()
    identities = IdentityTokens(settings.identity_secret)
    database = Database(settings.database_url, process=SERVICE)
    key_ring = KeyRing(database)
    tokens = Tokens(seed=settings.token_key, issuer=settings.token_issuer, published=published(settings))
    idempotency = Idempotency(database=database, clock=clock, services=[ACCOUNTS], secret=settings.token_key)
    accounts = Accounts(database=database, idempotency=idempotency, key_ring=key_ring, tokens=tokens, clock=clock)
    credentials = Credentials(key_ring=key_ring, tokens=tokens, operator_key=settings.operator_key)
    channels = [
        open_patient_channel(address, tokens=identities, service=SERVICE)
        for address in (settings.campaigns, settings.analytics)
    ]
    campaigns, analytics = CampaignsServiceStub(channels[0]), AnalyticsServiceStub(channels[1])
    watches = Watches(campaigns=campaigns, analytics=analytics)
    reachbell = ReachBellApi(campaigns=campaigns, numbers=Numbers(analytics), watches=watches)
    door = AuthorizationApi(apis=BY_NAME, credentials=credentials, identities=identities)

    def register(server: grpc.aio.Server) -> None:
        add_AuthorizationServicer_to_server(door, server)
        add_AccountsServiceServicer_to_server(AccountsApi(accounts), server)
        add_ProjectFeedServiceServicer_to_server(ProjectFeedApi(database), server)
        add_CampaignsServiceServicer_to_server(reachbell, server)

    server = GrpcServer(
        listen=settings.listen, tokens=identities, services=SERVICES, register=register, idempotency=idempotency
    )
    pages = Pages(listen=settings.http_listen, problem=lambda: "", ready=database.ping)
    return [Closing(database, channels), pages, forgetting(idempotency), server]


def published(settings: GatewaySettings) -> Published | None:
    """The other issuer, where one is set."""
    if not settings.jwks_url:
        return None
    return Published(issuer=settings.jwks_issuer, url=settings.jwks_url, audience=settings.jwks_audience)


def main() -> None:
    """Run the gateway until it is told to stop."""
    settings = read_settings(GatewaySettings)
    run_process(name=SERVICE, log_level=settings.log_level, build=lambda: build(settings))


if __name__ == "__main__":
    main()
