"""Owns the command `carillon`. Never does anything that the native API does not: each command is a call or two."""

from __future__ import annotations

import click

from gateway.cli.accounts import key, organization, project, token
from gateway.cli.campaigns import campaign
from gateway.cli.connection import connect, variable
from gateway.cli.contacts import contacts


@click.group()
@click.option("--address", envvar=variable("address"), default="", help="host:port of the native API.")
@click.option("--key", "api_key", envvar=variable("key"), default="", help="An API key of your organization.")
@click.option("--operator-key", envvar=variable("operator_key"), default="", help="The installation's operator key.")
@click.pass_context
def cli(context: click.Context, address: str, api_key: str, operator_key: str) -> None:
    """Carillon's command line."""
    context.obj = connect(address=address, key=api_key, operator_key=operator_key)


for group in (organization, project, key, token, contacts, campaign):
    cli.add_command(group)


if __name__ == "__main__":
    cli()
