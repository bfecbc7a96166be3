"""Owns the commands on campaigns."""

from __future__ import annotations

import click
from carillon.analytics.v1.analytics_service_pb2 import WatchCampaignRequest
from carillon.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.delivery.v1.delivery_service_pb2 import ReconcileRequest
from carillon.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from rich.console import Console

from gateway.cli import balance, watching
from gateway.cli.calling import SECONDS, calls, connected
from gateway.cli.connection import Connection


@click.group()
def campaign() -> None:
    """Campaigns."""


@campaign.command("watch")
@click.argument("campaign")
@connected
@calls
def watch_campaign(connection: Connection, campaign: str) -> None:
    """Draw the progress of cmp_… until it has ended."""
    request = WatchCampaignRequest(name=_campaign(campaign))
    snapshots = AnalyticsServiceStub(connection.channel).WatchCampaign(request, metadata=connection.metadata())
    last = watching.show(snapshots, Console())
    click.echo(f"{watching.word(last.state)}: {last.sent:,} sent of {last.queued:,}")


@campaign.command("reconcile")
@click.argument("campaign")
@connected
@calls
def reconcile_campaign(connection: Connection, campaign: str) -> None:
    """Print what became of every message of cmp_…, in every book; exit code 1 unless it is balanced."""
    metadata = connection.metadata()
    found = CampaignsServiceStub(connection.channel).GetCampaign(
        GetCampaignRequest(name=_campaign(campaign)), metadata=metadata, timeout=SECONDS
    )
    answer = DeliveryServiceStub(connection.channel).Reconcile(
        ReconcileRequest(name=found.name), metadata=metadata, timeout=SECONDS
    )
    balance.show(answer, Console())
    if not answer.balanced:
        raise SystemExit(1)


def _campaign(text: str) -> str:
    return text if text.startswith("projects/") else f"projects/-/campaigns/{text}"
