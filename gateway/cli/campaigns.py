"""Owns the commands on campaigns."""

from __future__ import annotations

import click
from carillon.analytics.v1.analytics_service_pb2 import WatchCampaignRequest
from carillon.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.delivery.v1.delivery_service_pb2 import ReconcileRequest
from carillon.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from carillon.delivery.v1.messages_service_pb2 import ExplainRecipientRequest, ListMessagesRequest
from carillon.delivery.v1.messages_service_pb2_grpc import MessagesServiceStub
from rich.console import Console

from gateway.cli import balance, watching
from gateway.cli.calling import SECONDS, calls, connected
from gateway.cli.connection import Connection
from gateway.cli.words import STATES, channel_word, state_word


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


@campaign.command("messages")
@click.argument("campaign")
@click.option("--state", "states", multiple=True, type=click.Choice(sorted(STATES)), help="May be repeated.")
@click.option("--reason", "reasons", multiple=True, help="Such as PUSH_SUBSCRIPTION_GONE; may be repeated.")
@connected
@calls
def list_messages(connection: Connection, campaign: str, states: tuple[str, ...], reasons: tuple[str, ...]) -> None:
    """Print the messages of cmp_…, one a line: its name, whom it is for, where it stands and why."""
    stub, token = MessagesServiceStub(connection.channel), ""
    while True:
        request = ListMessagesRequest(
            parent=_campaign(campaign),
            page_size=1000,
            page_token=token,
            states=[STATES[word] for word in states],
            reasons=reasons,
        )
        page = stub.ListMessages(request, metadata=connection.metadata(), timeout=SECONDS)
        for item in page.messages:
            contact = item.contact.rpartition("/")[2]
            words = [item.name, contact, channel_word(item.channel), state_word(item.state), item.reason]
            click.echo(" ".join(words).rstrip())
        token = page.next_page_token
        if not token:
            return


@campaign.command("explain")
@click.argument("campaign")
@click.argument("contact")
@connected
@calls
def explain_recipient(connection: Connection, campaign: str, contact: str) -> None:
    """Say why con_… was, was not, or will be messaged by cmp_…."""
    metadata = connection.metadata()
    found = CampaignsServiceStub(connection.channel).GetCampaign(
        GetCampaignRequest(name=_campaign(campaign)), metadata=metadata, timeout=SECONDS
    )
    project = found.name.partition("/campaigns/")[0]
    name = contact if contact.startswith("projects/") else f"{project}/contacts/{contact}"
    answer = MessagesServiceStub(connection.channel).ExplainRecipient(
        ExplainRecipientRequest(name=found.name, contact=name), metadata=metadata, timeout=SECONDS
    )
    for finding in answer.findings:
        click.echo(f"{finding.sentence} {finding.message}".rstrip())


def _campaign(text: str) -> str:
    return text if text.startswith("projects/") else f"projects/-/campaigns/{text}"
