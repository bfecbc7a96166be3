"""Owns what every command does around its call: who calls, how long it waits, what a refusal looks like."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click
import grpc

from gateway.cli.connection import Connection, sentence_of

SECONDS = 20.0
connected = click.make_pass_decorator(Connection)


def calls(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose failed calls end it with one sentence and exit code 1."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except grpc.RpcError as error:
            raise click.ClickException(sentence_of(error)) from error

    return run


def named(collection: str, text: str) -> str:
    """`proj_…` or `projects/proj_…` → `projects/proj_…`."""
    return text if not text or text.startswith(collection + "/") else f"{collection}/{text}"
