"""Owns the commands on contacts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from carillon.delivery.v1.suppressions_pb2 import Suppression
from carillon.delivery.v1.suppressions_service_pb2 import (
    ListSuppressionsRequest,
    SuppressContactRequest,
    UnsuppressContactRequest,
)
from carillon.delivery.v1.suppressions_service_pb2_grpc import SuppressionsServiceStub
from carillon.segments.v1.segments_service_pb2 import BatchUpsertContactsRequest
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from gateway.cli import contact_file
from gateway.cli.calling import SECONDS, calls, connected, named
from gateway.cli.connection import Connection
from gateway.cli.words import CHANNELS, channel_word


@click.group("contacts")
def contacts() -> None:
    """People to message."""


@contacts.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--project", required=True, help="proj_…")
@connected
@calls
def import_contacts(connection: Connection, file: Path, project: str) -> None:
    """Make or change the contacts of FILE: one JSON object a line, as the native API takes them."""
    stub, count = SegmentsServiceStub(connection.channel), 0
    for batch in contact_file.batches(file):
        request = BatchUpsertContactsRequest(parent=named("projects", project), contacts=batch)
        stub.BatchUpsertContacts(request, metadata=connection.metadata(), timeout=SECONDS)
        count += len(batch)
    click.echo(f"{count:,} contacts")


def _of_contact(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--project", required=True, help="proj_…")(command)
    return click.argument("contact")(command)


def _with_channels(command: Callable[..., Any]) -> Callable[..., Any]:
    words = click.Choice(sorted(CHANNELS))
    return click.option("--channel", "channels", multiple=True, required=True, type=words, help="May be repeated.")(
        command
    )


@contacts.command("suppress")
@_of_contact
@_with_channels
@click.option("--reason", default="", help="In UPPER_SNAKE.")
@connected
@calls
def suppress_contact(
    connection: Connection, contact: str, project: str, channels: tuple[str, ...], reason: str
) -> None:
    """Message con_… no more by these channels; from a second after the answer on, nothing is."""
    request = SuppressContactRequest(
        name=_name(project, contact), channels=[CHANNELS[word] for word in channels], reason=reason
    )
    stub = SuppressionsServiceStub(connection.channel)
    _show(stub.SuppressContact(request, metadata=connection.metadata(), timeout=SECONDS).suppressions)


@contacts.command("unsuppress")
@_of_contact
@_with_channels
@connected
@calls
def unsuppress_contact(connection: Connection, contact: str, project: str, channels: tuple[str, ...]) -> None:
    """Let con_… be messaged again by these channels, at its present address, too."""
    request = UnsuppressContactRequest(name=_name(project, contact), channels=[CHANNELS[word] for word in channels])
    stub = SuppressionsServiceStub(connection.channel)
    _show(stub.UnsuppressContact(request, metadata=connection.metadata(), timeout=SECONDS).suppressions)


@contacts.command("suppressions")
@_of_contact
@connected
@calls
def list_suppressions(connection: Connection, contact: str, project: str) -> None:
    """Print what keeps con_… from being messaged."""
    request = ListSuppressionsRequest(parent=_name(project, contact))
    stub = SuppressionsServiceStub(connection.channel)
    _show(stub.ListSuppressions(request, metadata=connection.metadata(), timeout=SECONDS).suppressions)


def _name(project: str, contact: str) -> str:
    return contact if contact.startswith("projects/") else f"{named('projects', project)}/contacts/{contact}"


def _show(suppressions: Iterable[Suppression]) -> None:
    """One line each: the channel, why, since when, at which address."""
    for item in suppressions:
        since = item.create_time.ToJsonString()
        click.echo(" ".join([channel_word(item.channel), item.reason, since, item.address]).rstrip())
