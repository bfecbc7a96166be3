"""Owns this process' wiring: the only place that chooses real parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import grpc
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.delivery.v1.control_service_pb2_grpc import add_ControlServiceServicer_to_server
from carillon.delivery.v1.delivery_service_pb2_grpc import add_DeliveryServiceServicer_to_server
from carillon.delivery.v1.messages_service_pb2_grpc import add_MessagesServiceServicer_to_server
from carillon.delivery.v1.provider_accounts_service_pb2_grpc import add_ProviderAccountsServiceServicer_to_server
from carillon.delivery.v1.public_service_pb2_grpc import add_PublicServiceServicer_to_server
from carillon.delivery.v1.suppressions_service_pb2_grpc import add_SuppressionsServiceServicer_to_server
from carillon.feeds.v1.audience_feed_service_pb2_grpc import AudienceFeedServiceStub
from carillon.feeds.v1.backlog_feed_service_pb2_grpc import add_BacklogFeedServiceServicer_to_server
from carillon.feeds.v1.ledger_feed_service_pb2_grpc import LedgerFeedServiceStub
from carillon.feeds.v1.membership_feed_service_pb2_grpc import MembershipFeedServiceStub
from carillon.feeds.v1.outcome_feed_service_pb2_grpc import add_OutcomeFeedServiceServicer_to_server
from carillon.feeds.v1.project_feed_service_pb2_grpc import ProjectFeedServiceStub
from carillon.feeds.v1.retry_feed_service_pb2_grpc import add_RetryFeedServiceServicer_to_server
from carillon.feeds.v1.run_feed_service_pb2_grpc import RunFeedServiceStub
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from services.delivery.account_probe import AccountProbe
from services.delivery.authorisation import Authorisations
from services.delivery.backlog_api import BacklogFeed
from services.delivery.completion import Completion
from services.delivery.contacts import Contacts
from services.delivery.dispatches import Dispatches
from services.delivery.domain.links import UNSUBSCRIBING, Links
from services.delivery.explaining import Explaining
from services.delivery.feed_api import OutcomeFeed
from services.delivery.grpc_api import ControlApi, DeliveryApi
from services.delivery.janitor import Janitor
from services.delivery.journal import Journals
from services.delivery.ledger import Ledger
from services.delivery.message_api import MessagesApi
from services.delivery.owners import Owners
from services.delivery.provider_accounts import ProviderAccounts
from services.delivery.provider_accounts_api import ProviderAccountsApi
from services.delivery.public_api import PublicApi
from services.delivery.receipts import Receipts
from services.delivery.reconciliation import Reconciler
from services.delivery.recording import Recorder
from services.delivery.retries import Retries
from services.delivery.retry_api import RetryFeed
from services.delivery.run_repository import WORK_CHANNEL
from services.delivery.sealing import Seal
from services.delivery.senders.destination import Destinations
from services.delivery.settings import DeliverySettings
from services.delivery.subscriptions import Reactions
from services.delivery.suppression_api import SuppressionsApi
from services.delivery.unsubscribing import Unsubscribing
from services.delivery.vapid_keys import VapidKeys
from services.delivery.worker import Worker
from services.project_tenants import ProjectTenants
from services.projects import Projects
from services.runtime.chassis import Chassis
from services.runtime.clock import SystemClock
from services.runtime.idempotency import Idempotency
from services.runtime.process import Part, run_process
from services.runtime.settings import read_settings
from services.topics import TOPICS

NATIVE_SERVICES = (
    "carillon.delivery.v1.DeliveryService",
    "carillon.delivery.v1.SuppressionsService",
    "carillon.delivery.v1.MessagesService",
    "carillon.delivery.v1.ProviderAccountsService",
)
GRPC_SERVICES = (
    *NATIVE_SERVICES,
    "carillon.delivery.v1.ControlService",
    "carillon.delivery.v1.PublicService",
    "carillon.feeds.v1.OutcomeFeedService",
    "carillon.feeds.v1.BacklogFeedService",
    "carillon.feeds.v1.RetryFeedService",
)


def build(settings: DeliverySettings) -> Sequence[Part]:
    """The parts of the process, in the order of their start."""
    clock = SystemClock()
    chassis = Chassis(settings, service="delivery", pool_size=12)
    database = chassis.database
    campaigns = chassis.channel(settings.campaigns)
    analytics = chassis.channel(settings.analytics)
    gateway = chassis.channel(settings.gateway)
    segments = chassis.channel(settings.segments)
    projects = Projects(AccountsServiceStub(gateway))
    owners = Owners(Path(settings.state_dir) / "owners")
    keys = VapidKeys(database=database, encryption_key=settings.encryption_key)
    idempotency = Idempotency(database=database, clock=clock, services=NATIVE_SERVICES, secret=settings.encryption_key)
    accounts = ProviderAccounts(
        database=database, idempotency=idempotency, seal=Seal(settings.encryption_key), clock=clock
    )
    links = Links(settings.encryption_key)
    journals = Journals(owners.directory, owners.me)
    dispatches = Dispatches(database=database, settings=settings, keys=keys, accounts=accounts, links=links)
    recorder = Recorder(database=database, clock=clock)
    completion = Completion(database)
    worker = Worker(
        database=database,
        clock=clock,
        owners=owners,
        journals=journals,
        authorisations=Authorisations(database=database, clock=clock),
        dispatches=dispatches,
        recorder=recorder,
        completion=completion,
        wake=chassis.notifications.listen(WORK_CHANNEL),
        claims_at_once=settings.claims_at_once,
        claim_size=settings.claim_size,
    )
    janitor = Janitor(
        database=database,
        clock=clock,
        owners=owners,
        journals=journals,
        worker=worker,
        dispatches=dispatches,
        recorder=recorder,
        completion=completion,
        wake=chassis.notifications.listen(WORK_CHANNEL),
    )
    reactions = Reactions(
        database=database,
        campaigns=RunFeedServiceStub(campaigns),
        segments=AudienceFeedServiceStub(segments),
    )
    api = DeliveryApi(
        reconciler=Reconciler(
            database=database, campaigns=CampaignsServiceStub(campaigns), ledger=LedgerFeedServiceStub(analytics)
        ),
        keys=keys,
        projects=projects,
    )
    accounts_api = ProviderAccountsApi(
        accounts=accounts,
        probe=AccountProbe(settings.allowed_private_hosts),
        projects=projects,
        destinations=Destinations(frozenset(host.lower() for host in settings.allowed_private_hosts)),
    )
    contacts = Contacts(SegmentsServiceStub(segments))
    suppressions = SuppressionsApi(database=database, contacts=contacts, projects=projects)
    ledger = Ledger(database)
    messages = MessagesApi(
        database=database,
        ledger=ledger,
        explaining=Explaining(database=database, ledger=ledger, membership=MembershipFeedServiceStub(segments)),
        campaigns=CampaignsServiceStub(campaigns),
        contacts=contacts,
    )
    receipts = Receipts(database)
    public = PublicApi(
        links=links,
        unsubscribe_links=Links(settings.encryption_key, purpose=UNSUBSCRIBING),
        receipts=receipts,
        unsubscribing=Unsubscribing(database=database, clock=clock),
        keys=keys,
        projects=ProjectTenants(ProjectFeedServiceStub(gateway)),
        clock=clock,
    )

    def register(server: grpc.aio.Server) -> None:
        add_DeliveryServiceServicer_to_server(api, server)
        add_SuppressionsServiceServicer_to_server(suppressions, server)
        add_MessagesServiceServicer_to_server(messages, server)
        add_ControlServiceServicer_to_server(ControlApi(database), server)
        add_ProviderAccountsServiceServicer_to_server(accounts_api, server)
        add_PublicServiceServicer_to_server(public, server)
        add_OutcomeFeedServiceServicer_to_server(OutcomeFeed(database), server)
        add_BacklogFeedServiceServicer_to_server(BacklogFeed(database), server)
        add_RetryFeedServiceServicer_to_server(RetryFeed(Retries(database)), server)

    return chassis.parts(
        topics=TOPICS,
        subscriptions=reactions.subscriptions(),
        grpc_services=GRPC_SERVICES,
        register=register,
        own=[
            janitor,
            worker,
            receipts,
            chassis.pull("campaigns' open runs and segments' batches", reactions.pull_runs),
        ],
        idempotency=idempotency,
    )


def main() -> None:
    """Run the service until it is told to stop."""
    settings = read_settings(DeliverySettings)
    run_process(name="delivery", log_level=settings.log_level, build=lambda: build(settings))


if __name__ == "__main__":
    main()
