"""Owns the wiring of the segments process: settings, chassis, parts."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub
from carillon.feeds.v1.audience_feed_service_pb2_grpc import add_AudienceFeedServiceServicer_to_server
from carillon.feeds.v1.run_feed_service_pb2_grpc import RunFeedServiceStub
from carillon.segments.v1.segments_service_pb2_grpc import add_SegmentsServiceServicer_to_server

from services.projects import Projects
from services.runtime.chassis import Chassis
from services.runtime.process import Part, run_process
from services.runtime.pull import Pull
from services.runtime.settings import read_settings
from services.segments.audience_repository import CHANNEL
from services.segments.feed_api import AudienceFeedApi
from services.segments.freezing import Freezer
from services.segments.grpc_api import SegmentsApi
from services.segments.pulls import HOUSEKEEPING_SECONDS, Pulls
from services.segments.settings import SegmentsSettings
from services.segments.subscriptions import SUBSCRIPTIONS
from services.topics import TOPICS

GRPC_SERVICES = ("carillon.segments.v1.SegmentsService", "carillon.feeds.v1.AudienceFeedService")
POOL_SIZE = 12  # three walks of two connections each, and the rest


def build(settings: SegmentsSettings) -> Sequence[Part]:
    """The process' parts."""
    chassis = Chassis(settings, service="segments", pool_size=POOL_SIZE)
    api = SegmentsApi(
        database=chassis.database,
        projects=Projects(AccountsServiceStub(chassis.channel(settings.gateway))),
        allowed_private_hosts=settings.allowed_private_hosts,
    )
    feed = AudienceFeedApi(database=chassis.database)
    pulls = Pulls(database=chassis.database, runs=RunFeedServiceStub(chassis.channel(settings.campaigns)))

    def register(server: grpc.aio.Server) -> None:
        add_SegmentsServiceServicer_to_server(api, server)
        add_AudienceFeedServiceServicer_to_server(feed, server)

    return chassis.parts(
        topics=TOPICS,
        subscriptions=SUBSCRIPTIONS,
        grpc_services=GRPC_SERVICES,
        register=register,
        own=[
            Freezer(database=chassis.database, wake=chassis.notifications.listen(CHANNEL)),
            chassis.pull("open-runs", pulls.ask_open_runs),
            Pull(hop="ended-audiences", ask=pulls.forget, seconds=HOUSEKEEPING_SECONDS),
        ],
    )


def main() -> None:
    """Run until told to stop."""
    settings = read_settings(SegmentsSettings)
    run_process(name="segments", log_level=settings.log_level, build=lambda: build(settings))


if __name__ == "__main__":
    main()
