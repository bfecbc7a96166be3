"""Owns the commands on contacts."""

from __future__ import annotations

from pathlib import Path

import click
from carillon.segments.v1.segments_service_pb2 import BatchUpsertContactsRequest
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from gateway.cli import contact_file
from gateway.cli.calling import SECONDS, calls, connected, named
from gateway.cli.connection import Connection


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
