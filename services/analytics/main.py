"""Owns the wiring of the analytics process: settings, chassis, parts."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from carillon.analytics.v1.analytics_service_pb2_grpc import add_AnalyticsServiceServicer_to_server
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.feeds.v1.ledger_feed_service_pb2_grpc import add_LedgerFeedServiceServicer_to_server
from carillon.feeds.v1.outcome_feed_service_pb2_grpc import OutcomeFeedServiceStub
from carillon.feeds.v1.recipient_feed_service_pb2_grpc import add_RecipientFeedServiceServicer_to_server
from carillon.feeds.v1.run_feed_service_pb2_grpc import RunFeedServiceStub

from services.analytics.feed_api import LedgerFeedApi, RecipientFeedApi
from services.analytics.grpc_api import AnalyticsApi
from services.analytics.pulls import Pulls
from services.analytics.receipt_pull import ReceiptPull
from services.analytics.settings import AnalyticsSettings
from services.analytics.subscriptions import SUBSCRIPTIONS
from services.analytics.watching import Watches
from services.runtime.chassis import Chassis
from services.runtime.clock import SystemClock
from services.runtime.process import Part, run_process
from services.runtime.settings import read_settings
from services.topics import TOPICS

GRPC_SERVICES = (
    "carillon.analytics.v1.AnalyticsService",
    "carillon.feeds.v1.LedgerFeedService",
    "carillon.feeds.v1.RecipientFeedService",
)


def build(settings: AnalyticsSettings) -> Sequence[Part]:
    """The process' parts."""
    chassis = Chassis(settings, service="analytics")
    campaigns, delivery = chassis.channel(settings.campaigns), chassis.channel(settings.delivery)
    watches = Watches(database=chassis.database)
    api = AnalyticsApi(database=chassis.database, campaigns=CampaignsServiceStub(campaigns), watches=watches)
    feed = LedgerFeedApi(database=chassis.database)
    recipients = RecipientFeedApi(database=chassis.database)
    outcomes = OutcomeFeedServiceStub(delivery)
    pulls = Pulls(database=chassis.database, runs=RunFeedServiceStub(campaigns), outcomes=outcomes, clock=SystemClock())
    receipts = ReceiptPull(database=chassis.database, outcomes=outcomes)

    def register(server: grpc.aio.Server) -> None:
        add_AnalyticsServiceServicer_to_server(api, server)
        add_LedgerFeedServiceServicer_to_server(feed, server)
        add_RecipientFeedServiceServicer_to_server(recipients, server)

    return chassis.parts(
        topics=TOPICS,
        subscriptions=SUBSCRIPTIONS,
        grpc_services=GRPC_SERVICES,
        register=register,
        own=[
            watches,
            chassis.pull("states", pulls.ask_states),
            chassis.pull("ended-runs", pulls.ask_ended_runs),
            chassis.pull("corrections", pulls.ask_corrections),
            chassis.pull("receipts", receipts.ask),
        ],
    )


def main() -> None:
    """Run until told to stop."""
    settings = read_settings(AnalyticsSettings)
    run_process(name="analytics", log_level=settings.log_level, build=lambda: build(settings))


if __name__ == "__main__":
    main()
