"""Owns this process' wiring: the only place that chooses real parts."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import grpc
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub
from carillon.campaigns.v1.campaigns_service_pb2_grpc import add_CampaignsServiceServicer_to_server
from carillon.campaigns.v1.templates_service_pb2_grpc import add_TemplatesServiceServicer_to_server
from carillon.delivery.v1.control_service_pb2_grpc import ControlServiceStub
from carillon.delivery.v1.provider_accounts_service_pb2_grpc import ProviderAccountsServiceStub
from carillon.feeds.v1.ledger_feed_service_pb2_grpc import LedgerFeedServiceStub
from carillon.feeds.v1.run_feed_service_pb2_grpc import add_RunFeedServiceServicer_to_server
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from services.campaigns.audiences import Audiences
from services.campaigns.commands import Commands
from services.campaigns.grpc_api import CampaignsApi, RunFeed
from services.campaigns.readiness import Readiness
from services.campaigns.run_progress import RunProgress
from services.campaigns.scheduler import Scheduler
from services.campaigns.settings import CampaignsSettings
from services.campaigns.subscriptions import Reactions
from services.campaigns.templates_api import TemplatesApi
from services.campaigns.use_cases import SCHEDULE_CHANNEL, UseCases
from services.projects import Projects
from services.runtime.chassis import Chassis
from services.runtime.clock import SystemClock
from services.runtime.idempotency import Idempotency
from services.runtime.process import Part, run_process
from services.runtime.pull import Pull
from services.runtime.settings import read_settings
from services.topics import TOPICS

FOR_CALLERS = ("carillon.campaigns.v1.CampaignsService", "carillon.campaigns.v1.TemplatesService")
GRPC_SERVICES = (*FOR_CALLERS, "carillon.feeds.v1.RunFeedService")
REPEAT_SECONDS = 3.0


def build(settings: CampaignsSettings) -> Sequence[Part]:
    """The parts of the process, in the order of their start."""
    clock = SystemClock()
    chassis = Chassis(settings, service="campaigns")
    database = chassis.database
    idempotency = Idempotency(database=database, clock=clock, services=FOR_CALLERS)
    use_cases = UseCases(
        database=database,
        clock=clock,
        idempotency=idempotency,
        lifetime=datetime.timedelta(seconds=settings.message_lifetime_seconds),
    )
    delivery = chassis.channel(settings.delivery)
    readiness = Readiness(
        database=database,
        audiences=Audiences(SegmentsServiceStub(chassis.channel(settings.segments))),
        accounts=ProviderAccountsServiceStub(delivery),
    )
    commands = Commands(database=database, delivery=ControlServiceStub(delivery), clock=clock)
    reactions = Reactions(
        database=database,
        progress=RunProgress(clock),
        ledger=LedgerFeedServiceStub(chassis.channel(settings.analytics)),
    )
    projects = Projects(AccountsServiceStub(chassis.channel(settings.gateway)))
    api = CampaignsApi(
        use_cases=use_cases,
        commands=commands,
        readiness=readiness,
        projects=projects,
        clock=clock,
    )
    templates = TemplatesApi(database=database, projects=projects, idempotency=idempotency, clock=clock)
    scheduler = Scheduler(
        database=database,
        use_cases=use_cases,
        readiness=readiness,
        clock=clock,
        wake=chassis.notifications.listen(SCHEDULE_CHANNEL),
    )

    def register(server: grpc.aio.Server) -> None:
        add_CampaignsServiceServicer_to_server(api, server)
        add_TemplatesServiceServicer_to_server(templates, server)
        add_RunFeedServiceServicer_to_server(RunFeed(database), server)

    return chassis.parts(
        topics=TOPICS,
        subscriptions=reactions.subscriptions(),
        grpc_services=GRPC_SERVICES,
        register=register,
        own=[
            scheduler,
            Pull(hop="unanswered commands", ask=commands.repeat_unanswered, seconds=REPEAT_SECONDS),
            chassis.pull("analytics' counted runs", reactions.pull_counted),
            chassis.pull("analytics' corrected runs", reactions.pull_corrected),
        ],
        idempotency=idempotency,
    )


def main() -> None:
    """Run the service until it is told to stop."""
    settings = read_settings(CampaignsSettings)
    run_process(name="campaigns", log_level=settings.log_level, build=lambda: build(settings))


if __name__ == "__main__":
    main()
