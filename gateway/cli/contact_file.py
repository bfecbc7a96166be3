"""Owns reading contacts from a file: one JSON object a line, in the words of carillon.segments.v1.Contact."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import click
from carillon.segments.v1.segments_pb2 import Contact
from google.protobuf import json_format

BATCH = 1000


def batches(file: Path) -> Iterator[list[Contact]]:
    """The contacts, a thousand at a time."""
    with file.open(encoding="utf-8") as lines:
        contacts = _contacts(lines, file)
        while batch := list(itertools.islice(contacts, BATCH)):
            yield batch


def _contacts(lines: Iterator[str], file: Path) -> Iterator[Contact]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield json_format.Parse(line, Contact())
        except (json_format.ParseError, UnicodeDecodeError) as error:
            raise click.ClickException(f"{file}, line {number}: {str(error).splitlines()[0]}") from error
