"""Owns the commands on accounts: organization, project, key, token."""

from __future__ import annotations

import click
from carillon.accounts.v1 import accounts_pb2, accounts_service_pb2
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub
from google.protobuf.duration_pb2 import Duration

from gateway.cli.calling import SECONDS, calls, connected, named
from gateway.cli.connection import Connection


@click.group()
def organization() -> None:
    """Tenants."""


@organization.command("create")
@click.argument("name")
@connected
@calls
def create_organization(connection: Connection, name: str) -> None:
    """Make an organization (operator only) and print its id."""
    made = AccountsServiceStub(connection.channel).CreateOrganization(
        accounts_service_pb2.CreateOrganizationRequest(organization=accounts_pb2.Organization(display_name=name)),
        metadata=connection.metadata(operator=True),
        timeout=SECONDS,
    )
    click.echo(made.name.removeprefix("organizations/"))


@click.group()
def project() -> None:
    """Workspaces of an organization."""


@project.command("create")
@click.argument("name")
@click.option("--organization", default="", help="org_…; for the operator only.")
@click.option("--time-zone", default="UTC", show_default=True, help="IANA zone of its local times.")
@connected
@calls
def create_project(connection: Connection, name: str, organization: str, time_zone: str) -> None:
    """Make a project and print its id."""
    made = AccountsServiceStub(connection.channel).CreateProject(
        accounts_service_pb2.CreateProjectRequest(
            project=accounts_pb2.Project(display_name=name, time_zone=time_zone),
            organization=named("organizations", organization),
        ),
        metadata=connection.metadata(operator=bool(organization)),
        timeout=SECONDS,
    )
    click.echo(made.name.removeprefix("projects/"))


@click.group()
def key() -> None:
    """API keys."""


@key.command("create")
@click.argument("name")
@click.option("--organization", default="", help="org_…; for the operator only.")
@click.option("--project", "projects", multiple=True, help="proj_…: limit the key to it; may be repeated.")
@connected
@calls
def create_key(connection: Connection, name: str, organization: str, projects: tuple[str, ...]) -> None:
    """Make an API key and print its secret, which is not shown again."""
    limited = [named("projects", item) for item in projects]
    made = AccountsServiceStub(connection.channel).CreateApiKey(
        accounts_service_pb2.CreateApiKeyRequest(
            api_key=accounts_pb2.ApiKey(display_name=name, projects=limited),
            organization=named("organizations", organization),
        ),
        metadata=connection.metadata(operator=bool(organization)),
        timeout=SECONDS,
    )
    click.echo(f"{made.name} (to revoke it)", err=True)
    click.echo(made.secret)


@key.command("revoke")
@click.argument("name")
@connected
@calls
def revoke_key(connection: Connection, name: str) -> None:
    """End the API key `key_…` at once."""
    AccountsServiceStub(connection.channel).RevokeApiKey(
        accounts_service_pb2.RevokeApiKeyRequest(name=named("apiKeys", name)),
        metadata=connection.metadata(),
        timeout=SECONDS,
    )


@click.group()
def token() -> None:
    """Tokens of people."""


@token.command("create")
@click.argument("subject")
@click.option("--organization", default="", help="org_…; for the operator only.")
@click.option("--hours", type=click.FloatRange(0, 24, min_open=True), default=1.0, show_default=True)
@connected
@calls
def create_token(connection: Connection, subject: str, organization: str, hours: float) -> None:
    """Sign a JWT for a person, as a dashboard would hold one, and print it."""
    made = AccountsServiceStub(connection.channel).CreateToken(
        accounts_service_pb2.CreateTokenRequest(
            subject=subject,
            ttl=Duration(seconds=round(hours * 3600)),
            organization=named("organizations", organization),
        ),
        metadata=connection.metadata(operator=bool(organization)),
        timeout=SECONDS,
    )
    click.echo(made.token)
