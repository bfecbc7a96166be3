"""Owns the wiring of the segments process: settings, chassis, parts."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.feeds.v1.audience_feed_service_pb2_grpc import add_AudienceFeedServiceServicer_to_server
from carillon.feeds.v1.backlog_feed_service_pb2_grpc import BacklogFeedServiceStub
from carillon.feeds.v1.membership_feed_service_pb2_grpc import add_MembershipFeedServiceServicer_to_server
from carillon.feeds.v1.project_feed_service_pb2_grpc import ProjectFeedServiceStub
from carillon.feeds.v1.recipient_feed_service_pb2_grpc import RecipientFeedServiceStub
from carillon.feeds.v1.retry_feed_service_pb2_grpc import RetryFeedServiceStub
from carillon.feeds.v1.run_feed_service_pb2_grpc import RunFeedServiceStub
from carillon.segments.v1.public_service_pb2_grpc import add_PublicSubscriptionServiceServicer_to_server
from carillon.segments.v1.segments_service_pb2_grpc import add_SegmentsServiceServicer_to_server

from services.project_tenants import ProjectTenants
from services.projects import Projects
from services.runtime.chassis import Chassis
from services.runtime.clock import SystemClock
from services.runtime.idempotency import Idempotency
from services.runtime.process import Part, run_process
from services.runtime.pull import Pull
from services.runtime.settings import read_settings
from services.segments.audience_repository import CHANNEL
from services.segments.earlier_campaigns import EarlierCampaigns
from services.segments.feed_api import AudienceFeedApi
from services.segments.freezing import Freezer
from services.segments.grpc_api import SegmentsApi
from services.segments.membership_api import MembershipFeedApi
from services.segments.non_openers import NonOpeners
from services.segments.pacing import Backlog
from services.segments.public_api import PublicSubscriptionApi
from services.segments.pulls import HOUSEKEEPING_SECONDS, Pulls
from services.segments.retrying import Retries
from services.segments.settings import SegmentsSettings
from services.segments.subscriptions import SUBSCRIPTIONS
from services.topics import TOPICS

SEGMENTS = "carillon.segments.v1.SegmentsService"
GRPC_SERVICES = (
    SEGMENTS,
    "carillon.segments.v1.PublicSubscriptionService",
    "carillon.feeds.v1.AudienceFeedService",
    "carillon.feeds.v1.MembershipFeedService",
)
POOL_SIZE = 12  # three walks of two connections each, and the rest


def build(settings: SegmentsSettings) -> Sequence[Part]:
    """The process' parts."""
    chassis = Chassis(settings, service="segments", pool_size=POOL_SIZE)
    campaigns, gateway = chassis.channel(settings.campaigns), chassis.channel(settings.gateway)
    delivery = chassis.channel(settings.delivery)
    non_openers = NonOpeners(RecipientFeedServiceStub(chassis.channel(settings.analytics)))
    idempotency = Idempotency(database=chassis.database, clock=SystemClock(), services=[SEGMENTS])
    api = SegmentsApi(
        database=chassis.database,
        idempotency=idempotency,
        projects=Projects(AccountsServiceStub(gateway)),
        earlier=EarlierCampaigns(CampaignsServiceStub(campaigns)),
        non_openers=non_openers,
        allowed_private_hosts=settings.allowed_private_hosts,
    )
    public = PublicSubscriptionApi(
        database=chassis.database,
        projects=ProjectTenants(ProjectFeedServiceStub(gateway)),
        allowed_private_hosts=settings.allowed_private_hosts,
    )
    feed = AudienceFeedApi(database=chassis.database)
    membership = MembershipFeedApi(database=chassis.database, non_openers=non_openers)
    pulls = Pulls(database=chassis.database, runs=RunFeedServiceStub(campaigns))

    def register(server: grpc.aio.Server) -> None:
        add_SegmentsServiceServicer_to_server(api, server)
        add_PublicSubscriptionServiceServicer_to_server(public, server)
        add_AudienceFeedServiceServicer_to_server(feed, server)
        add_MembershipFeedServiceServicer_to_server(membership, server)

    return chassis.parts(
        topics=TOPICS,
        subscriptions=SUBSCRIPTIONS,
        grpc_services=GRPC_SERVICES,
        register=register,
        own=[
            Freezer(
                database=chassis.database,
                wake=chassis.notifications.listen(CHANNEL),
                non_openers=non_openers,
                retries=Retries(RetryFeedServiceStub(delivery)),
                backlog=Backlog(BacklogFeedServiceStub(delivery)),
            ),
            chassis.pull("open-runs", pulls.ask_open_runs),
            Pull(hop="ended-audiences", ask=pulls.forget, seconds=HOUSEKEEPING_SECONDS),
        ],
        idempotency=idempotency,
    )


def main() -> None:
    """Run until told to stop."""
    settings = read_settings(SegmentsSettings)
    run_process(name="segments", log_level=settings.log_level, build=lambda: build(settings))


if __name__ == "__main__":
    main()
