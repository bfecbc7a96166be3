"""Owns the command line `python -m tools.stack`; everything it does is `Stack`'s."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tools.stack import kafka_jars
from tools.stack.errors import StackError
from tools.stack.layout import DEFAULT_DIRECTORY
from tools.stack.parts import PARTS
from tools.stack.stack import Stack

_directory = click.option(
    "--dir", "directory", type=click.Path(path_type=Path), default=DEFAULT_DIRECTORY, help="Where the stack lives."
)


@click.group()
def cli() -> None:
    """The embedded stack: PostgreSQL, Kafka, Envoy, the services and the sandbox on this machine."""


@cli.command()
@_directory
@click.option("--only", default=",".join(PARTS), help="Some parts, separated by commas.")
@click.option("--delivery-processes", type=click.IntRange(min=1), default=1)
def up(directory: Path, only: str, delivery_processes: int) -> None:
    """Start everything in the background and wait until it is ready."""
    began = time.monotonic()
    stack = _stack(directory, delivery_processes=delivery_processes, only=tuple(only.split(",")))
    with _told():
        started = stack.up()
    if started:
        click.echo(f"ready after {time.monotonic() - began:.1f} s")
    else:
        click.echo("it is running already")
    _show_addresses(stack)


@cli.command()
@_directory
@click.option("--remove", is_flag=True, help="Delete all its data, too.")
def down(directory: Path, remove: bool) -> None:
    """Stop everything in order."""
    stack = _stack(directory)
    with _told():
        stopped = stack.down()
        if remove:
            stack.remove()
    click.echo("stopped" if stopped else "nothing was running")


@cli.command()
@_directory
def status(directory: Path) -> None:
    """Tell what runs; the exit code is 1 unless everything does."""
    stack = _stack(directory)
    processes = stack.processes()
    for one in processes:
        age = f"{time.time() - one.started:.0f} s" if one.pid else one.trouble
        click.echo(f"{one.name:12} {one.state:9} {one.pid or '':>8} {age:>10}")
    _show_addresses(stack)
    if not processes:
        click.echo("nothing is running")
    if not processes or any(one.state != "RUNNING" for one in processes):
        raise SystemExit(1)


@cli.command()
def fetch() -> None:
    """Fetch Kafka's jars; nothing where they are there."""
    with _told():
        kafka_jars.fetch()


def _stack(directory: Path, *, delivery_processes: int = 1, only: tuple[str, ...] = PARTS) -> Stack:
    with _told():
        return Stack(directory, delivery_processes=delivery_processes, only=only, say=click.echo)


def _show_addresses(stack: Stack) -> None:
    told = stack.description() or {}
    for name in ("native", "public", "sandbox", "smtp", "kafka"):
        if name in told:
            click.echo(f"{name:12} {told[name]}")
    for name, url in told.get("dialects", {}).items():
        click.echo(f"{name:12} {url}")


@contextmanager
def _told() -> Iterator[None]:
    """A StackError is for the person at the terminal: its text, exit code 1, no traceback."""
    try:
        yield
    except StackError as error:
        raise click.ClickException(str(error)) from error
